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

// DefaultRetryBudget is the time for which [Secret.Do] tries again while a credential is
// rejected. It outlasts the window of a rotation by AWS's single-user strategy, in which
// the password is changed in the database and AWSCURRENT has not moved yet.
const DefaultRetryBudget = 10 * time.Second

// WithRejected sets a predicate for the errors of the function given to [Secret.Do]. It
// returns true for an error that means that the credential was refused. Errors made by
// [Rejected] mean so in any case. Package rejected has such predicates for databases and
// protocols. A predicate that panics counts as false.
func WithRejected(is func(error) bool) Option {
	return func(set *settings) {
		if is == nil {
			set.refuse("the predicate of WithRejected is nil; leave WithRejected out for errors that Rejected made")
		}
		set.rejected = is
	}
}

// WithRetryBudget sets for how long [Secret.Do] waits for another version, and tries again,
// while the credential is rejected. The default is 10 s. The budget begins when the call is
// refused, or finds that other calls were refused. With 0, Do refreshes once, and tries
// again only if that brings another version. For services that lock an account after wrong
// logins there is [WithMaxRejections].
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

// WithPending makes [Secret.Do] try the version with the stage AWSPENDING when the current
// one is rejected and a refresh brings no other. During a rotation the service may accept
// that version already. But if a failed rotation has left AWSPENDING behind, each try costs
// a wrong login. The option is for handles without a version or stage. The pending version
// is fetched and kept in the cache beside the current one. If it can't be fetched, Do goes
// on without it, and the cache's Observer gets the failure.
func WithPending() Option {
	return func(set *settings) { set.pending = true }
}

// retryDelays are the pauses between the rounds of one Do. In each round it looks for
// another version. The gate decides when the same version is tried again.
var retryDelays = backoff.Policy{Base: 50 * time.Millisecond, Max: time.Second, Jitter: backoff.EqualJitter}

// Do calls f with the present value, to log in to a service, say. If f's error says that
// the credential was refused, by [Rejected] or the predicate of [WithRejected], Do
// refreshes the secret and calls f again. Calls that are refused at the same time share one
// fetch, and there is at most one such fetch in MinRefreshInterval. While fetches fail, the
// cache's Backoff holds for them, also after a refusal by Secrets Manager.
//
// If the refresh brings nothing new, a rotation may be under way: the service has the new
// credential before Secrets Manager gives it out. Then Do waits for another version, and
// calls f as soon as it is there. The budget of [WithRetryBudget] and the end of ctx bound
// the wait.
//
// The handle remembers a version that was refused. Its other calls of Do wait too before
// they call f, and then use the value that is present by then. One call at a time tries the
// version again, since it stays valid if the rotation is cancelled. The first pause is 1 s,
// and each later one 1.5 times as long, up to 30 s. So with any number of goroutines, the
// service sees two wrong logins in the first second, beside those that were under way
// already, and later at most one a second for each version. A call that is accepted lets
// all others go on. Sessions that are logged in are not disturbed.
//
// When a call has waited for its whole budget in vain, later calls refresh the secret and
// return at once. That ends when there is another version, when a call is accepted, or when
// no call was refused for a minute. The pauses between the tries go on as before.
//
// Do returns any other error of f at once, as it is; only nil means that the credential was
// accepted. If ctx ends while f is tried again, the error wraps the last refusal too. When
// the tries are over, Do returns an [*Error] that wraps [ErrRejected], the last error of a
// refusal, and the error of the refresh, if that failed. If f was not called because other
// calls were refused, it wraps their last error. Do itself puts nothing of the secret into
// an error. If Get fails, Do returns its error without calling f.
//
// So Do may call f several times or not at all, always in the caller's goroutine. Until f
// knows that its login was accepted, it should do nothing that must not be done twice. f
// gets ctx itself: the budget counts only between tries, and ends none of them.
func (s *Secret[T]) Do(ctx context.Context, f func(ctx context.Context, value T) error) error {
	return use[T]{secret: s, f: f}.run(ctx)
}

// DoWithInfo is like Do, and also passes the Info of the value to f.
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

// runGated is run for a handle whose gate exists.
func (u use[T]) runGated(ctx context.Context, v *view[T]) error {
	t := attempt[T]{use: u}
	v, settled := t.try(ctx, v)
	if settled {
		return t.err
	}
	return t.goOn(ctx, v)
}

// afterFailure continues run after f failed without the gate.
func (u use[T]) afterFailure(ctx context.Context, v *view[T], err error) error {
	t := attempt[T]{use: u, tries: 1}
	if t.judge(ctx, v, pass{request: t.request(v.good(), false)}, err, u.secret.dec.set.outcome(ctx, err)) {
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

// An attempt is a use that does not succeed at once.
type attempt[T any] struct {
	use[T]
	tries   int
	err     error         // the error of the last try
	refusal error         // the last refusal of this call
	began   time.Time     // when it was first refused; zero before
	refused []request     // the versions with which f was refused
	hold    *hold         // the hold for which the next try waits, or nil
	others  error         // the last refusal of other calls
	budget  time.Duration // the budget of WithRetryBudget; 0 if waiting is known to be in vain
	since   time.Time     // when this call first saw the version that it tried last
	refresh error         // the error of the last refresh, or nil
	asked   bool          // whether this call has begun a refresh
}

// try calls f with the value of v, unless the value is not available or the gate holds the
// version. It reports whether the call is settled. If it has to wait for its turn, it goes
// on with the view that is present then. It returns the view that it used last.
func (t *attempt[T]) try(ctx context.Context, v *view[T]) (_ *view[T], settled bool) {
	value, err := t.secret.dec.pointer(ctx, v)
	for err == nil {
		p, h := t.ask(v.good(), false)
		if h == nil {
			return v, t.callOnce(ctx, *value, v, p)
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
	// The hook failed, say. An earlier error of f counts more, and without a value the gate
	// is not needed.
	t.refresh, t.hold = err, nil
	return v, false
}

// goOn waits and tries again after v was refused, to this call or to others.
func (t *attempt[T]) goOn(ctx context.Context, v *view[T]) error {
	set, within := &t.secret.dec.set, ctx
	began := time.Now()
	t.since, t.began = began, began
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
			v = cmp.Or(t.secret.another(within, refused), refused) // no time is left for a refresh
		} else {
			v = t.renewed(ctx, within, refused)
		}
		if ctx.Err() != nil || stays(t.refresh) && !set.followsDefault() {
			return t.gaveUp(ctx, time.Since(began)) // with a done context, f would only replace its earlier error
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
			continue // another goroutine had fetched this version, perhaps long ago: this call refreshes now
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

// turnTo records that v, which follows before, may be tried next. It reports whether v has
// another version.
func (t *attempt[T]) turnTo(v, before *view[T]) bool {
	if v.good().Same(before.good()) {
		return false
	}
	t.since = time.Now()
	t.refresh = v.err() // also if another call refreshed it
	t.budget = t.budgetFor(v)
	return true
}

// budgetFor returns how long to wait for a version other than v's.
func (t *attempt[T]) budgetFor(v *view[T]) time.Duration {
	if known := t.secret.gate.Load().knows(v.good()); known.isHopeless() || t.hold != nil && t.hold.spent && known.hopeless {
		return 0
	}
	return t.secret.dec.set.budget
}

// renewed returns the view to try after refused: another version that is present already,
// or the result of a refresh. If the refresh fails, it returns refused itself.
func (t *attempt[T]) renewed(ctx, within context.Context, refused *view[T]) *view[T] {
	patient, cancel := t.patient(within)
	defer cancel()
	if v := t.secret.another(patient, refused); v != nil {
		return v
	}
	if t.asked && t.budget == 0 || t.secret.dec.set.ref.VersionID != "" {
		return refused // there is only one refresh, and none if it can't bring another version
	}
	t.asked = true
	v, err := t.secret.renew(patient, (*engine.Entry).RefreshRecent)
	if err == nil {
		err = v.err()
	}
	if patient.Err() != nil && ctx.Err() == nil && errors.Is(err, patient.Err()) {
		err = errSlow // the caller's context has not ended
	}
	if t.refresh = err; v.good() == nil {
		return refused
	}
	return v
}

// patient returns the context for a fetch. Its wait ends when the next try is due: while
// Secrets Manager hangs, the refused credential may become good again. The fetch itself
// goes on, and its result is noticed.
func (t *attempt[T]) patient(within context.Context) (context.Context, context.CancelFunc) {
	if t.secret.dec.set.budget == 0 {
		return within, func() {} // there will be no other try
	}
	return context.WithTimeout(within, retryDelays.Max)
}

// errSlow is the error of a refresh whose end was not awaited.
var errSlow = fmt.Errorf("%w: no answer yet", ErrTimeout)

// another returns the present view if it has another version than v, or nil.
func (s *Secret[T]) another(ctx context.Context, v *view[T]) *view[T] {
	present, err := s.look(ctx)
	if err != nil || present.good() == nil || present.good().Same(v.good()) {
		return nil
	}
	return present
}

// tryPending tries the version with the stage AWSPENDING, if it is not that of v and there
// is time to fetch it.
func (t *attempt[T]) tryPending(ctx, within context.Context, v *view[T]) bool {
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
			return t.callOnce(ctx, *value, pending, p)
		}
		if h.refused || !h.wait(ctx) {
			t.hold = held // the hold of the current version counts more
			return false
		}
	}
}

// wait waits for delay, for another version than v, for the gate or for the end of ctx.
func (t *attempt[T]) wait(ctx context.Context, delay time.Duration, changed <-chan struct{}, v *view[T]) {
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
