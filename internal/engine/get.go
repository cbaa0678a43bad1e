package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/health"
)

// A query is what a reader asks for.
type query struct {
	ref   Ref
	held  *Entry // of the handle that asks; nil for a read by ID
	hasty bool   // the reader has waited long enough, or for a fetch that failed

	group  *group // of the GetAll that asks; nil: none
	probes uint64 // of a backend that is down: the number of failed probes when the reader began to wait, and one; 0: it did not
	isGone bool   // the reader's context has ended: it begins no fetch of what has no value
}

// A decision is a ruling with what it is about.
type decision struct {
	ruling
	at      instant
	snap    *Snapshot       // for fresh and stale
	failure *failure        // for stale: why
	err     error           // for refused
	resting bool            // for stale: no fetch may begin now
	fetch   *fetch          // to wait for, if it is not nil
	pause   *pause          // to wait for, if there is no fetch
	probe   <-chan struct{} // to wait for, if there is neither
	evicted *Snapshot       // dropped for the place of snap; to be observed
}

// Get is Get of package cache.
func (c *Cache) Get(ctx context.Context, ref Ref) (Value, error) {
	s, err := c.Lookup(ctx, ref)
	if err != nil {
		return Value{}, err
	}
	return s.Value(ctx)
}

// Lookup is Get for typed handles: it returns the Snapshot, which holds the
// Value.
func (c *Cache) Lookup(ctx context.Context, ref Ref) (*Snapshot, error) {
	if c == nil || c.source == nil {
		return nil, &Error{Ref: ref, Err: ErrNilCache}
	}
	ref = c.resolve(ref)
	c.clock.wake()
	if e := c.find(&ref); e != nil {
		if s := e.snap.Load(); s != nil && s.Fresh() {
			return s, nil
		}
	}
	return c.get(ctx, query{ref: ref})
}

// Get is [Cache.Lookup] for the handle that keeps e.
func (e *Entry) Get(ctx context.Context) (*Snapshot, error) {
	e.cache.clock.wake()
	if s := e.snap.Load(); s != nil && s.Fresh() {
		return s, nil
	}
	return e.cache.get(ctx, query{ref: e.ref(), held: e})
}

// get is a read that needs a look: it asks the policy, waits for a fetch if the policy says
// so, and asks again.
func (c *Cache) get(ctx context.Context, q query) (*Snapshot, error) {
	if c.fixed != nil {
		return c.fixed, nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	var asked instant
	var p patience
	var failed error  // of the fetch that the reader waited for
	var isEnough bool // the reader has waited long enough
	defer p.stop()
	for first := true; ; first = false {
		d := c.look(ctx, &q)
		if first {
			asked = d.at
		}
		c.observeEviction(ctx, &d)
		switch {
		case d.verdict == fresh:
			return d.snap, nil
		case d.verdict == refused:
			return nil, d.err
		case d.verdict == stale:
			no := c.refusesStale(ctx, &d)
			if no == nil {
				return d.snap, nil
			}
			if d.resting || failed != nil {
				return nil, no
			}
			p.over = true
		case failed != nil:
			return nil, failed
		case isEnough && d.verdict == absent && d.fetch != nil: // else the backend is down since, and the value evicted
			p.goOn(c, ctx, d.fetch)
		}
		if d.probe != nil {
			if err := c.await(ctx, &d, q.ref, nil); err != nil {
				return c.lastGood(ctx, q, err)
			}
			q.group.again(d.probe)
			continue
		}
		p.begin(c, ctx, &d)
		err := c.await(ctx, &d, q.ref, p.enough())
		isEnough = err == errLongEnough
		switch {
		case isEnough:
			q.hasty = true
		case err != nil:
			return c.lastGood(ctx, q, err)
		case d.fetch == nil:
		case d.fetch.isOfFile: // the source was not asked, as its error says
		case d.fetch.err != nil && !d.fetch.wasCut:
			failed, q.hasty = d.fetch.err, true
		case d.fetch.answers(asked, &c.policy):
			return d.fetch.snap, nil
		case d.fetch.snap == nil && ctx.Err() != nil:
			return c.lastGood(ctx, q, gaveUp(ctx, q.ref, "the fetch"))
		default:
			q.hasty, p.over, p.early = false, false, nil // the next fetch has what is left of the reader's time
		}
	}
}

// observeEviction reports the secret that a read by ID has put out of the order, if any.
func (c *Cache) observeEviction(ctx context.Context, d *decision) {
	if d.evicted != nil {
		c.observe(ctx, hook.Evicted{Secret: d.evicted.event()})
	}
}

// lastGood returns the last good value to a reader whose context has ended, if there is one
// that StaleIfError allows, else err.
func (c *Cache) lastGood(ctx context.Context, q query, err error) (*Snapshot, error) {
	q.hasty, q.isGone = true, true
	d := c.look(ctx, &q)
	c.observeEviction(ctx, &d)
	if d.verdict == fresh || d.verdict == stale && c.refusesStale(ctx, &d) == nil {
		return d.snap, nil
	}
	return nil, err
}

// look asks the policy, notes the read, begins the fetch that is due, and lets the snapshot
// be read without another look as long as the policy allows.
func (c *Cache) look(ctx context.Context, q *query) decision {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.entryFor(q)
	if err != nil {
		return decision{ruling: ruling{verdict: refused}, err: err, at: now}
	}
	st := c.stateOf(e, now)
	d := decision{ruling: c.policy.read(st, q.hasty), at: now, failure: e.failure(), resting: st.rest() > 0}
	switch {
	case d.fetchIn <= 0 && q.group != nil && q.group.isOpen && !e.toLane().isDown():
		d.fetch = q.group.list(e, now)
	case d.fetchIn <= 0 && !(q.isGone && d.verdict == absent):
		var in time.Duration
		if d.fetch, in = c.begin(ctx, e, read, now); in > 0 {
			c.lookDown(ctx, e, q, &st, in, &d)
		} else if d.fetch.queued != nil && e.toLane().isHeld {
			st.inFlight, st.isHeld = true, true
			d.ruling = c.policy.read(st, q.hasty)
		}
	case d.fetchIn > 0 && d.fetchIn < never && !d.resting && d.verdict != fresh:
		d.pause = c.pauseFor(ctx, e, read, d.fetchIn)
	default:
		d.fetch = e.inFlight()
	}
	if f := d.fetch; f != nil && f.isHeldFrom(q.group) {
		c.queueUp(f) // the pace of a Preloader holds back its own readers alone
	}
	switch d.verdict {
	case refused:
		if d.err == nil {
			d.err = d.failure.errorFor(&d.ruling, &st)
		}
	case fresh, stale:
		d.snap = e.snap.Load()
		if q.held == nil {
			d.evicted = c.use(e)
		}
		if d.failure == nil && d.verdict == stale {
			d.failure = slowFailure(&d, q.ref)
		}
		if d.verdict == fresh || c.cfg.StaleIfError == nil {
			c.mayReadUntil(d.snap, now, d.lookIn)
		}
	}
	return d
}

// lookDown rules anew for a reader of a secret whose backend is down, and may be asked for it
// after so long. Called with mu held.
func (c *Cache) lookDown(ctx context.Context, e *Entry, q *query, st *state, in time.Duration, d *decision) {
	l := e.toLane()
	st.downIn, st.isProbed = in, q.probes != 0 && l.failed >= q.probes
	d.ruling, d.resting = c.policy.read(*st, q.hasty), true
	switch d.verdict {
	case refused:
		d.err = l.errorFor(e, in)
	case absent:
		if f := e.failure(); c.sealed != nil && (f == nil || d.at.since(f.at) >= f.delay) {
			d.fetch = c.beginSealed(ctx, e, d.at, l.errorFor(e, in).Err)
			return
		}
		if q.probes == 0 {
			q.probes = l.failed + 1
		}
		d.probe = c.awaitProbe(l)
		q.group.await(e, d.probe)
	case stale:
		c.noteDown(e, in, d.at)
		d.failure = e.failure()
	}
}

// entryFor returns the entry that a query is about. Called with mu held.
func (c *Cache) entryFor(q *query) (*Entry, error) {
	if q.held != nil && !c.closed {
		return q.held, nil
	}
	return c.entry(q.ref)
}

// stateOf returns what is known of e. Called with mu held.
func (c *Cache) stateOf(e *Entry, now instant) state {
	var st state
	if s := e.snap.Load(); s != nil {
		st.hasValue, st.isInvalid, st.age, st.due = true, s.invalid, now.since(s.at), s.dueAt()
	}
	p := e.past
	if p == nil {
		return st
	}
	st.isAsked = p.invalid.isSet && p.fetch == nil
	st.isInvalid = st.isInvalid || st.isAsked
	st.forcedIn = p.forced.left(c.cfg.MinRefreshInterval, now)
	if f := p.fetch; f != nil {
		st.inFlight = true
		st.isHeld = f.queued != nil && e.toLane().isHeld || f.permit.Verdict == health.Probe
		if f.hasTurn() {
			if late := c.late(); now.since(f.awaited) > late && now.since(f.sent) > late {
				f.awaited = now // the machine was suspended, and nobody waited meanwhile
			}
			st.awaited = max(0, now.since(f.awaited))
		}
	}
	switch f := p.failure; {
	case f != nil:
		st.failed, st.isTried, st.isRefusal = true, f.tried, f.isRefusal
		if st.delay = f.delay - now.since(f.at); c.isExcused(e, f) {
			st.delay = 0
			st.isTried = f.tried && e.toLane().isDown()
		}
		st.forcedDelay = ownDelay(f.asked) - now.since(f.askedAt)
	case st.isInvalid:
		st.renewIn = p.renewed.left(c.cfg.MinRefreshInterval, now)
	}
	return st
}

// isExcused reports whether the back-off of f is void, since the backend is down, or was when
// the fetch failed. Called with mu held.
func (c *Cache) isExcused(e *Entry, f *failure) bool {
	l := e.toLane()
	return !f.isRefusal && (l.isDown() || l.health.Forgives(f.seen))
}

// mayReadUntil lets s be read without a look for a time, from now on. Called with mu held; s
// is the present snapshot of its entry.
func (c *Cache) mayReadUntil(s *Snapshot, now instant, may time.Duration) {
	if !c.cfg.CheckClock {
		c.clock.follow(now)
		s.until.Store(c.clock.deadline(may))
	}
}

// refusesStale returns nil if the value of a stale decision may be returned. Then it calls the
// Observer, once for each fetch that failed or was slow. If the value may not be returned, the
// error says so, and what failed.
func (c *Cache) refusesStale(ctx context.Context, d *decision) error {
	age := c.now().since(d.snap.at)
	if err := c.allowsStale(d, age); err != nil {
		return d.failure.refuse(err)
	}
	if d.failure.told.CompareAndSwap(false, true) {
		c.observe(ctx, hook.ServedStale{Secret: d.snap.event(), Age: age, Err: &Error{Ref: d.failure.err.Ref, Err: d.failure.err.Err}})
	}
	return nil
}

var errRefused = errors.New("StaleIfError refuses the last good value")

// allowsStale asks Config.StaleIfError about a stale decision.
func (c *Cache) allowsStale(d *decision, age time.Duration) error {
	ask := c.cfg.StaleIfError
	if ask == nil {
		return nil
	}
	var ok bool
	err := guard.Call("StaleIfError", func() error {
		ok = ask(d.failure.err.Err, age)
		return nil
	})
	if err == nil && !ok {
		err = errRefused
	}
	return err
}

// await waits for what a decision names: a fetch, or the end of a pause. The wait ends early
// when enough sends, which may be nil, or when ctx or the Cache ends.
func (c *Cache) await(ctx context.Context, d *decision, ref Ref, enough <-chan time.Time) error {
	done, waitingFor := d.probe, "the source, which is down and is asked again soon"
	switch {
	case d.pause != nil:
		done, waitingFor = d.pause.over, "the fetch, which begins at the end of MinRefreshInterval"
	case d.fetch != nil:
		done, waitingFor = d.fetch.done, "the fetch"
		c.join(d.fetch)
		defer c.part(d.fetch)
	}
	select {
	case <-done:
		return nil
	default:
	}
	select {
	case <-done:
		return nil
	case <-enough:
		return errLongEnough
	case <-c.done.Done():
		return &Error{Ref: ref, Err: ErrClosed}
	case <-ctx.Done():
		return gaveUp(ctx, ref, waitingFor)
	}
}

func gaveUp(ctx context.Context, ref Ref, waitingFor string) error {
	return &Error{Ref: ref, Err: fmt.Errorf("gave up waiting for %s: %w", waitingFor, ended(ctx))}
}

// ended says that a ctx is done, and why.
func ended(ctx context.Context) error {
	err := ctx.Err()
	if cause := guard.Finite("cause of the context", context.Cause(ctx)); !errors.Is(cause, err) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}
