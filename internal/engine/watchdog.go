package engine

import (
	"fmt"
	"math"
	"time"

	"github.com/typedsecret/typedsecret/internal/health"
)

// A watchdog bounds a call of the user's code, which has a limit. A call that takes longer is
// abandoned: it counts among those that have not returned, and its isAbandoned is called.
type watchdog struct {
	c       *Cache
	call    watched
	limit   time.Duration
	timer   *time.Timer
	stopped int  // how often more than told to go on; guarded by Cache.mu
	isLate  bool // guarded by Cache.mu
}

// A watched is a call that may be abandoned. The type is an interface and not a function, so that
// the watchdog of a fetch needs no allocation.
type watched interface{ isAbandoned() }

// An ifAbandoned is the function to call if the watched call is abandoned.
type ifAbandoned func()

func (f ifAbandoned) isAbandoned() { f() }

// watch begins to watch a call that begins now.
func (c *Cache) watch(late ifAbandoned, limit time.Duration) *watchdog {
	w := &watchdog{}
	w.start(c, late, limit)
	return w
}

// start is watch for a watchdog that is part of something.
func (w *watchdog) start(c *Cache, call watched, limit time.Duration) {
	w.c, w.call, w.limit = c, call, limit
	w.timer = time.AfterFunc(lateAfter(limit), w.abandon)
}

func (w *watchdog) abandon() {
	c := w.c
	c.mu.Lock()
	isLate := w.stopped == 0 && !w.isLate && !c.closed
	if isLate {
		w.isLate = true
		c.abandoned++
		c.running.Add(1)
	}
	c.mu.Unlock()
	if isLate {
		defer c.running.Done()
		w.call.isAbandoned()
	}
}

// stop is for a call that has ended, or waits for what is no fault of the user's code. It
// reports whether the call was not abandoned.
func (w *watchdog) stop() (inTime bool) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	w.timer.Stop()
	w.stopped++
	if !w.isLate {
		return true
	}
	w.isLate = false
	w.c.abandoned--
	return false
}

// goOn gives the call its limit anew, once after each stop.
func (w *watchdog) goOn() {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	if w.stopped--; w.stopped == 0 {
		w.timer.Reset(lateAfter(w.limit))
	}
}

// grace is how long after its limit a source may return. After that its call is
// abandoned.
const grace = 100 * time.Millisecond

// late returns after how long a call that has FetchTimeout is abandoned.
func (c *Cache) late() time.Duration { return lateAfter(c.cfg.FetchTimeout) }

func lateAfter(limit time.Duration) time.Duration { return min(limit, math.MaxInt64-grace) + grace }

// wasCut reports whether a suspension of the process or the machine cut off t, which has just ended.
// It did if t has no answer and took a second longer than the watchdog lets a call run. The suspension
// may have broken the connection, and t's context ends as soon as the process goes on. Called with mu
// held.
func (c *Cache) wasCut(t *outcome) bool {
	return t.fail != nil && t.says < health.TooMuch && t.hasPlace && c.now().since(t.sent)-time.Second > c.late()
}

// lateError returns an error that names the source, and says that it or the hook is late.
func (c *Cache) lateError(limit time.Duration, what string) error {
	return fmt.Errorf("%w after %v: the source (a %T) %s", ErrTimeout, limit, c.source, what)
}

// tooManyAbandoned returns an error if so many calls of the source never returned that no
// more are made.
func (c *Cache) tooManyAbandoned() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.abandoned < maxRequests {
		return nil
	}
	return fmt.Errorf("%w: %d calls of the source (a %T) have not returned, though their contexts have ended; it must return when its context does",
		ErrUnavailable, c.abandoned, c.source)
}

// limitOf returns how long f may take: FetchTimeout, and less for a probe.
func (c *Cache) limitOf(f *fetch) time.Duration {
	if p := f.permit; p.Timeout > 0 {
		return min(p.Timeout, c.cfg.FetchTimeout)
	}
	return c.cfg.FetchTimeout
}
