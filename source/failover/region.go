package failover

import (
	"context"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/guard"
)

// opensAfter is how many failures in a row open a region's circuit.
const opensAfter = 3

// probes says how long a region is left out; the first delay is for the last of the
// failures that opened its circuit.
var probes = backoff.Policy{Base: time.Second, Max: time.Minute, Jitter: backoff.EqualJitter}

// A region is a Source and its circuit.
type region struct {
	name    string
	source  cache.Source
	primary bool

	mu       sync.Mutex // guards what follows; not held while the source is asked
	failures int        // in a row
	until    time.Time  // of the open circuit: when it may be probed
	probing  bool       // one fetch does that
}

// mayBeAsked reports whether the circuit is closed, or this fetch is to probe the region.
func (r *region) mayBeAsked(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.up(now) {
		return false
	}
	r.probing = r.failures >= opensAfter
	return true
}

// isUp reports what mayBeAsked would.
func (r *region) isUp(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.up(now)
}

func (r *region) up(now time.Time) bool {
	return r.failures < opensAfter || !r.probing && !now.Before(r.until)
}

// answered notes whether the region could answer.
func (r *region) answered(could bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if could {
		r.failures = 0
		return
	}
	r.failures++
	if r.failures >= opensAfter {
		r.until = time.Now().Add(probes.Delay(r.failures - opensAfter + 1))
	}
}

// ask calls f, which asks the region; unless it is the last one, for half of the time
// that is left. A panic is the Source's failure, not the circuit's.
func (r *region) ask(ctx context.Context, last bool, f func(context.Context, *region) error) error {
	if deadline, ok := ctx.Deadline(); ok && !last {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.probing = false
	}()
	return guard.Call("source of the region "+r.name, func() error { return f(ctx, r) })
}

// rewrite returns what finds in this region what ref finds in another.
func (r *region) rewrite(ref cache.Ref) cache.Ref {
	if arn, err := cache.ParseARN(ref.ID); err == nil {
		arn.Region = r.name
		ref.ID = arn.String()
	}
	return ref
}
