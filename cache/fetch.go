package cache

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
)

// An outcome is what everybody gets who waits for one flight.
type outcome struct {
	snap    *Snapshot
	err     error // an *Error
	began   instant
	forced  bool
	invalid bool // Invalidate was called meanwhile
}

// answers reports whether a successful outcome is one for who asked then, which
// may have been in the middle of the fetch: for him it must not have been
// invalidated, nor have grown old while its observer was told. Of the clocks,
// only the monotonic one tells what came first.
func (o outcome) answers(asked instant, ttl time.Duration) bool {
	if asked.mono < o.began.mono {
		return true
	}
	return !o.invalid && asked.mono-o.snap.at.mono < int64(ttl)
}

// fetch starts the one fetch of ref, or joins the one under way. The fetch runs
// with the values of ctx, but not its end.
func (c *Cache) fetch(ctx context.Context, ref Ref, forced bool) <-chan singleflight.Result {
	ctx = context.WithoutCancel(ctx)
	return c.flights.DoChan(c.key(&ref), func() (any, error) {
		return c.fly(ctx, ref, forced), nil
	})
}

// await waits for the outcome of a fetch, or for the end of ctx or the Cache.
func (c *Cache) await(ctx context.Context, ref Ref, result <-chan singleflight.Result) (outcome, error) {
	select {
	case r := <-result:
		return r.Val.(outcome), nil
	case <-ctx.Done():
		err := ctx.Err()
		if cause := context.Cause(ctx); !errors.Is(cause, err) {
			err = fmt.Errorf("%w: %w", err, cause)
		}
		return outcome{}, &Error{Ref: ref, Err: fmt.Errorf("gave up waiting for the fetch: %w", err)}
	case <-c.done.Done():
		return outcome{}, &Error{Ref: ref, Err: ErrClosed}
	}
}

// fly is the flight itself, in a goroutine of its own.
func (c *Cache) fly(ctx context.Context, ref Ref, forced bool) outcome {
	e, out := c.takeOff(ref, forced)
	if e == nil {
		return out
	}
	defer c.running.Done()
	var v Value
	var took time.Duration
	err := fmt.Errorf("%w in the source or hook: it ended its goroutine", ErrPanic)
	apart(func() { v, took, err = c.fetchOnce(ctx, ref) })
	if c.done.Err() != nil {
		return outcome{err: &Error{Ref: ref, Err: ErrClosed}}
	}
	var events []hook.Event
	if err == nil {
		out.snap, events = c.land(e, v, took)
	} else {
		out.err, events = c.crash(e, err, took)
	}
	// The observer may ask for this secret: that is no part of this flight.
	c.flights.Forget(e.key)
	apart(func() { c.observe(ctx, events...) })
	out.invalid = out.snap != nil && c.isInvalid(out.snap)
	return out
}

// apart runs f, which calls the user's code, in a goroutine of its own and waits
// for it: runtime.Goexit in it, as a test's FailNow does, must not end the flight
// that others wait for.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// takeOff registers a flight, unless between the caller's look and now another
// one ended that makes it needless: then it returns no entry but the outcome.
func (c *Cache) takeOff(ref Ref, forced bool) (*entry, outcome) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.entry(ref)
	if err != nil {
		return nil, outcome{err: err}
	}
	d, _ := c.decide(e, now)
	fail, lately := e.failure(), forced && e.forcedWithin(c.cfg.MinRefreshInterval, now)
	switch {
	case lately && fail == nil && d.snap != nil && c.isYoung(d.snap, now):
		return nil, outcome{snap: e.snap.Load(), began: now, forced: true}
	case fail != nil && (fail.delay > now.since(fail.at) || lately):
		return nil, outcome{err: fail.err, forced: true}
	case !forced && d.verdict == hit && !d.refresh:
		return nil, outcome{snap: d.snap, began: now}
	}
	s := e.snap.Load()
	f := flight{began: now, forced: forced || s != nil && s.invalid}
	e.takeOff(f)
	c.index.add(e)
	c.running.Add(1)
	return e, outcome{began: f.began, forced: f.forced}
}

// fetchOnce asks the source and gives what it brought to the hook, within
// FetchTimeout and the Cache's life. It took the time that the source took.
func (c *Cache) fetchOnce(ctx context.Context, ref Ref) (v Value, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.FetchTimeout)
	defer cancel()
	defer context.AfterFunc(c.done, cancel)()
	began := time.Now()
	err = guard.Call("source", func() (err error) {
		v, err = c.source.Fetch(ctx, ref)
		return err
	})
	took = time.Since(began)
	if err == nil {
		err = c.store(ctx, ref, &v)
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && !errors.Is(err, ErrTimeout) {
		err = fmt.Errorf("%w after %v: %w", ErrTimeout, c.cfg.FetchTimeout, err)
	}
	return v, took, err
}

// store gives the payload to the hook, and makes v the Cache's own.
func (c *Cache) store(ctx context.Context, ref Ref, v *Value) error {
	h := c.cfg.Hook
	if h == nil {
		return nil
	}
	plain := v.Payload.Bytes()
	defer clear(plain)
	var stored []byte
	err := guard.Call("hook's Put", func() (err error) {
		stored, err = h.Put(ctx, hook.Item{ID: ref.ID, Stage: ref.Stage, VersionID: v.VersionID}, plain)
		return err
	})
	if err != nil {
		return hookError("Put", err)
	}
	v.Payload = newPayload(stored, v.Payload.IsBinary())
	return nil
}

// land publishes what a flight brought.
func (c *Cache) land(e *entry, v Value, took time.Duration) (*Snapshot, []hook.Event) {
	s := &Snapshot{entry: e, payload: v.Payload, at: c.now(), due: rand.Uint32()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return s, nil
	}
	old := e.snap.Load()
	if old == nil {
		s.details = detailsOf(v, e.id(), "")
	} else {
		s.details = detailsOf(v, e.id(), old.details)
	}
	c.fetched++
	s.number, s.invalid = c.fetched, e.fetches.flight.invalid
	if c.cfg.Hook == nil && old != nil && old.Same(s) {
		// One copy in memory, however often it is refreshed. What a hook
		// stored is replaced, since it may need to be: its key may be new.
		s.payload = old.payload
	}
	if e.failure() != nil && old == nil {
		c.failing.remove(e)
	}
	e.ended(nil)
	events := []hook.Event{hook.Fetched{Secret: s.event(), Took: took}}
	if old != nil && old.VersionID() != v.VersionID {
		events = append(events, hook.Rotated{Secret: s.event(), From: old.VersionID()})
	}
	if evicted := c.publish(e, s); evicted != nil {
		events = append(events, hook.Evicted{Secret: evicted.event()})
	}
	return s, events
}

// crash remembers that a flight failed, and returns the error for all.
func (c *Cache) crash(e *entry, cause error, took time.Duration) (*Error, []hook.Event) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	fail := &failure{at: now, count: 1}
	if before := e.failure(); before != nil {
		fail.count += before.count
	}
	fail.delay = c.cfg.Backoff.Delay(fail.count)
	ref, f := e.ref(), e.fetches.flight
	fail.err = &Error{Ref: ref, RetryIn: fail.delay, Err: cause}
	if c.closed {
		return fail.err, nil
	}
	s := e.snap.Load()
	fail.tried = s == nil || !f.invalid && (s.invalid || f.began.since(s.at) >= c.cfg.TTL)
	e.ended(fail)
	if s == nil {
		c.noteFailing(e)
	}
	return fail.err, []hook.Event{hook.FetchFailed{
		Secret: hook.Secret{ID: ref.ID, Stage: ref.Stage, VersionID: ref.VersionID},
		Err:    cause, Failures: fail.count, RetryIn: fail.delay, Took: took,
	}}
}

// publish makes s the present snapshot of e and returns the one that was evicted
// for it, if any. Called with mu held.
func (c *Cache) publish(e *entry, s *Snapshot) (evicted *Snapshot) {
	if old := e.snap.Swap(s); old != nil {
		old.lease.Store(0)
	}
	c.index.add(e)
	if out := c.recent.add(e); out != nil {
		evicted = c.evict(out)
	}
	return evicted
}

// evict drops the value of e, which the table has let go. A failure lives on, so
// that the back-off does. Called with mu held.
func (c *Cache) evict(e *entry) *Snapshot {
	s := e.snap.Swap(nil)
	s.lease.Store(0)
	if s.invalid {
		c.outdate(e.ref(), s.number)
	} else {
		c.outdate(e.ref(), s.number-1)
	}
	e.memos.Store(nil)
	if e.failure() != nil {
		c.noteFailing(e)
	} else if !e.isFlying() {
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

func (c *Cache) group(ref Ref) uint64 { return maphash.Comparable(c.seed, ref) % groups }

// maxFailing bounds the table of failures, which is allocated with mu held.
const maxFailing = 1 << 16

// noteFailing keeps the failure of e, which has no value, in a table of its own:
// so asking for secrets that don't exist evicts none that do. Called with mu held.
func (c *Cache) noteFailing(e *entry) {
	if c.failing == nil {
		c.failing = newTable(min(max(c.cfg.MaxSize, DefaultMaxSize), maxFailing))
	}
	c.index.add(e)
	if out := c.failing.add(e); out != nil && !out.isFlying() {
		c.index.remove(out)
	}
}

// readopt takes back the value that a handle kept when it was evicted here, since
// nothing newer can be had, and returns what was evicted for it. It counts as past
// its TTL if it is known to be outdated, or may be. Called with mu held; e has a
// failure and no value.
func (c *Cache) readopt(e *entry, last *Snapshot) (evicted *Snapshot) {
	c.failing.remove(e)
	s := &Snapshot{entry: e, payload: last.payload, details: last.details, number: last.number, at: last.at, due: last.due}
	s.invalid = last.invalid || c.isOutdated(last)
	return c.publish(e, s)
}

func (c *Cache) isInvalid(s *Snapshot) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.invalid
}
