package engine

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/health"
	"github.com/typedsecret/typedsecret/internal/world"
)

// A fetch is one call of the source for an entry, and what follows from it. All readers
// that wait for it get the same result. Entry.past names the one that is under way: that is
// the only registry of fetches.
type fetch struct {
	entry  *Entry
	ctx    context.Context // of the caller that began it; for its values
	number uint64          // counts the fetches of the Cache
	began  instant
	sent   instant // when its last request began: a FetchMany may make a second one
	forced bool
	renews bool // Invalidate had asked for it
	asks   kind // of the caller that began it

	invalidation invalidation // of the entry, when the fetch began

	done chan struct{} // closed when snap, err and invalid are written

	isAnswered atomic.Bool                     // the source has returned a value; the hook may not have
	followed   atomic.Pointer[context.Context] // from the observer; nil: ctx

	snap    *Snapshot // nil if err is set, and if the fetch was given up before it began
	err     error     // an *Error
	invalid bool      // Invalidate was called meanwhile
	wasCut  bool      // it was cut off by a suspension: its failure says nothing about the source

	// Guarded by Cache.mu:
	awaited   instant        // from when on readers wait for it; later than began after an Invalidate
	slow      *failure       // for readers that have waited long enough; nil before
	early     chan time.Time // closed when the sealed file was looked into for those readers; nil before
	waiters   int            // readers that wait for it
	queued    *list.Element  // in a queue of its lane, until it may begin
	rank      int            // of that queue
	waited    bool           // it has queued
	hasPlace  bool           // it is one of Cache.requests
	permit    health.Permit  // of its backend, for its place
	isOfFile  bool           // it looks into the sealed file, and does not ask the source, which is down
	list      *group         // the GetAll whose FetchMany has yet to ask for it; nil: the fetch is not listed
	concluded bool           // its result is being settled
}

// answers reports whether a fetch that succeeded answers a reader that asked at that time. A
// reader that asked in the middle of the fetch must not get a value that was invalidated
// meanwhile, or that was past its TTL already. Only the monotonic clock says whether the
// fetch or the question came first.
func (f *fetch) answers(asked instant, p *policy) bool {
	if f.snap == nil {
		return false
	}
	if asked.mono < f.began.mono {
		return true
	}
	return p.isGood(f.invalid, asked.since(f.snap.at))
}

// begin begins the fetch of e, or queues it until it may begin. If its backend is down, and
// this fetch is not to be the probe, begin returns nil, and after how long to ask again. Called
// with mu held, while no fetch of e is under way.
func (c *Cache) begin(ctx context.Context, e *Entry, asks kind, now instant) (*fetch, time.Duration) {
	if !e.toLane().isDown() {
		f := c.register(ctx, e, asks, now)
		c.queueUp(f)
		return f, 0
	}
	p, ok := c.probe(ctx, e, asks, now)
	if !ok {
		return nil, p.In
	}
	f := c.register(ctx, e, asks, now)
	c.launch(f, p)
	return f, 0
}

// register makes the fetch of e and notes that it is under way. Called with mu held.
func (c *Cache) register(ctx context.Context, e *Entry, asks kind, now instant) *fetch {
	f := &fetch{entry: e, ctx: ctx, asks: asks, began: now, sent: now, awaited: now, done: make(chan struct{})}
	s := e.snap.Load()
	f.renews = e.isInvalid() || s != nil && s.invalid
	f.forced = asks != read || f.renews
	c.begun++
	f.number = c.begun
	e.begins(f)
	if f.forced {
		e.owe()
	}
	f.forced = e.past.owed
	c.index.add(e)
	c.noteStage(e)
	c.running.Add(1)
	return f
}

// isOwn reports whether the user's own Refresh or Invalidate asked for f.
func (f *fetch) isOwn() bool {
	return f.asks == renewal || f.invalidation.isSet && !f.invalidation.isMove
}

// An outcome is what the source and the hook bring for one fetch.
type outcome struct {
	*fetch
	ref  Ref
	v    Value
	took time.Duration // of the source alone
	says health.Kind   // what that says about the source
	fail error         // errBrokenOff until all else is done

	kinds kinds // of fail
	kept  *kept // what the sealed file has, if the source could not answer

	watchdog watchdog // here, as what follows, for one allocation less
	passed   detached // to the source
}

// errBrokenOff is what is left if the goroutine of a fetch ends in the user's code.
var errBrokenOff = fmt.Errorf("%w in the source, hook or sealer: it ended its goroutine", ErrPanic)

// run is the goroutine of a fetch that makes a request of its own.
func (c *Cache) run(f *fetch) {
	t := &outcome{fetch: f, ref: f.entry.ref(), fail: errBrokenOff}
	c.carryOut(t, func() { c.ask(t) })
}

// carryOut does what a fetch needs the source or the hook for, and concludes the fetch.
// Cache.running counts the calling goroutine already. The deferred call also serves a source
// that ends the goroutine, by runtime.Goexit.
func (c *Cache) carryOut(t *outcome, do func()) {
	defer c.running.Done()
	t.watchdog.start(c, t, c.limitOf(t.fetch))
	defer func() {
		if t.watchdog.stop() {
			c.conclude(t)
		}
	}()
	do()
}

// isAbandoned concludes the fetch now, without the answer of the source or the hook.
func (t *outcome) isAbandoned() {
	c := t.entry.cache
	limit := c.limitOf(t.fetch)
	late := &outcome{fetch: t.fetch, ref: t.ref, took: limit, says: health.CantAnswer}
	if t.isAnswered.Load() {
		late.says = health.Answered
	}
	late.fail = c.lateError(limit, "or the hook has not returned, though its context has ended")
	c.conclude(late)
}

// ask asks the source and gives what it brought to the hook, within the time that the fetch
// has and the Cache's life.
func (c *Cache) ask(t *outcome) {
	if err := c.tooManyAbandoned(); err != nil {
		t.fail = err
		return
	}
	limit := c.limitOf(t.fetch)
	timed, cancel := context.WithTimeout(c.done, limit)
	defer cancel()
	c.follow(t.fetch)
	t.passed = detached{timed, t.values(), t.forced}
	began := time.Now()
	err := guard.Call("source", func() (err error) {
		t.v, err = c.source.Fetch(&t.passed, t.ref)
		return err
	})
	t.took = time.Since(began)
	err = inTime(timed, limit, err)
	t.says = kindOf(err)
	if err == nil {
		t.isAnswered.Store(true)
		err = inTime(timed, limit, c.transform(&t.passed, t.ref, &t.v))
	}
	t.fail = err
}

// conclude settles the result of a fetch: it publishes the value or notes the failure, calls
// the observer, and releases the waiters. So callers that wait for the fetch also wait for
// Observe.
func (c *Cache) conclude(t *outcome) {
	f := t.fetch
	c.mu.Lock()
	f.wasCut, f.concluded = c.wasCut(t), true
	isClosed := c.closed
	c.mu.Unlock()
	defer func() { // also if the observer ends this goroutine
		f.invalid = f.snap != nil && c.isInvalid(f.snap)
		close(f.done)
	}()
	if isClosed {
		f.err = &Error{Ref: t.ref, Err: ErrClosed}
		return
	}
	var events []hook.Event
	if t.fail != nil && c.sealed != nil {
		events = c.restore(f.entry, t)
	}
	if t.fail == nil {
		f.snap, events = c.publish(t)
	} else {
		var failed []hook.Event
		f.err, failed = c.fail(t)
		events = append(events, failed...)
	}
	if len(events) > 0 {
		c.observe(context.WithoutCancel(f.values()), events...)
	}
}

// inTime wraps err in ErrTimeout if the deadline had passed.
func inTime(timed context.Context, limit time.Duration, err error) error {
	if err != nil && errors.Is(timed.Err(), context.DeadlineExceeded) && !errors.Is(err, ErrTimeout) {
		return fmt.Errorf("%w after %v: %w", ErrTimeout, limit, err)
	}
	return err
}

// transform replaces the payload of v by what the hook's Put returns.
func (c *Cache) transform(ctx context.Context, ref Ref, v *Value) error {
	h := c.cfg.Hook
	if h == nil {
		return nil
	}
	v.VersionID = strings.Clone(v.VersionID) // so that a hook which keeps it does not keep the secret
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
	v.Payload = payloadOf(stored, v.Payload.IsBinary())
	return nil
}

// publish makes what a fetch brought the present value of its entry.
func (c *Cache) publish(t *outcome) (*Snapshot, []hook.Event) {
	e, now := t.entry, c.now()
	// An answer later than FetchTimeout was delayed by a suspend; it is dated at most
	// FetchTimeout after its request began.
	at := now.atMost(c.cfg.FetchTimeout, t.sent)
	s := &Snapshot{entry: e, at: at, due: uint32(world.Uint64())}
	s.own(t.v, e.snap.Load())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leavePlace(t.fetch, health.Answered, nil)
	if c.closed {
		return s, nil
	}
	old := e.snap.Load()
	c.fetched++
	s.number, s.invalid = c.fetched, e.past.invalid.isSet
	s.inStep = old == nil || t.forced || e.failure() != nil || !c.policy.isGood(false, t.began.since(old.at))
	e.past.owed = e.past.owed && !t.forced
	e.ends(nil, true)
	evicted := c.replace(e, s)
	if !s.invalid {
		c.mayReadUntil(s, now, s.dueAt()-now.since(at))
	}
	isMoved := old != nil && old.VersionID() != t.v.VersionID
	if isMoved {
		c.moveStages(s, t.fetch, old.VersionID())
	}
	announced := c.noteFetched(t.fetch, s, isMoved, now)
	c.outdateSealed()
	c.notify(e.key)
	if c.cfg.Observer == nil {
		return s, nil
	}
	events := []hook.Event{hook.Fetched{Secret: s.event(), Took: t.took}}
	if isMoved {
		events = append(events, hook.Rotated{Secret: s.event(), From: old.VersionID()})
	}
	events = append(events, announced...)
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
		s.payload = copyOf(v.Payload)
	}
}

// fail remembers that a fetch failed, and returns the error for all.
func (c *Cache) fail(t *outcome) (*Error, []hook.Event) {
	e, now := t.entry, c.now()
	t.kinds = kindsOf(t.fail) // not with mu held: the methods of a source's error may do anything
	backoff := c.cfg.backoffAfter(t.fail)
	c.mu.Lock()
	defer c.mu.Unlock()
	before := e.failure()
	if t.wasCut {
		t.says = health.Nothing
	}
	c.leavePlace(t.fetch, t.says, t.fail)
	fail := &failure{failed: failed{began: t.began, at: now, first: now, count: 1, seen: c.healthNow(), isRefusal: t.kinds != 0}}
	if t.says < health.Refused && !t.isOfFile {
		fail.mute = fail.seen
	}
	if before != nil {
		if !e.toLane().health.Forgives(before.seen) || before.isRefusal {
			fail.first = before.first
			fail.count += before.count
		}
		if fail.mute != 0 && before.mute != 0 {
			fail.mute = before.mute
		}
		fail.asked, fail.askedAt = before.asked, before.askedAt
		fail.said = before.said
	}
	if slow := t.slow; slow != nil {
		fail.said = slow.said // from the sealed file
	}
	if t.isOwn() && !t.isOfFile {
		fail.asked++
		fail.askedAt = t.began
	}
	if t.isOfFile {
		fail.count-- // the source was not asked
	}
	if !t.wasCut {
		fail.delay = backoff.DelayAfter(max(1, fail.count), now.since(fail.first))
	}
	retryIn := fail.delay
	if l := e.toLane(); l.isDown() && !fail.isRefusal {
		retryIn = l.health.ProbeIn(fail.seen)
	}
	fail.err = &Error{Ref: t.ref, RetryIn: retryIn, Err: t.fail}
	if left := ownDelay(fail.asked) - now.since(fail.askedAt); fail.isRefusal && 0 < left && left < fail.delay {
		fail.ownErr = &Error{Ref: t.ref, RetryIn: left, Err: t.fail}
	}
	if c.closed {
		return fail.err, nil
	}
	s := e.snap.Load()
	fail.tried = !e.past.invalid.isSet && !t.wasCut && (s == nil || !c.policy.isGood(s.invalid, t.began.since(s.at)))
	c.recall(t, fail, s != nil)
	e.ends(fail, fail.isRefusal)
	c.noteUnfetched(t.fetch, fail.isRefusal)
	var evicted *Snapshot
	switch {
	case s != nil:
		s.expire() // so that the next reader looks
		c.settle(e)
	case t.kept != nil:
		evicted = c.adopt(e, t.kept, now)
	default:
		c.settle(e)
	}
	c.notify(e.key)
	if c.cfg.Observer == nil {
		return fail.err, nil
	}
	var events []hook.Event
	if !t.isOfFile { // else the source was not asked
		events = append(events, hook.FetchFailed{
			Secret: hook.Secret{ID: t.ref.ID, Stage: t.ref.Stage, VersionID: t.ref.VersionID},
			Err:    &Error{Ref: t.ref, Err: t.fail}, Failures: fail.count, RetryIn: retryIn, Took: t.took,
		})
	}
	if evicted != nil {
		events = append(events, hook.Evicted{Secret: evicted.event()})
	}
	return fail.err, events
}
