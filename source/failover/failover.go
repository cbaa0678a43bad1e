// Package failover reads secrets from their primary region and, while that can't answer,
// from the regions where they are replicated, as a [secret.Source] over one Source for
// each region. "Replicate AWS Secrets Manager secrets across Regions" of the Secrets Manager
// user guide says how a secret gets there.
//
// # When the next region is asked
//
// If a region can't answer, or can't use the KMS key that it has for the secret
// ([secret.ErrDecryption]), the next one is asked, until the caller's context is done. Each
// but the last has half of the time until the context's deadline, so that one which hangs
// leaves some. A refusal of the primary region ([secret.ErrNotFound], [secret.ErrDeleted],
// [secret.ErrAccessDenied], [secret.ErrInvalidRequest]) is the answer. A refusal of a replica
// is none: the replica may not have the secret yet, or other policies.
//
// A region that could not answer ([secret.ErrUnavailable], [secret.ErrTimeout]) about two
// secrets, with no answer about any between, is left out; so is one that could not answer
// twice, if it was asked for one secret only. After a delay of 1 s, which grows to 5 s, one
// fetch probes it, for a quarter of the time that it has (each fourth for half), while the
// others go on without it. The first answer ends that. If no other region has an answer, those
// left out are asked too. A region that throttles ([secret.ErrThrottled]) is asked first
// nevertheless.
//
// # What a replica says
//
// A value from a replica names its region in Value.Replica. Replication takes time, so it
// may be older than one that was there before, or of a version that was rolled back; such
// a value is refused with [secret.ErrUnavailable], and the cache goes on with what it has.
// That is known of the 1,024 secrets used last, and the eight versions that each had last.
package failover

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// A Region is where a secret may be read.
type Region struct {
	Name   string // such as eu-west-1
	Source secret.Source
}

// A Source reads from the first of its regions that can answer. It is safe for
// concurrent use if theirs are.
type Source struct {
	regions []*region
	newest  *newest
}

var errNoSource = errors.New("failover: the Source is nil or was not made by New")

// New makes a Source of regions, the primary one first. None, two of a name, and one
// without a name or Source are errors.
func New(regions ...Region) (*Source, error) {
	if len(regions) == 0 {
		return nil, errors.New("failover: no region is given; the primary one comes first, then those of the replicas")
	}
	s := &Source{newest: newNewest()}
	for i, r := range regions {
		if err := checkName(i, r.Name); err != nil {
			return nil, err
		}
		switch {
		case guard.IsNil(r.Source):
			return nil, fmt.Errorf("failover: the region %s has no Source", r.Name)
		case s.region(r.Name) != nil:
			return nil, fmt.Errorf("failover: the region %s is given twice", r.Name)
		}
		s.regions = append(s.regions, &region{name: r.Name, source: r.Source, rank: i, since: time.Now()})
	}
	return s, nil
}

func checkName(i int, name string) error {
	if name == "" || strings.ContainsAny(name, " \t\n:/") {
		return fmt.Errorf("failover: region %d has the name %q; one looks like eu-west-1", i, name)
	}
	return nil
}

// FromEnvironment makes a Source of these regions with the configuration that the AWS
// SDK finds in the environment, but for its region; see [awssm.FromEnvironment]. So each
// region asks for credentials of its own, from its own STS if there is a role to assume,
// and AWS_ENDPOINT_URL_SECRETS_MANAGER, which names one endpoint, should not be set.
func FromEnvironment(ctx context.Context, names ...string) (*Source, error) {
	return fromEnvironment(names, func(region func(*config.LoadOptions) error) (*awssm.Source, error) {
		return awssm.FromEnvironment(ctx, region)
	})
}

// AssumeRole is FromEnvironment with the credentials of a role, which each region gets from its
// own STS; see [awssm.AssumeRole].
func AssumeRole(ctx context.Context, roleARN string, names ...string) (*Source, error) {
	return fromEnvironment(names, func(region func(*config.LoadOptions) error) (*awssm.Source, error) {
		return awssm.AssumeRole(ctx, roleARN, region)
	})
}

func fromEnvironment(names []string, open func(region func(*config.LoadOptions) error) (*awssm.Source, error)) (*Source, error) {
	regions := make([]Region, len(names))
	for i, name := range names {
		if err := checkName(i, name); err != nil {
			return nil, err
		}
		source, err := open(config.WithRegion(name))
		if err != nil {
			return nil, fmt.Errorf("failover: region %s: %w", name, err)
		}
		regions[i] = Region{name, source}
	}
	return New(regions...)
}

func (s *Source) region(name string) *region {
	for _, r := range s.regions {
		if r.name == name {
			return r
		}
	}
	return nil
}

// Fetch makes one request to each region that it asks.
//
// An ID that is an ARN is that of the secret in any of the regions; for each it is
// rewritten. The ARN of another region is [secret.ErrInvalidRef]. If every region fails,
// the error says what each said, and wraps what the primary one said, and of the others
// that they could not answer.
func (s *Source) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	if err := s.begin(ctx); err != nil {
		return secret.Value{}, err
	}
	if err := s.check(ref); err != nil {
		return secret.Value{}, err
	}
	var v secret.Value
	failed := s.try(ctx, ref, false, func(ctx context.Context, r *region, _ int) (err error) {
		v, err = r.source.Fetch(ctx, r.rewrite(ref))
		if err == nil {
			err = s.accept(ref, &v, r)
		}
		return err
	})
	if failed != nil {
		return secret.Value{}, failed.err()
	}
	return v, nil
}

// begin refuses a fetch that can't come to anything.
func (s *Source) begin(ctx context.Context) error {
	if s == nil || len(s.regions) == 0 {
		return errNoSource
	}
	err := ctx.Err()
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: no time is left to ask a region: %w", secret.ErrTimeout, err)
	}
	return err
}

// check refuses the ARN of another region.
func (s *Source) check(ref secret.Ref) error {
	arn, err := secret.ParseARN(ref.ID)
	if err != nil || s.region(arn.Region) != nil {
		return nil // mostly a name
	}
	var names []string
	for _, r := range s.regions {
		names = append(names, r.name)
	}
	return fmt.Errorf("%w: the ARN is of the region %s, and this source reads from %s", secret.ErrInvalidRef, arn.Region, strings.Join(names, ", "))
}

// try calls ask for one region after the other until one has an answer: then it returns
// nil, else what each said, in their order. Ref is the first that is asked for.
func (s *Source) try(ctx context.Context, ref secret.Ref, isBatch bool, ask func(context.Context, *region, int) error) attempts {
	failed := make(attempts, 0, len(s.regions))
	for _, anyway := range []bool{false, true} {
		for _, r := range s.regions {
			if failed.include(r) {
				continue
			}
			permit, ok := r.enter(ref.String(), isBatch, anyway)
			if !ok {
				continue
			}
			one := attempt{r, r.take(ctx, permit, len(failed)+1 == len(s.regions), ask)}
			switch {
			case one.err == nil:
				return nil
			case one.isFinal():
				return attempts{one}
			}
			failed = append(failed, one)
			if ctx.Err() != nil {
				return failed.sorted()
			}
		}
	}
	return failed.sorted()
}

// Format shows the names of the regions.
func (s *Source) Format(f fmt.State, _ rune) {
	if s == nil {
		return
	}
	fmt.Fprint(f, "failover:")
	for i, r := range s.regions {
		if i > 0 {
			fmt.Fprint(f, ",")
		}
		fmt.Fprint(f, r.name)
	}
}
