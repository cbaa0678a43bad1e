package engine

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/health"
	"github.com/typedsecret/typedsecret/internal/world"
	"github.com/typedsecret/typedsecret/secret"
)

// A lane is the way to one backend of the source: the backend's health, and the requests that
// wait until they may begin. Cache.mu guards it.
type lane struct {
	name     string // of the backend
	health   *health.Health
	requests int              // those of Cache.requests that are the lane's
	queues   [ranks]list.List // of queued
	timer    *time.Timer      // calls onTimer; nil until it is needed
	timerAt  health.Instant   // when it does; 0: not as far as is known
	isHeld   bool             // the pace holds back the first of a queue
	isUsed   bool             // a request was made
	answered instant          // when one was last answered
	since    instant          // when the backend went down or came back

	// While the backend is down:
	changed chan struct{}  // closed when a probe has ended, or may begin; nil if nobody waits
	askAt   health.Instant // when a probe may begin, as Ask said last
	failed  uint64         // counts the probes that failed
	err     error          // why the last request failed
}

// The ranks of requests: those of a lower rank begin first.
const (
	unpaced = iota // refreshes of good values, and forced fetches: no pace holds them back
	late           // of what has no good value
	unknown        // of IDs that nothing vouches for
	ranks
)

func rankOf(p health.Purpose) int {
	switch p {
	case health.Ahead, health.Forced:
		return unpaced
	case health.New:
		return unknown
	}
	return late
}

// The queues hold values of type *fetch and *turn. Called with Cache.mu held.
type queued interface {
	want(now instant) health.Want
	start(now instant, p health.Permit) // takes a place
	drop()                              // the backend is down, or the Cache closed
}

// A turn is a request of a FetchMany that waits until it may begin.
type turn struct {
	cache  *Cache
	lane   *lane
	wanted health.Want
	permit chan health.Permit // gets one: Go, Probe or Down
}

func (t *turn) want(instant) health.Want { return t.wanted }
func (t *turn) drop()                    { t.permit <- health.Permit{Verdict: health.Down} }

func (t *turn) start(_ instant, p health.Permit) {
	t.cache.enterPlace(t.lane)
	t.permit <- p
}

// laneNamed returns the number of the lane to a backend. Called with mu held.
func (c *Cache) laneNamed(backend string) uint8 {
	h := c.healths.Of(backend)
	for i, l := range c.lanes {
		if l.health == h {
			return uint8(i)
		}
	}
	c.lanes = append(c.lanes, &lane{name: backend, health: h})
	return uint8(len(c.lanes) - 1)
}

// laneFor returns the number of the lane for ref. Called with mu held; the one call of the
// source's code for which that is so.
func (c *Cache) laneFor(ref Ref) uint8 {
	if c.backends == nil {
		return 0
	}
	var backend string
	_ = guard.Call("source", func() error {
		backend = c.backends.Backend(ref)
		return nil
	})
	return c.laneNamed(backend)
}

func (e *Entry) toLane() *lane { return e.cache.lanes[e.lane] }

func (l *lane) isDown() bool {
	_, is := l.health.Down()
	return is
}

func (l *lane) began() health.Instant {
	since, _ := l.health.Down()
	return since
}

// healthNow returns the time for health.Health: it goes on as the longer of both clocks does.
// Called with mu held.
func (c *Cache) healthNow() health.Instant {
	now := c.now()
	if step := now.since(c.counted); step > 0 {
		if now.wall-c.counted.wall-(now.mono-c.counted.mono) > int64(time.Second) {
			c.slept = c.elapsed + step
		}
		c.elapsed, c.counted = c.elapsed+step, now
	}
	return c.elapsed
}

// wantOf says for which purpose a caller would have e fetched. Called with mu held.
func (c *Cache) wantOf(e *Entry, asks kind, isOwn bool, now instant) health.Want {
	w := health.Want{Key: e.key}
	if f := e.failure(); f != nil {
		w.Since, w.Tried = f.mute, f.seen
	}
	s := e.snap.Load()
	switch {
	case isOwn:
		w.Purpose = health.Forced
	case asks == read && s != nil && c.policy.isGood(s.invalid, now.since(s.at)):
		w.Purpose = health.Ahead
	case s == nil && !e.named:
		w.Purpose = health.New
	}
	return w
}

// want is wantOf for a fetch that waits.
func (f *fetch) want(now instant) health.Want {
	return f.entry.cache.wantOf(f.entry, f.asks, f.isOwn(), now)
}

// probe asks whether a fetch of e may be the probe of its backend, which is down. If not, it
// returns when to ask again, and has the Ref probed whose turn it is. Called with mu held.
func (c *Cache) probe(ctx context.Context, e *Entry, asks kind, now instant) (p health.Permit, ok bool) {
	l := e.toLane()
	if c.requests >= maxRequests {
		l.askAt = c.healthNow() + placeIn
		return health.Permit{Verdict: health.Down, In: placeIn}, false
	}
	isOwn := asks == renewal || e.isInvalid() && !e.past.invalid.isMove
	w := c.wantOf(e, asks, isOwn, now)
	p = l.health.Ask(c.healthNow(), w)
	if p.Verdict != health.Down {
		return p, true
	}
	if p.Next != "" {
		c.probeNext(ctx, l, p.Next, now)
	}
	l.askAt = c.healthNow() + p.In
	if s := e.snap.Load(); w.Purpose == health.Ahead {
		// A value that is good keeps its schedule, so that not all is due at once after the outage.
		p.In = max(p.In, world.UpTo(c.cfg.TTL-now.since(s.at)))
	}
	return p, false
}

// probeNext begins the probe of another Ref, whose turn it is, if that is still known.
func (c *Cache) probeNext(ctx context.Context, l *lane, key string, now instant) {
	e := c.known(c.refOf(key))
	if e == nil || e.toLane() != l || e.isBusy() || c.requests >= maxRequests {
		return
	}
	w := c.wantOf(e, read, false, now)
	if p := l.health.Ask(c.healthNow(), w); p.Verdict == health.Probe {
		c.launch(c.register(context.WithoutCancel(ctx), e, read, now), p)
	}
}

// awaitProbe returns a channel that is closed when a probe of the backend has ended, or may begin.
// Called with mu held.
func (c *Cache) awaitProbe(l *lane) <-chan struct{} {
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	c.setTimer(l, l.askAt-c.healthNow())
	return l.changed
}

func (l *lane) release() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// setTimer has onTimer called after a time. If the timer is set to an earlier moment, it stays: a
// request that can't begin then sets it anew. Called with mu held.
func (c *Cache) setTimer(l *lane, in time.Duration) {
	in = max(in, time.Millisecond)
	now := c.healthNow()
	if now < l.timerAt && l.timerAt <= now+in {
		return
	}
	l.timerAt = now + in
	if l.timer == nil {
		l.timer = time.AfterFunc(in, func() { c.onTimer(l) })
	} else {
		l.timer.Reset(in)
	}
}

// onTimer is called when the pace allows a request, or when a probe may begin.
func (c *Cache) onTimer(l *lane) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	l.timerAt = 0
	l.release()
	c.pump(l)
}

// report says how a request ended. Called with mu held; err is nil for an answer.
func (c *Cache) report(l *lane, p health.Permit, said health.Kind, err error) {
	now := c.healthNow()
	if said == health.CantAnswer && c.slept != 0 && now-c.slept < c.cfg.FetchTimeout {
		said = health.Nothing // its connection may have broken in the machine's sleep
	}
	switch {
	case said == health.CantAnswer:
		l.err = err
	case said >= health.Refused:
		l.answered = c.counted
	}
	switch l.health.Report(now, p, said) {
	case health.WentDown:
		c.down++
		l.failed, l.since, l.askAt = l.failed+1, c.counted, now
		c.empty(l)
	case health.Failed:
		l.failed++
		l.askAt = now
		l.release()
	case health.CameBack:
		c.down--
		l.since = c.counted
		l.release()
		c.notifyAll()
	}
}

// kindOf is what err, of the source, says about it.
func kindOf(err error) health.Kind {
	switch {
	case err == nil:
		return health.Answered
	case errors.Is(err, ErrPanic), errors.Is(err, ErrClosed), errors.Is(err, secret.ErrNotAsked):
		return health.Nothing
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrTimeout):
		return health.CantAnswer
	case errors.Is(err, ErrThrottled):
		return health.TooMuch
	case kindsOf(err) != 0:
		return health.Refused
	}
	return health.Nothing
}

// errorFor returns the error of a reader of e who gets no value since the backend is down: of the
// last fetch of e, or, if that was before the outage, of what failed since.
func (l *lane) errorFor(e *Entry, retryIn time.Duration) *Error {
	if f, since := e.failure(), l.began(); f != nil && f.seen >= since && f.seen != 0 {
		own := *f.err
		own.RetryIn = retryIn
		return &own
	}
	err := l.err
	if err == nil {
		err = ErrUnavailable
	}
	return &Error{Ref: e.ref(), RetryIn: retryIn, Err: &downError{time.Unix(0, l.since.wall), err}}
}

// A downError is why a reader gets no value while the backend is down. Like refusedError it has
// its text made late, without Cache.mu.
type downError struct {
	since time.Time
	last  error
}

func (e *downError) Error() string {
	return fmt.Sprintf("the source is down since %s, and has not been asked for this secret: %v", e.since.UTC().Format(time.RFC3339), e.last)
}

func (e *downError) Unwrap() error { return e.last }

// noteDown has the value of e, which is past its TTL, count as tried: its backend is down.
// Called with mu held.
func (c *Cache) noteDown(e *Entry, retryIn time.Duration, now instant) {
	switch f := e.failure(); {
	case f == nil:
		e.remembered().failure = &failure{failed: failed{err: e.toLane().errorFor(e, retryIn), began: now, at: now, first: now, tried: true}}
		c.settle(e)
	case !f.tried && !f.isRefusal:
		f.tried = true
	}
}
