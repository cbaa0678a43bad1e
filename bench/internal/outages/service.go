package outages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/secrettest"
)

// latency is the time that an answer takes.
const latency = 20 * time.Millisecond

// A region is Secrets Manager in one region, and the way to it, on which requests are
// counted and an outage can strike. It is the transport of its SDK clients.
type region struct {
	name   string
	server *secrettest.Server
	start  time.Time

	mu    sync.Mutex // guards the fields below
	to    http.RoundTripper
	calls map[string][]int // by secret, a count for each second since start
}

func newRegion(name string, server *secrettest.Server) *region {
	return &region{name: name, server: server, start: time.Now(), to: server.Transport(), calls: map[string][]int{}}
}

// RoundTrip counts a request.
func (r *region) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var asked struct{ SecretId string }
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, err
	}
	in := *req // a RoundTripper must not change the request
	in.Body = io.NopCloser(bytes.NewReader(body))
	return r.count(asked.SecretId).RoundTrip(&in)
}

// count counts a call for a secret, and returns where it is to go.
func (r *region) count(id string) http.RoundTripper {
	r.mu.Lock()
	defer r.mu.Unlock()
	second, seconds := int(time.Since(r.start)/time.Second), r.calls[id]
	for len(seconds) <= second {
		seconds = append(seconds, 0)
	}
	seconds[second]++
	r.calls[id] = seconds
	return r.to
}

// lead has further requests go to another transport. A request that hangs there is never
// answered, also if the outage ends meanwhile.
func (r *region) lead(to http.RoundTripper) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

// mend ends what lead began.
func (r *region) mend() { r.lead(r.server.Transport()) }

// perSecond returns the calls for some secrets in each of the seconds in [from, to).
func (r *region) perSecond(of func(id string) bool, from, to time.Time) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := int(from.Sub(r.start) / time.Second)
	sums := make([]int, int(to.Sub(r.start)/time.Second)-first)
	for id, seconds := range r.calls {
		if of(id) {
			for i := range sums {
				if first+i < len(seconds) {
					sums[i] += seconds[first+i]
				}
			}
		}
	}
	return sums
}

// client returns an SDK client with the SDK's default settings.
func (r *region) client() *secretsmanager.Client { return clientOver(r.name, r) }

func clientOver(region string, transport http.RoundTripper) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region:     region,
		HTTPClient: &http.Client{Transport: transport},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "outages", SecretAccessKey: "outages"}, nil
		}),
	})
}

func newServer(t *testing.T) *secrettest.Server {
	server := secrettest.New(t)
	server.Fail(t, secrettest.Fault{Latency: latency})
	return server
}

// broken returns a Secrets Manager for which each request goes wrong.
func broken(t *testing.T, how secrettest.Effect) http.RoundTripper {
	server := newServer(t)
	server.Fail(t, secrettest.Fault{Effect: how})
	return server.Transport()
}

// unresolved answers as net/http does if the name of the host can't be resolved.
type unresolved struct{}

func (unresolved) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{
		Err: "no such host", Name: r.URL.Hostname(), Server: "10.0.0.2:53", IsNotFound: true,
	}}
}

// seed makes a secret of version 0.
func (r *region) seed(t *testing.T, id string) { r.server.Seed(t, id, source.Payload(0, 0)) }

// rotate gives a secret version 1.
func (r *region) rotate(t *testing.T, id string) { r.server.Rotate(t, id, source.Payload(1, 0)) }

// replicate makes a replica of a secret in another region of the same server.
func (r *region) replicate(ctx context.Context, id, to string) error {
	home := clientOver(r.name, r.server.Transport())
	_, err := home.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{
		SecretId: &id, AddReplicaRegions: []types.ReplicaRegionType{{Region: &to}},
	})
	return err
}

var errElsewhere = errors.New("no region has this secret")

// regionOf returns the region that an ID begins with.
func regionOf(regions []*region, id string) (*region, error) {
	for _, r := range regions {
		if len(id) > len(r.name) && id[:len(r.name)+1] == r.name+"/" {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", id, errElsewhere)
}
