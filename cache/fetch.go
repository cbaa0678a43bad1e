package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/world"
)

// An outcome is what everybody gets who waits for one flight.
type outcome struct {
	landed chan struct{} // closed when the rest is written; nil if there was no flight

	snap    *Snapshot
	err     error // an *Error
	began   instant
	number  uint64 // counts the fetches that begin; 0 if none did
	forced  bool
	renews  bool          // Invalidate had asked for it
	startIn time.Duration // until it may begin; Cache.running counts the wait
	before  past          // what was remembered when it began
	invalid bool          // Invalidate was called meanwhile

	// Guarded by Cache.mu:
	awaited instant        // from when on readers wait for it; later than began after an Invalidate
	slow    *failure       // told to readers who have waited long enough; nil before
	early   chan time.Time // closed when the sealed file was looked into for those readers; nil before
}

// A request says which fetch a caller asks for.
type request int

const (
	read    request = iota // one that makes the value good for a Get
	recent                 // a forced one, or what another brought within MinRefreshInterval
	renewal                // a forced one that begins after the call
)

// answers reports whether a successful outcome answers a reader that asked at that time. A
// reader that asked in the middle of the fetch must not get a value that was invalidated
// meanwhile, or that was past its TTL already. Only the monotonic clock says whether the
// fetch or the question came first.
func (o *outcome) answers(asked instant, ttl time.Duration) bool {
	if o.snap == nil {
		return false // the batch had no answer
	}
	if asked.mono < o.began.mono {
		return true
	}
	return !o.invalid && asked.since(o.snap.at) < ttl
}

// fetch starts the one fetch of ref, or joins the one under way. The fetch runs
// with the values of ctx, but not its end.
func (c *Cache) fetch(ctx context.Context, ref Ref, asks request) <-chan singleflight.Result {
	return c.flights.DoChan(c.key(ref), func() (any, error) {
		return c.fly(ctx, ref, asks, false), nil
	})
}

// The ends of the keys, in Cache.flights, of fetches that wait for the end of an interval. So a
// caller that may begin a fetch at once does not join them.
const (
	queued        = "\x00queued"
	queuedRenewal = "\x00queued renewal"
)

// queue is fetch for a caller that has to wait for the end of MinRefreshInterval. The fetch
// begins then, also if the caller has given up.
func (c *Cache) queue(ctx context.Context, ref Ref, asks request) <-chan singleflight.Result {
	key := c.key(ref) + queued
	if asks == renewal {
		key = c.key(ref) + queuedRenewal
	} else {
		asks = read
	}
	return c.flights.DoChan(key, func() (any, error) {
		return c.fly(ctx, ref, asks, true), nil
	})
}

// await waits for the outcome of the fetch that d says is under way, else of one that it
// starts. The wait ends early when enough sends, or when ctx ends; enough may be nil. The
// outcome comes at once if the Cache is closed.
func (c *Cache) await(ctx context.Context, ref *Ref, d *decision, asks request, enough <-chan time.Time) (*outcome, error) {
	var started <-chan singleflight.Result
	var landed chan struct{}
	switch {
	case d.under != nil:
		landed = d.under.landed
	case d.startIn > 0:
		started = c.queue(ctx, *ref, asks)
	default:
		started = c.fetch(ctx, *ref, asks)
	}
	select {
	case <-landed:
		return d.under, nil
	case r := <-started:
		return r.Val.(*outcome), nil
	case <-enough:
		return nil, errLongEnough
	case <-ctx.Done():
		if d.under == nil && d.startIn > 0 {
			return nil, gaveUp(ctx, *ref, "the fetch, which begins at the end of MinRefreshInterval")
		}
		return nil, gaveUp(ctx, *ref, "the fetch")
	}
}

func gaveUp(ctx context.Context, ref Ref, waitingFor string) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); !errors.Is(cause, err) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return &Error{Ref: ref, Err: fmt.Errorf("gave up waiting for %s: %w", waitingFor, err)}
}

// fly is the flight itself, in a goroutine of its own. Only one that is queued waits for the
// end of MinRefreshInterval.
func (c *Cache) fly(ctx context.Context, ref Ref, asks request, isQueued bool) *outcome {
	out := new(outcome)
	e, under := c.takeOff(ref, asks, out)
	for paused := false; out.startIn > 0; e, under = c.takeOff(ref, asks, out) {
		if !isQueued || paused && asks == renewal {
			c.running.Done()
			return out // its callers look again: the value may be there, or they queue
		}
		c.pause(c.done, out.startIn)
		c.running.Done()
		out.startIn, paused = 0, true
	}
	switch {
	case under != nil: // in a batch, or begun while this one was queued
		<-under.landed
		return under
	case e == nil:
		return out
	}
	t := &trip{ctx: ctx, ref: ref, out: out, err: errBrokenOff}
	c.apart(func() { c.travel(t) })
	c.arrive(e, out, t)
	return out
}

// arrive ends a flight, for which takeOff began to write out.
func (c *Cache) arrive(e *entry, out *outcome, t *trip) {
	defer c.running.Done()
	defer close(out.landed)
	if c.done.Err() != nil {
		out.err = &Error{Ref: t.ref, Err: ErrClosed}
		return
	}
	var events []hook.Event
	switch {
	case t.err == nil:
		out.snap, events = c.land(e, t)
	case t.unanswered:
		c.turnBack(e)
	default:
		if c.backup != nil {
			c.apart(func() { events = c.restore(e, t) })
			if c.done.Err() != nil {
				out.err = &Error{Ref: t.ref, Err: ErrClosed}
				return
			}
		}
		var crashed []hook.Event
		out.err, crashed = c.crash(e, t)
		events = append(events, crashed...)
	}
	// The observer may ask for this secret: that is no part of this flight.
	c.flights.Forget(e.key)
	c.flights.Forget(e.key + queued) // it may wait for this flight
	c.flights.Forget(e.key + queuedRenewal)
	if len(events) > 0 {
		c.apart(func() { c.observe(context.WithoutCancel(t.ctx), events...) })
	}
	out.invalid = out.snap != nil && c.isInvalid(out.snap)
}

// apart runs f, which calls the user's code, in a goroutine of its own and waits
// for it, or for the Cache to be closed: runtime.Goexit in f, as a test's FailNow
// does, must not end the flight that others wait for. Close waits for f too, for which
// c.running has to count the caller already.
func (c *Cache) apart(f func()) {
	done := make(chan struct{})
	c.running.Add(1)
	go func() {
		defer c.running.Done()
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-c.done.Done():
	}
}

// takeOff registers a flight. If there is one already, it returns that as under. If another
// flight ended since the caller looked, and this one is needless now or may not begin yet,
// takeOff returns nothing and writes the outcome. An empty outcome sends the caller back to
// look.
func (c *Cache) takeOff(ref Ref, asks request, out *outcome) (_ *entry, under *outcome) {
	now := c.now()
	out.began = now
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.entry(ref)
	if err != nil {
		out.err = err
		return nil, nil
	}
	if e.isFlying() {
		return nil, e.under()
	}
	d, _ := c.decide(e, now)
	fail, lately := e.failure(), asks != read && c.untilForced(e, now) > 0
	switch {
	case fail != nil && (fail.delay > now.since(fail.at) || lately && asks == recent):
		out.err, out.forced = fail.err, true
		return nil, nil
	case lately && asks == recent && d.snap != nil && c.isYoung(d.snap, now):
		out.snap, out.forced = e.snap.Load(), true
		return nil, nil
	case lately && asks == renewal:
		out.startIn = c.untilForced(e, now)
		c.running.Add(1)
		return nil, nil
	case asks == recent && d.startIn > 0:
		return nil, nil
	case asks == read && d.startIn > 0:
		out.startIn = d.startIn
		c.running.Add(1)
		return nil, nil
	case asks == read && d.verdict == hit && !d.refresh:
		out.snap = d.snap
		return nil, nil
	}
	s := e.snap.Load()
	out.renews = e.isInvalid() || s != nil && s.invalid
	out.landed, out.forced = make(chan struct{}), asks != read || out.renews
	c.begun++
	out.number, out.awaited = c.begun, now
	e.begins(out)
	c.index.add(e)
	c.running.Add(1)
	return e, nil
}

// land publishes what a flight brought.
func (c *Cache) land(e *entry, t *trip) (*Snapshot, []hook.Event) {
	// What took longer than a fetch may was on its way while the machine stood still.
	now := c.now()
	at := now.atMost(c.cfg.FetchTimeout, t.out.began)
	s := &Snapshot{entry: e, at: at, due: uint32(world.Uint64())}
	s.own(t.v, e.snap.Load())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return s, nil
	}
	old, out := e.snap.Load(), e.under()
	c.fetched++
	s.number, s.invalid = c.fetched, e.past.invalid
	s.inStep = old == nil || out.forced || e.failure() != nil || out.began.since(old.at) >= c.cfg.TTL
	if old == nil {
		c.without.remove(e)
	}
	e.ends(nil, true)
	evicted := c.publish(e, s)
	if !s.invalid {
		c.mayReadUntil(s, s.dueAt()-now.since(at))
	}
	c.outdateBackup()
	c.notify(e.key)
	if c.cfg.Observer == nil {
		return s, nil
	}
	events := []hook.Event{hook.Fetched{Secret: s.event(), Took: t.took}}
	if old != nil && old.VersionID() != t.v.VersionID {
		events = append(events, hook.Rotated{Secret: s.event(), From: old.VersionID()})
	}
	if evicted != nil {
		events = append(events, hook.Evicted{Secret: evicted.event()})
	}
	return s, events
}

// own makes the bytes of v those of s, so that nothing else that the source had is
// kept alive: by parts of old, if they are the same, however often a secret is
// refreshed.
func (s *Snapshot) own(v Value, old *Snapshot) {
	var known details
	if old != nil {
		known = old.details
	}
	s.details = detailsOf(v, s.entry.id(), known)
	switch {
	case s.Hooked():
		s.payload = v.Payload // made by transform, and perhaps with a new key
	case old != nil && old.payload.Equal(v.Payload):
		s.payload = old.payload
	default:
		s.payload = v.Payload.clone()
	}
}

// crash remembers that a flight failed, and returns the error for all.
func (c *Cache) crash(e *entry, t *trip) (*Error, []hook.Event) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	fail := &failure{began: t.out.began, at: now, first: now, count: 1}
	if before := e.failure(); before != nil {
		fail.first = before.first
		fail.count += before.count
		fail.refusal = before.refusal
	}
	if slow := e.under().slow; slow != nil {
		fail.refusal = slow.refusal // from the sealed file
	}
	fail.delay = c.cfg.backoffAfter(t.err).DelayAfter(fail.count, now.since(fail.first))
	fail.err = &Error{Ref: t.ref, RetryIn: fail.delay, Err: t.err}
	if c.closed {
		return fail.err, nil
	}
	s := e.snap.Load()
	fail.tried = !e.past.invalid && (s == nil || s.invalid || e.past.under.began.since(s.at) >= c.cfg.TTL)
	c.recall(t, fail, s != nil)
	e.ends(fail, false)
	var evicted *Snapshot
	switch {
	case s != nil:
		s.expire() // the next reader is to learn of it
	case t.kept != nil:
		c.without.remove(e)
		evicted = c.adopt(e, t.kept, now)
	default:
		c.noteWithout(e)
	}
	c.notify(e.key)
	if c.cfg.Observer == nil {
		return fail.err, nil
	}
	events := []hook.Event{hook.FetchFailed{
		Secret: hook.Secret{ID: t.ref.ID, Stage: t.ref.Stage, VersionID: t.ref.VersionID},
		Err:    t.err, Failures: fail.count, RetryIn: fail.delay, Took: t.took,
	}}
	if evicted != nil {
		events = append(events, hook.Evicted{Secret: evicted.event()})
	}
	return fail.err, events
}

// publish makes s the present snapshot of e and returns the one that was evicted
// for it, if any. Called with mu held.
func (c *Cache) publish(e *entry, s *Snapshot) (evicted *Snapshot) {
	if old := e.snap.Swap(s); old != nil {
		old.expire()
	}
	c.index.add(e)
	if out := c.recent.add(e); out != nil {
		evicted = c.evict(out)
	}
	return evicted
}

// evict drops the value of e, which the table has let go. Its past lives on, so that the
// back-off does. Called with mu held.
func (c *Cache) evict(e *entry) *Snapshot {
	s := e.snap.Swap(nil)
	s.expire()
	if s.invalid {
		c.outdate(e.ref(), s.number)
	} else {
		c.outdate(e.ref(), s.number-1)
	}
	e.memos.Store(nil)
	switch {
	case e.hasPast():
		c.noteWithout(e)
	case !e.isFlying():
		c.index.remove(e)
	}
	return s
}

// outdate notes, for those who still know an evicted value of ref, that those up to
// a number are out of date. Called with mu held.
func (c *Cache) outdate(ref Ref, number uint64) {
	if c.outdated == nil {
		c.outdated = make([]uint64, groups)
	}
	g := c.group(ref)
	c.outdated[g] = max(c.outdated[g], number)
}

func (c *Cache) isOutdated(s *Snapshot) bool {
	return c.outdated != nil && s.number <= c.outdated[c.group(s.Ref())]
}

// groups keep few enough Refs together that what is noted of one seldom is taken for
// another's. That does little harm: in an outage it makes a value stale.
const groups = 1024

// group is an FNV-1a hash, from a basis that is drawn by package world, since a story
// that is told twice is to have the same groups.
func (c *Cache) group(ref Ref) uint64 {
	h := c.basis
	for _, part := range [...]string{ref.ID, "\x00", ref.Stage, "\x00", ref.VersionID} {
		for i := range len(part) {
			h = (h ^ uint64(part[i])) * 1099511628211
		}
	}
	return (h ^ h>>32) % groups
}

// maxWithout bounds the table without, which is allocated with mu held.
const maxWithout = 1 << 16

// noteWithout keeps e, which has no value, in a table of its own: so asking for secrets
// that don't exist evicts none that do. Called with mu held.
func (c *Cache) noteWithout(e *entry) {
	if c.without == nil {
		c.without = newTable(min(max(c.cfg.MaxSize, DefaultMaxSize), maxWithout))
	}
	c.index.add(e)
	if out := c.without.add(e); out != nil && !out.isFlying() {
		c.index.remove(out)
	}
}

// readopt takes back the value that a handle kept when it was evicted here, if
// refreshing fails and there is nothing newer, and returns what was evicted for it. It
// counts as past its TTL if it is known to be outdated, or may be. Called with mu held.
func (c *Cache) readopt(e *entry, last *Snapshot) (evicted *Snapshot) {
	if e.failure() == nil || last == nil || !last.isOf(e) {
		return nil
	}
	switch present := e.snap.Load(); {
	case present == nil:
		c.without.remove(e)
	case !present.isOlder(last):
		return nil
	}
	s := &Snapshot{entry: e, payload: last.payload, details: last.details, number: last.number, at: last.at, due: last.due}
	s.invalid = last.invalid || c.isOutdated(last)
	return c.takeBack(e, s)
}

// takeBack publishes s, which is no new value. A failure from before its TTL was over
// counts as no try to refresh it: it was one to get a value, whichever. That is told by the
// wall clock, since a sealed snapshot has the time of no other. Called with mu held.
func (c *Cache) takeBack(e *entry, s *Snapshot) (evicted *Snapshot) {
	if f := e.failure(); f != nil && !s.isUndated() && time.Duration(f.began.wall-s.at.wall) < c.cfg.TTL {
		e.forgetTry()
	}
	return c.publish(e, s)
}

func (c *Cache) isInvalid(s *Snapshot) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.invalid
}
