package failover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/secret"
)

// opensAfter is how many failures in a row open a region's circuit.
const opensAfter = 3

// probes says how long a region is left out; the first delay is for the last of the
// failures that opened its circuit.
var probes = backoff.Policy{Base: time.Second, Max: time.Minute, Jitter: backoff.EqualJitter}

// A region is a Source and its circuit.
type region struct {
	name   string
	source secret.Source
	rank   int // 0: the primary one

	mu       sync.Mutex // guards what follows; not held while the source is asked
	failures int        // in a row
	until    time.Time  // of the open circuit: when it may be probed
	probing  bool       // one fetch does that
}

func (r *region) isPrimary() bool { return r.rank == 0 }

// A turn is how a fetch asks a region.
type turn int

const (
	none    turn = iota
	regular      // its circuit is closed
	probe        // this fetch alone sees whether it may be closed again
	resort       // it is open, but no other region had an answer
)

// enter begins a turn. If anyway is set, it is not none.
func (r *region) enter(anyway bool) turn {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.failures < opensAfter:
		return regular
	case r.mayBeProbed():
		r.probing = true
		return probe
	case anyway:
		return resort
	}
	return none
}

func (r *region) mayBeProbed() bool { return !r.probing && !time.Now().Before(r.until) }

// take has f ask the region, and ends the turn, also if f ends the goroutine.
func (r *region) take(ctx context.Context, t turn, last bool, f func(context.Context, *region, int) error) error {
	v := strange
	defer func() { r.leave(t, v) }()
	err := r.ask(ctx, t.part(last), f)
	v = verdictOf(ctx, err)
	return err
}

// part says which part of the time that is left is for a turn. The region that is asked last
// needs to leave nothing.
func (t turn) part(last bool) int {
	switch {
	case last:
		return 1
	case t == probe:
		return 4
	default:
		return 2
	}
}

// A verdict is what a turn says about the region.
type verdict int

const (
	nothing verdict = iota
	up
	down
	strange // no outage, but a reason not to close its circuit
)

// verdictOf is what err, from a fetch with ctx, says about the region that was asked.
func verdictOf(ctx context.Context, err error) verdict {
	switch {
	case err == nil || errors.Is(err, errLags) || errors.Is(err, errPartly):
		return up
	case isCancelled(ctx) || errors.Is(err, errSilent):
		return nothing
	case isOutage(err):
		return down
	case isRefusal(err):
		return up
	}
	return strange
}

// leave ends a turn. Fetches that began before the circuit opened, or as a last resort,
// do not prolong it.
func (r *region) leave(t turn, v verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t == probe {
		r.probing = false
	}
	switch {
	case v == up:
		r.failures = 0
	case v == down && r.failures < opensAfter, v != nothing && t == probe:
		r.failures++
		if r.failures >= opensAfter {
			r.until = time.Now().Add(probes.Delay(r.failures - opensAfter + 1))
		}
	}
}

// ask calls f, which asks the region, for one part of the time that is left.
func (r *region) ask(ctx context.Context, part int, f func(context.Context, *region, int) error) error {
	began := time.Now()
	timed := ctx
	if deadline, ok := ctx.Deadline(); ok && part > 1 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeout(ctx, deadline.Sub(began)/time.Duration(part))
		defer cancel()
	}
	err := guard.Call(r.what(), func() error { return f(timed, r, part) })
	return sorted(ctx, err, began, errors.Is(timed.Err(), context.DeadlineExceeded))
}

// sorted says of the error of a request which kind it is, if it does not say so itself.
func sorted(ctx context.Context, err error, began time.Time, isLate bool) error {
	switch {
	case err == nil || isOutage(err) || isRefusal(err) || isCancelled(ctx):
		return err
	case isLate || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w after %v: %w", secret.ErrTimeout, time.Since(began), err)
	case errors.Is(err, context.Canceled): // by none of those who may
		return fmt.Errorf("%w: %w", secret.ErrUnavailable, err)
	}
	return err
}

// what names the Source in an error.
func (r *region) what() string { return "source of the region " + r.name }

func isCancelled(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// rewrite returns what finds in this region what ref finds in another.
func (r *region) rewrite(ref secret.Ref) secret.Ref {
	if arn, err := secret.ParseARN(ref.ID); err == nil {
		arn.Region = r.name
		ref.ID = arn.String()
	}
	return ref
}
