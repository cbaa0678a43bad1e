package typedsecret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/internal/engine"
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

// WithRetryBudget sets for how long [Secret.Do] waits for another version, and tries again,
// while the credential is rejected; 10 s by default. The budget is counted from the moment
// at which the call is refused, or finds that other calls were. With 0, Do refreshes once,
// and tries again only if that brings another version. For services that lock an account
// after wrong logins there is [WithMaxRejections].
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

// WithPending makes [Secret.Do] try the version that bears AWSPENDING when the current
// one is rejected and a refresh brings no other. In the midst of a rotation the service
// accepts that version already. But a rotation that failed may have left it behind; then
// it costs a wrong login at each try. The option is for handles that name no version or
// stage. The pending version is fetched and kept in the cache beside the current one, so
// a cache of MaxSize 1 fetches the two in turns. If it can't be fetched, Do goes on
// without it, and the cache's Observer learns of the failure.
func WithPending() Option {
	return func(set *settings) { set.pending = true }
}

// retryDelays lie between the rounds of one Do, in each of which it looks for another
// version. The gate decides when the same version is tried again.
var retryDelays = backoff.Policy{Base: 50 * time.Millisecond, Max: time.Second, Jitter: backoff.EqualJitter}

// Do calls f with the present value, to log in somewhere, say. If f's error says that the
// credential was refused ([Rejected], or what [WithRejected] was given), Do refreshes the
// secret and calls f again. Calls that are refused at the same time share one fetch. There
// is never more than one such fetch in MinRefreshInterval. While fetches fail, they keep to
// the cache's Backoff, also after a refusal.
//
// If the refresh brings nothing new, a rotation may be under way, in which the service
// knows the new credential before Secrets Manager gives it out. Then Do waits for another
// version, within the budget of [WithRetryBudget], and calls f as soon as it is there. The
// end of ctx ends that as well.
//
// The handle remembers a version that was refused: its other calls of Do wait too, before
// they call f the first time, and then use the value that is present by then. One call at a
// time tries the version again, since a rotation that was cancelled leaves it valid: after
// 1 s, then after 1.5 times as long each time, up to 30 s. So however many goroutines there
// are, the service sees two wrong logins in the first second, beside those that were under
// way already, and later at most one a second for each version. A call that is accepted lets
// all others go on. Sessions that are logged in are not disturbed.
//
// A call that waited for its whole budget in vain makes later calls return at once, after
// a refresh, until there is another version, a call is accepted, or no call was refused
// for a minute. The pauses between the tries go on as before.
//
// An error of f that says nothing of a refusal is returned as it is, at once; only nil says
// that the credential was accepted. When there is no more to be tried, Do returns an
// [*Error] that wraps [ErrRejected], the last error that tells of a refusal, and the error
// of the refresh, if that failed. If f was not called, since other calls were refused, it
// wraps their last error. Do itself puts nothing of the secret in an error. Errors of Get
// are returned without f being called.
//
// So Do may call f several times or not at all, always in the caller's goroutine. Until f
// knows that its login was accepted, it should do nothing that must not be done twice. It
// is given ctx itself: the budget is looked at between the tries, and ends none of them.
func (s *Secret[T]) Do(ctx context.Context, f func(ctx context.Context, value T) error) error {
	return use[T]{secret: s, f: f}.run(ctx)
}

// DoWithInfo is Do, and gives f the Info of the value too.
func (s *Secret[T]) DoWithInfo(ctx context.Context, f func(ctx context.Context, value T, info Info) error) error {
	return use[T]{secret: s, withInfo: f}.run(ctx)
}

// A use is one call of Do or DoWithInfo.
type use[T any] struct {
	secret   *Secret[T]
	f        func(context.Context, T) error // or
	withInfo func(context.Context, T, Info) error
}

func (u use[T]) run(ctx context.Context) error {
	switch {
	case u.secret.isZero():
		return ErrZeroHandle
	case u.f == nil && u.withInfo == nil:
		return errors.New("typedsecret: the function given to Do is nil")
	case ctx == nil:
		ctx = context.Background()
	}
	v, err := u.secret.look(ctx)
	if err != nil {
		return err
	}
	if !u.secret.isOpen() {
		return u.runGated(ctx, v)
	}
	value, err := u.secret.dec.pointer(ctx, v)
	if err != nil {
		return err
	}
	if err = u.call(ctx, *value, v); err == nil {
		return nil
	}
	return u.afterFailure(ctx, v, err)
}

// runGated is run where the gate has a say.
func (u use[T]) runGated(ctx context.Context, v *view[T]) error {
	t := trial[T]{use: u}
	v, settled := t.try(ctx, v)
	if settled {
		return t.err
	}
	return t.goOn(ctx, v)
}

// afterFailure is run after f failed where the gate had no say.
func (u use[T]) afterFailure(ctx context.Context, v *view[T], err error) error {
	t := trial[T]{use: u, tries: 1}
	if t.settle(ctx, v, pass{request: t.request(v.good(), false)}, err, u.secret.dec.set.outcome(ctx, err)) {
		return err
	}
	return t.goOn(ctx, v)
}

func (u use[T]) call(ctx context.Context, value T, v *view[T]) error {
	if u.withInfo != nil {
		return u.withInfo(ctx, value, v.info())
	}
	return u.f(ctx, value)
}

// A trial is a use that does not succeed at once.
type trial[T any] struct {
	use[T]
	tries   int
	err     error         // what the last try ended with
	refused []request     // the versions that f was refused with
	hold    *hold         // what the next try waits for; nil for nothing
	others  error         // what other calls were refused with
	budget  time.Duration // of WithRetryBudget; 0 if waiting is known to be in vain
	since   time.Time     // when the version that was tried last became known to this call
	refresh error         // why the last refresh failed, if it did
	asked   bool          // this call has asked for a refresh
}

// try calls f with the value of v, unless that can't be had or the gate holds the version,
// and reports whether that settles it. If it has to wait for its turn, it goes on with the
// view that is present then. It returns the view that it came to last.
func (t *trial[T]) try(ctx context.Context, v *view[T]) (_ *view[T], settled bool) {
	value, err := t.secret.dec.pointer(ctx, v)
	for err == nil {
		p, h := t.ask(v.good(), false)
		if h == nil {
			return v, t.attempt(ctx, *value, v, p)
		}
		if h.refused || !h.wait(ctx) {
			return v, false
		}
		// The version may have been replaced meanwhile, or its TTL may have passed.
		var present *view[T]
		if present, err = t.secret.look(ctx); err == nil && present != v {
			t.turnTo(present, v)
			v = present
			value, err = t.secret.dec.pointer(ctx, v)
		}
	}
	if t.tries == 0 && t.others == nil {
		t.err = err
		return v, true
	}
	// A hook fails, say; what f said counts more. There is nothing to ask the gate for.
	t.refresh, t.hold = err, nil
	return v, false
}

// goOn waits and tries again after v was refused, to this call or to others.
func (t *trial[T]) goOn(ctx context.Context, v *view[T]) error {
	set, within := &t.secret.dec.set, ctx
	began := time.Now()
	t.since = began
	if set.budget > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithDeadline(ctx, began.Add(set.budget))
		defer cancel()
	}
	changed := make(chan struct{}, 1)
	if e, err := t.secret.entryIn(v.snap.Cache()); err == nil {
		defer e.Notify(changed)()
	}
	t.budget = t.budgetFor(v)
	for round := 1; ; round++ {
		refused := v
		if isOver := round > 1 && t.budget > 0 && time.Since(began) >= t.budget; isOver {
			v = cmp.Or(t.secret.another(within, refused), refused) // no time is left to refresh
		} else {
			v = t.renewed(ctx, within, refused)
		}
		if ctx.Err() != nil || stays(t.refresh) && !set.followsDefault() {
			return t.gaveUp(ctx, time.Since(began)) // f would only say so in place of what it said
		}
		isNew := t.turnTo(v, refused)
		if isNew || round > 1 && t.budget > 0 {
			var settled bool
			if v, settled = t.try(ctx, v); settled {
				return t.err
			}
			isNew = !v.good().Same(refused.good())
		}
		if set.pending && !isNew && t.tryPending(ctx, within, v) {
			return t.err
		}
		if t.budget == 0 && isNew {
			continue // another goroutine had fetched it, perhaps long ago: now it's our turn
		}
		left := t.budget - time.Since(began)
		if left > 0 {
			t.wait(within, min(left, retryDelays.Delay(round)), changed, v)
		}
		if left <= 0 || ctx.Err() != nil {
			if t.budget > 0 && time.Since(t.since) >= t.budget {
				t.secret.theGate().giveUp(v.good())
			}
			return t.gaveUp(ctx, time.Since(began))
		}
	}
}

// turnTo notes that v, which follows before, is what may be tried, and reports whether it is
// of another version.
func (t *trial[T]) turnTo(v, before *view[T]) bool {
	if v.good().Same(before.good()) {
		return false
	}
	t.since = time.Now()
	t.refresh = v.err() // whoever refreshed it
	t.budget = t.budgetFor(v)
	return true
}

// budgetFor returns how long to wait for another version than that of v.
func (t *trial[T]) budgetFor(v *view[T]) time.Duration {
	if known := t.secret.gate.Load().knows(v.good()); known.isHopeless() || t.hold != nil && t.hold.spent && known.hopeless {
		return 0
	}
	return t.secret.dec.set.budget
}

// renewed returns what may be tried after refused was refused: another version that is
// there already, or what a refresh brings; if that fails, refused itself.
func (t *trial[T]) renewed(ctx, within context.Context, refused *view[T]) *view[T] {
	patient, cancel := t.patient(within)
	defer cancel()
	if v := t.secret.another(patient, refused); v != nil {
		return v
	}
	if t.asked && t.budget == 0 || t.secret.dec.set.ref.VersionID != "" {
		return refused // one refresh is all, and none if it can bring no other version
	}
	t.asked = true
	v, err := t.secret.renew(patient, (*engine.Entry).RefreshRecent)
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
	pending, err := follow(patient, &dec.set, ref, func(c *engine.Cache) (*view[T], error) {
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
	if err != nil {
		return false
	}
	held := t.hold
	for {
		p, h := t.ask(pending.good(), true)
		if h == nil {
			return t.attempt(ctx, *value, pending, p)
		}
		if h.refused || !h.wait(ctx) {
			t.hold = held // what is said of the current version counts more
			return false
		}
	}
}

// wait waits for delay, for another version than v, for the gate or for the end of ctx.
func (t *trial[T]) wait(ctx context.Context, delay time.Duration, changed <-chan struct{}, v *view[T]) {
	var gate <-chan struct{}
	if h := t.hold; h != nil {
		gate = h.changed
		if h.until > 0 {
			delay = min(delay, h.until)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, delay)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return
		case <-gate:
			return
		case <-changed:
			if t.secret.another(ctx, v) != nil {
				return
			}
		}
	}
}
