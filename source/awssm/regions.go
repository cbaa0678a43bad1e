package awssm

import (
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secret"
)

// regions are the regions of the ARNs that the program declared handles on.
type regions struct {
	mu    sync.Mutex // guards named
	named map[string]bool
}

// maxRegions bounds the regions that are remembered. AWS has fewer.
const maxRegions = 64

var (
	_ secret.Declarer = (*Source)(nil)
	_ secret.Backends = (*Source)(nil)
)

// hasRegions reports whether a client finds the endpoint of a region by itself. One with an
// endpoint or a resolver of the user's does not, nor one of a region such as fips-us-west-2: in
// another region it would not keep to FIPS endpoints.
func hasRegions(o secretsmanager.Options) bool {
	return o.Region != "" && o.Region == realRegion(o.Region) && o.BaseEndpoint == nil && !hasOwnResolver(o)
}

// realRegion returns the region that is meant by one such as fips-us-west-2.
func realRegion(region string) string {
	return strings.TrimPrefix(strings.TrimSuffix(strings.ReplaceAll(region, "-fips-", "-"), "-fips"), "fips-")
}

// isRegion reports whether a region looks like one, so that a host can be made of it.
var isRegion = regexp.MustCompile(`^[a-z]+(?:-[a-z]+)+-[0-9]+$`).MatchString

func hasOwnResolver(o secretsmanager.Options) bool {
	//lint:ignore SA1019 it is deprecated, and clients that have it work
	return o.EndpointResolver != nil ||
		o.EndpointResolverV2 != nil && reflect.TypeOf(o.EndpointResolverV2) != defaultResolver
}

var defaultResolver = reflect.TypeOf(secretsmanager.NewDefaultEndpointResolverV2())

// Declared tells the Source of a handle on ref. If the ID is an ARN of another region in the
// client's partition, secrets with ARNs of that region are fetched there from now on. The client
// must have no endpoint of its own. An ARN that came at run time, by a ByID, is fetched from the
// client's region, unless a handle has declared its region.
func (s *Source) Declared(ref secret.Ref) {
	arn, err := secret.ParseARN(ref.ID)
	if s == nil || s.others == nil || err != nil || arn.Region == s.region || arn.Partition != partitionOf(s.region) ||
		partitionOf(arn.Region) != arn.Partition || !isRegion(arn.Region) {
		return
	}
	s.others.mu.Lock()
	defer s.others.mu.Unlock()
	if s.others.named == nil {
		s.others.named = map[string]bool{}
	}
	if len(s.others.named) < maxRegions {
		s.others.named[arn.Region] = true
	}
}

// Backend returns the region in which ref is fetched, if it is not the client's. An outage of
// one region does not hold back fetches from another.
func (s *Source) Backend(ref secret.Ref) string {
	if s == nil || s.others == nil || !strings.HasPrefix(ref.ID, "arn:") {
		return ""
	}
	arn, err := secret.ParseARN(ref.ID)
	if err != nil || arn.Region == s.region || arn.Partition != partitionOf(s.region) {
		return ""
	}
	s.others.mu.Lock()
	defer s.others.mu.Unlock()
	if !s.others.named[arn.Region] {
		return ""
	}
	return arn.Region
}
