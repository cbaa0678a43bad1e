package failover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/health"
	"github.com/typedsecret/typedsecret/secret"
)

// A region is a Source and its health.
type region struct {
	name   string
	source secret.Source
	rank   int       // 0: the primary one
	since  time.Time // the beginning of its health's time

	mu     sync.Mutex // guards health; not held while the source is asked
	health health.Health
}

func (r *region) isPrimary() bool { return r.rank == 0 }

// now is the time for health.
func (r *region) now() health.Instant { return max(time.Since(r.since), 1) }

// enter asks the health for a permit. If the region is left out, and anyway is not set, there
// is none. A region that is asked as a last resort gets the zero Permit.
func (r *region) enter(key string, isBatch, anyway bool) (_ health.Permit, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Pace and rate are the cache's to keep.
	p := r.health.Ask(r.now(), health.Want{Key: key, Batch: isBatch, Purpose: health.Ahead})
	if p.Verdict == health.Down {
		return health.Permit{}, anyway
	}
	return p, true
}

// take has f ask the region, and reports how that ended, also if f ends the goroutine.
func (r *region) take(ctx context.Context, p health.Permit, last bool, f func(context.Context, *region, int) error) error {
	said := health.Nothing
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.health.Report(r.now(), p, said)
	}()
	err := r.ask(ctx, part(p, last), f)
	said = kindOf(ctx, err)
	return err
}

// part says which part of the time that is left a request has. The last one needs to leave
// nothing.
func part(p health.Permit, last bool) int {
	switch {
	case last:
		return 1
	case p.Verdict == health.Probe && p.Timeout > 0:
		return 4
	default:
		return 2
	}
}

// kindOf is what err, from a request with ctx, says about the region that was asked.
func kindOf(ctx context.Context, err error) health.Kind {
	switch {
	case err == nil || errors.Is(err, errLags) || errors.Is(err, errPartly):
		return health.Answered
	case isCancelled(ctx) || errors.Is(err, errSilent):
		return health.Nothing
	case errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrTimeout):
		return health.CantAnswer
	case errors.Is(err, secret.ErrThrottled):
		return health.TooMuch
	case isRefusal(err):
		return health.Refused
	}
	return health.Nothing
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
