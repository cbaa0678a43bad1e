// Package fleet simulates many processes that read their secrets from one region of
// Secrets Manager, in the virtual time of a testing/synctest bubble. The processes run
// the policies themselves, not models of them: typedsecret's cache, AWS's caching client
// for Go, and a loop with a fixed interval.
package fleet

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/secret"
)

// Quota is the number of calls of GetSecretValue and DescribeSecret together that a region
// accepts a second, from "AWS Secrets Manager quotas" in the user guide.
const Quota = 10_000

// latency is the time that an answer takes.
const latency = 20 * time.Millisecond

// shared is the ID of the secret that all processes read.
const shared = "shared"

// A Region counts calls, and answers or refuses them.
type Region struct {
	start time.Time
	pace  atomic.Int64 // the interval between reads, a time.Duration

	mu      sync.Mutex // guards the fields below
	seconds []Second
	quota   float64 // calls a second; may be less than one
	down    bool
	version int // the version of the shared secret
}

// A Second has the counts of a Region in one second.
type Second struct{ Calls, Refused int }

func newRegion(quota int) *Region {
	return &Region{start: time.Now(), quota: float64(quota), version: 1}
}

// call makes one request. It returns the version of the secret.
func (r *Region) call(ctx context.Context, id string) (version int, err error) {
	r.mu.Lock()
	i := int(time.Since(r.start) / time.Second)
	for len(r.seconds) <= i {
		r.seconds = append(r.seconds, Second{})
	}
	s := &r.seconds[i]
	s.Calls++
	switch {
	case s.Calls > allowed(r.quota, i):
		s.Refused++
		err = fmt.Errorf("%w: the region's quota", secret.ErrThrottled)
	case r.down:
		err = fmt.Errorf("%w: an outage", secret.ErrUnavailable)
	}
	version = 1
	if id == shared {
		version = r.version
	}
	r.mu.Unlock()
	select {
	case <-time.After(latency):
		return version, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// allowed returns how many calls a quota allows in the i-th second. A quota below one
// allows a call in some of the seconds.
func allowed(quota float64, i int) int {
	return int(quota*float64(i+1)) - int(quota*float64(i))
}

func (r *Region) set(change func(r *Region)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

// current returns the version of the shared secret.
func (r *Region) current() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version
}

// now returns the virtual time since the start.
func (r *Region) now() time.Duration { return time.Since(r.start) }
