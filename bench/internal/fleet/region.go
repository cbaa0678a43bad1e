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

// Quota is how many calls of GetSecretValue and DescribeSecret together a region takes a
// second, from "AWS Secrets Manager quotas" in the user guide.
const Quota = 10_000

// latency is what an answer takes.
const latency = 20 * time.Millisecond

// shared is the ID of the secret that all processes read.
const shared = "shared"

// A Region counts calls and answers them, or not.
type Region struct {
	start time.Time
	pace  atomic.Int64 // how often processes read: a time.Duration

	mu      sync.Mutex // guards what follows
	seconds []Second
	quota   float64 // calls a second; may be less than one
	down    bool
	version int // of the shared secret
}

// A Second is what a Region saw in one.
type Second struct{ Calls, Refused int }

func newRegion(quota int) *Region {
	return &Region{start: time.Now(), quota: float64(quota), version: 1}
}

// call is one request; it returns the version of the secret.
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

// allowed is how many calls a quota lets pass in the i-th second: of a quota below one,
// a call in some of the seconds.
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

// now is the virtual time of the story.
func (r *Region) now() time.Duration { return time.Since(r.start) }
