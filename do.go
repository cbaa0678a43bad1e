package typedsecret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/units"
)

// DefaultRetryBudget is for how long [Secret.Do] tries again while a credential is
// rejected. It outlasts the moments in which a rotation by AWS's single-user strategy
// has changed the password in the database and not yet moved AWSCURRENT.
const DefaultRetryBudget = 10 * time.Second

// WithRejected says by which errors of its function [Secret.Do] knows that a
// credential was refused, beside those of [Rejected]. Package rejected has such
// predicates for databases and protocols. A predicate that panics says no.
func WithRejected(is func(error) bool) Option {
	return func(set *settings) {
		if is == nil {
			set.refuse("the predicate of WithRejected is nil; leave WithRejected out for errors that Rejected made")
		}
		set.rejected = is
	}
}

// WithRetryBudget sets for how long [Secret.Do] tries again while the credential is
// rejected, counted from the first rejection; 10 s by default. With 0 it refreshes
// once, and tries again only if that brings another version. That is right where wrong
// logins lock an account: each try is one.
func WithRetryBudget(d time.Duration) Option {
	return func(set *settings) {
		if d < 0 {
			set.refuse("the retry budget is %v; it must be positive, or 0 to turn retries off", d)
		}
		if err := units.Check("the retry budget", d); err != nil {
			set.refuse("%w", err)
		}
		set.budget = d
	}
}

// WithPending has [Secret.Do] try the version that bears AWSPENDING when the current
// one is rejected and a refresh brings no other. In the midst of a rotation that is
// the credential which the service accepts already; but it may be one that a rotation
// which failed has left behind. It is for handles that name no version or stage. The
// pending version is fetched, and kept in the cache, beside the current one: a cache of
// MaxSize 1 has no room for both, and fetches them in turns. If it can't be fetched, Do
// goes on without it; the cache's Observer is told, as of other fetches.
func WithPending() Option {
	return func(set *settings) { set.pending = true }
}

// retryDelays lie between the tries of one Do.
var retryDelays = backoff.Policy{Base: 50 * time.Millisecond, Max: time.Second, Jitter: backoff.EqualJitter}

// Do calls f with the present value, to log in somewhere, say. If f's error says that
// the credential was refused ([Rejected], or what [WithRejected] was given), Do
// refreshes the secret and calls f again. Of all calls that are refused at once, one
// fetches, and each calls its own f again; there is never more than one such fetch in
// MinRefreshInterval, unless the secret is evicted in between, and while fetches fail,
// they keep to the cache's Backoff.
//
// If the refresh brings nothing new, a rotation may be under way, in which the service
// knows the new credential before Secrets Manager gives it out. Then Do goes on to try
// within the budget of [WithRetryBudget]: after delays of 50 ms, which grow to 1 s and
// are drawn from their upper half, and as soon as a new version is there. It tries an
// unchanged version too, since a rotation that was cancelled leaves it valid: the value
// that f was given before, also if it passes its TTL within the budget. The end of ctx
// ends that as well.
//
// An error of f that says nothing of a refusal is returned as it is, at once. One that
// does is returned when there is no more to be tried, in an [*Error] that wraps
// [ErrRejected], it, and why refreshing failed, if it did. Do itself puts nothing of
// the secret in an error. Errors of Get are returned without f being called.
//
// So f may be called several times, always in the caller's goroutine, and should do
// nothing that must not be done again before it knows that it was let in. It is given
// ctx itself: the budget is looked at between the tries, and ends none of them.
func (s *Secret[T]) Do(ctx context.Context, f func(ctx context.Context, value T) error) error {
	t := trial[T]{secret: s, f: f}
	return t.run(ctx)
}

// DoWithInfo is Do, and tells f what it is given.
func (s *Secret[T]) DoWithInfo(ctx context.Context, f func(ctx context.Context, value T, info Info) error) error {
	t := trial[T]{secret: s, withInfo: f}
	return t.run(ctx)
}

// A trial is one call of Do or DoWithInfo.
type trial[T any] struct {
	secret   *Secret[T]
	f        func(context.Context, T) error // or
	withInfo func(context.Context, T, Info) error

	tries   int
	err     error // what the last try ended with
	refresh error // why the last refresh failed, if it did
	asked   bool  // for a refresh
}

func (t *trial[T]) run(ctx context.Context) error {
	switch {
	case t.secret.isZero():
		return ErrZeroHandle
	case t.f == nil && t.withInfo == nil:
		return errors.New("typedsecret: the function given to Do is nil")
	case ctx == nil:
		ctx = context.Background()
	}
	v, err := t.secret.look(ctx)
	if err != nil {
		return err
	}
	if t.try(ctx, v) {
		return t.err
	}
	return t.goOn(ctx, v)
}

// try is call, unless the value can't be had.
func (t *trial[T]) try(ctx context.Context, v *view[T]) bool {
	value, err := t.secret.dec.pointer(ctx, v)
	if err != nil {
		if t.tries == 0 {
			t.err = err
			return true
		}
		t.refresh = err // a hook that fails, say; what f said counts more
		return false
	}
	return t.call(ctx, *value, v)
}

// call calls f with the value of v, and reports whether that settles it.
func (t *trial[T]) call(ctx context.Context, value T, v *view[T]) bool {
	t.tries++
	if t.withInfo != nil {
		t.err = t.withInfo(ctx, value, v.info())
	} else {
		t.err = t.f(ctx, value)
	}
	if !t.secret.dec.set.isRejection(t.err) {
		return true
	}
	snap := v.good()
	snap.Observe(ctx, hook.Rejected{Secret: hook.Secret{ID: snap.Ref().ID, Stage: snap.Ref().Stage, VersionID: snap.VersionID()}})
	return false
}

// goOn tries again after v was refused.
func (t *trial[T]) goOn(ctx context.Context, v *view[T]) error {
	set, within := &t.secret.dec.set, ctx
	began := time.Now()
	if set.budget > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithDeadline(ctx, began.Add(set.budget))
		defer cancel()
	}
	changed := make(chan struct{}, 1)
	defer v.snap.Cache().Notify(t.secret.ref(), changed)()
	for round := 1; ; round++ {
		refused := v
		if isOver := round > 1 && set.budget > 0 && time.Since(began) >= set.budget; isOver {
			v = cmp.Or(t.secret.another(within, refused), refused) // no time is left to refresh
		} else {
			v = t.renewed(ctx, within, refused)
		}
		if ctx.Err() != nil || stays(t.refresh) && !set.followsDefault() {
			return t.gaveUp(ctx, time.Since(began)) // f would only say so in place of what it said
		}
		isNew := !v.good().Same(refused.good())
		if isNew {
			t.refresh = v.err() // whoever refreshed it
		}
		if (isNew || round > 1 && set.budget > 0) && t.try(ctx, v) {
			return t.err
		}
		if set.pending && !isNew && t.tryPending(ctx, within, v) {
			return t.err
		}
		if set.budget == 0 && isNew {
			continue // another goroutine had fetched it, perhaps long ago: now it's our turn
		}
		left := set.budget - time.Since(began)
		if left > 0 {
			t.wait(within, min(left, retryDelays.Delay(round)), changed, v)
		}
		if left <= 0 || ctx.Err() != nil {
			return t.gaveUp(ctx, time.Since(began))
		}
	}
}

// renewed returns what may be tried after refused was refused: another version that is
// there already, or what a refresh brings; if that fails, refused itself.
func (t *trial[T]) renewed(ctx, within context.Context, refused *view[T]) *view[T] {
	patient, cancel := t.patient(within)
	defer cancel()
	if v := t.secret.another(patient, refused); v != nil {
		return v
	}
	set := &t.secret.dec.set
	if t.asked && set.budget == 0 || set.ref.VersionID != "" {
		return refused // one refresh is all, and none if it can bring no other version
	}
	t.asked = true
	v, err := t.secret.renew(patient, (*cache.Cache).LookupRecent)
	if err == nil {
		err = v.err()
	}
	if patient.Err() != nil && ctx.Err() == nil && errors.Is(err, patient.Err()) {
		err = errSlow // no context that the caller knows of has ended
	}
	if t.refresh = err; v.good() == nil {
		return refused
	}
	return v
}

// patient returns the context for a fetch, which is waited for no longer than for a try:
// while Secrets Manager hangs, the refused credential may become good again. The fetch
// goes on, and what it brings is noticed.
func (t *trial[T]) patient(within context.Context) (context.Context, context.CancelFunc) {
	if t.secret.dec.set.budget == 0 {
		return within, func() {} // there will be no other try
	}
	return context.WithTimeout(within, retryDelays.Max)
}

// errSlow is why a refresh failed that was not waited for to its end.
var errSlow = fmt.Errorf("%w: no answer yet", ErrTimeout)

// another returns the present view if it is of another version than v, else nil.
func (s *Secret[T]) another(ctx context.Context, v *view[T]) *view[T] {
	present, err := s.look(ctx)
	if err != nil || present.good() == nil || present.good().Same(v.good()) {
		return nil
	}
	return present
}

// tryPending tries the version that bears AWSPENDING, if it is another one than v and
// there is time to fetch it.
func (t *trial[T]) tryPending(ctx, within context.Context, v *view[T]) bool {
	if within.Err() != nil {
		return false
	}
	dec, ref := t.secret.dec, t.secret.ref()
	ref.Stage = "AWSPENDING"
	patient, cancel := t.patient(within)
	defer cancel()
	pending, err := follow(patient, &dec.set, ref, func(c *cache.Cache) (*view[T], error) {
		snap, err := c.LookupRecent(patient, ref)
		if err != nil {
			return nil, err
		}
		return &view[T]{snap: snap}, nil
	})
	if err != nil || pending.snap.Same(v.good()) {
		return false
	}
	value, err := dec.pointer(patient, pending)
	return err == nil && t.call(ctx, *value, pending)
}

// wait waits for delay, for another version than v or for the end of ctx.
func (t *trial[T]) wait(ctx context.Context, delay time.Duration, changed <-chan struct{}, v *view[T]) {
	ctx, cancel := context.WithTimeout(ctx, delay)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			if t.secret.another(ctx, v) != nil {
				return
			}
		}
	}
}
