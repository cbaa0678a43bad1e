package cache

import (
	"context"
	"errors"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
)

// A decision is what look found: whether the present snapshot may be returned,
// and what else is to be done.
type decision struct {
	verdict verdict
	snap    *Snapshot     // for hit and stale
	refresh bool          // start a fetch, but don't wait for it; for hit and stale
	failure *failure      // for stale
	waitFor time.Duration // what is left of the back-off; for stale
	err     error         // for refused
	evicted *Snapshot     // for what was taken back; to be told
	at      instant       // when look looked
	startIn time.Duration // until the fetch may begin; for miss
	expired bool          // there is a value, past its TTL or invalidated; for miss
	under   *outcome      // of the fetch under way, if there is one; for miss and stale
	awaited time.Duration // for how long readers have been waiting for it
	begun   uint64        // how many fetches of the Cache have begun
}

type verdict int

const (
	miss    verdict = iota // a fetch must be waited for
	hit                    // the value is younger than its TTL
	stale                  // it is not, but was tried to refresh: if StaleIfError allows
	refused                // there is no value, and none may be fetched now
)

// look decides what a read of ref gets, notes the read, and says until when further reads of
// the snapshot need no look.
func (c *Cache) look(ref Ref, last *Snapshot) decision {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.entry(ref)
	if err != nil {
		return decision{verdict: refused, err: err, at: now}
	}
	evicted := c.readopt(e, last)
	d, may := c.decide(e, now)
	d.evicted, d.at = evicted, now
	d.joins(e.under())
	if d.snap == nil {
		return d
	}
	c.recent.touch(e)
	c.mayReadUntil(d.snap, may)
	return d
}

// mayReadUntil lets s be read without a look for a time. Called with mu held; s is the
// present snapshot of its entry.
func (c *Cache) mayReadUntil(s *Snapshot, may time.Duration) {
	if !c.cfg.CheckClock {
		s.until.Store(c.clock.deadline(may))
	}
}

// joins notes the fetch that is under way when the decision is made, if there is one. Called
// with Cache.mu held.
func (d *decision) joins(under *outcome) {
	d.under = under
	if under != nil {
		d.awaited = max(0, d.at.since(under.awaited)) // it may have begun since look read the clock
	}
}

// decide is the policy: what is to be done about e, and for how long the
// snapshot may be returned without asking again. Called with mu held.
func (c *Cache) decide(e *entry, now instant) (d decision, may time.Duration) {
	s, f := e.snap.Load(), e.failure()
	var delay time.Duration // what is left of the back-off
	if f != nil {
		delay = f.delay - now.since(f.at)
	}
	if s == nil {
		if delay > 0 {
			return decision{verdict: refused, err: f.err}, 0
		}
		return decision{verdict: miss}, 0
	}
	age, due := now.since(s.at), s.dueAt()
	left := c.cfg.TTL - age
	switch {
	case s.invalid || left <= 0:
		return c.decideExpired(e, s, delay, now)
	case age < due:
		return decision{verdict: hit, snap: s}, due - age
	case e.isFlying():
		return decision{verdict: hit, snap: s}, left
	case delay > 0:
		return decision{verdict: hit, snap: s}, min(left, delay)
	default:
		return decision{verdict: hit, snap: s, refresh: true}, 0
	}
}

// decideExpired decides about a value that may not be returned before a fetch to refresh it
// has begun. Once such a fetch has failed, further fetches run in the background and no
// reader waits until one succeeds. Otherwise, where reads are rare and the source hangs,
// each reader would wait.
func (c *Cache) decideExpired(e *entry, s *Snapshot, delay time.Duration, now instant) (decision, time.Duration) {
	f := e.failure()
	if f == nil || delay <= 0 && !f.tried {
		return decision{verdict: miss, expired: true, startIn: c.untilRenewed(e, now)}, 0
	}
	d := decision{verdict: stale, snap: s, failure: f, waitFor: delay}
	d.refresh = delay <= 0 && !e.isFlying()
	switch {
	case c.cfg.StaleIfError != nil:
		return d, 0 // asked anew for each read
	case e.isFlying():
		return d, c.cfg.FetchTimeout // the end of the fetch is looked at anew
	default:
		return d, delay
	}
}

// lookForced decides what a forced refresh gets: a decision of hit, miss or refused. Since is
// how many fetches had begun when its caller asked.
func (c *Cache) lookForced(ref Ref, asks request, since uint64) decision {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	d := decision{at: now, begun: c.begun}
	e, err := c.entry(ref)
	if err != nil {
		d.verdict, d.err = refused, err
		return d
	}
	if e.isFlying() {
		d.joins(e.under()) // to be waited for in any case
		return d
	}
	wait := c.untilForced(e, now)
	s, f := e.snap.Load(), e.failure()
	isDone := asks == renewal && e.past != nil && e.past.forced.number > since // by another caller's fetch
	switch {
	case isDone && f != nil:
		d.verdict, d.err = refused, f.err
	case isDone && s != nil:
		d.verdict, d.snap = hit, s
	case f != nil && (f.delay > now.since(f.at) || wait > 0 && asks == recent):
		d.verdict, d.err = refused, f.err
	case wait > 0 && asks == recent && s != nil && c.isYoung(s, now):
		c.recent.touch(e)
		d.verdict, d.snap = hit, s
	case asks == renewal:
		d.startIn = wait
	default:
		d.startIn = c.untilRenewed(e, now)
	}
	return d
}

// isYoung reports whether s may be returned without a try to refresh it.
func (c *Cache) isYoung(s *Snapshot, now instant) bool {
	return !s.invalid && now.since(s.at) < c.cfg.TTL
}

// entry returns the entry for ref, whether or not it is in the index; one that has
// nothing to be kept is put there when its fetch begins. Called with mu held.
func (c *Cache) entry(ref Ref) (*entry, error) {
	if c.closed {
		return nil, &Error{Ref: ref, Err: ErrClosed}
	}
	if e := c.find(&ref); e != nil {
		return e, nil
	}
	if err := ref.Validate(); err != nil {
		return nil, &Error{Ref: ref, Err: err}
	}
	return c.newEntry(ref), nil
}

// maySeeStale asks whether the value of a stale decision may be returned. If it may,
// maySeeStale calls the Observer, once for each fetch that failed or was slow. If it may
// not, the error says so, and what failed.
func (c *Cache) maySeeStale(ctx context.Context, d decision) error {
	age := c.now().since(d.snap.at)
	if err := c.allowsStale(d, age); err != nil {
		return d.failure.refuse(err)
	}
	if d.failure.told.CompareAndSwap(false, true) {
		c.observe(ctx, hook.ServedStale{Secret: d.snap.event(), Age: age, Err: d.failure.err.Err})
	}
	return nil
}

var errRefused = errors.New("StaleIfError refuses the last good value")

// allowsStale asks Config.StaleIfError about a stale decision.
func (c *Cache) allowsStale(d decision, age time.Duration) error {
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

// lastGood is what a reader gets that waited for a fetch which failed.
func (c *Cache) lastGood(ctx context.Context, ref Ref, last *Snapshot, err error) (*Snapshot, error) {
	now := c.now()
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, err
	}
	e := c.find(&ref)
	if e == nil || e.failure() == nil {
		// Another fetch has succeeded since. What it brought may be evicted again.
		var s *Snapshot
		if e != nil {
			s = e.snap.Load()
		}
		c.mu.Unlock()
		var failed *Error
		switch {
		case s != nil:
			return s, nil
		case last != nil && errors.As(err, &failed):
			if err := c.maySeeStale(ctx, decision{snap: last, failure: &failure{err: failed}}); err != nil {
				return nil, err
			}
			return last, nil
		}
		return nil, err
	}
	evicted := c.readopt(e, last)
	d, _ := c.decide(e, now)
	young := d.verdict == hit
	if d.snap, d.failure = e.snap.Load(), e.failure(); d.snap != nil {
		c.recent.touch(e)
	}
	c.mu.Unlock()
	if evicted != nil {
		c.observe(ctx, hook.Evicted{Secret: evicted.event()})
	}
	if young {
		return d.snap, nil
	}
	if d.snap == nil {
		return nil, err
	}
	if err := c.maySeeStale(ctx, d); err != nil {
		return nil, err
	}
	return d.snap, nil
}
