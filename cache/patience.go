package cache

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A wait bounds how long one reader waits for a refresh, if there is a last good value that
// the reader may be given instead. The zero wait has not begun.
type wait struct {
	timer  *time.Timer      // nil while there is nothing that could be given instead
	limit  time.Time        // by the reader's context; zero if it has no deadline
	until  time.Time        // by Config.MaxRefreshWait
	latest time.Time        // that until may become
	early  <-chan time.Time // until the sealed file was looked into; nil before that
	over   bool             // the reader waits for the fetch, however long it takes
}

// begin sets the timer for the fetch that d asks for. The reader waits for at most
// MaxRefreshWait, counted from the beginning of the fetch, so that a reader which comes
// later in the fetch waits less or not at all. For a fetch that may not begin yet, the
// reader also waits for its beginning, and for at most twice MaxRefreshWait in all. It waits
// for at most a third of the time that its context has left, so that it has time to use the
// value.
func (w *wait) begin(c *Cache, ctx context.Context, d *decision, last *Snapshot) {
	if d.verdict == stale {
		w.over = true // StaleIfError has refused the value already
	}
	if w.over || w.early != nil || !d.expired && last == nil && c.backup == nil {
		return
	}
	now := time.Now()
	w.start(c, ctx, now)
	if d.under == nil && d.startIn > 0 {
		w.until = earlier(w.latest, now.Add(min(d.startIn, c.cfg.MaxRefreshWait)).Add(c.cfg.MaxRefreshWait))
	}
	end := w.end()
	if d.under != nil {
		end = earlier(end, now.Add(c.cfg.MaxRefreshWait-d.awaited))
	}
	if left := end.Sub(now); w.timer == nil {
		w.timer = time.NewTimer(left)
	} else {
		w.timer.Reset(left)
	}
}

// start sets the bounds of a wait that begins now, unless they are set.
func (w *wait) start(c *Cache, ctx context.Context, now time.Time) {
	if !w.until.IsZero() {
		return
	}
	w.until = now.Add(c.cfg.MaxRefreshWait)
	w.latest = w.until.Add(c.cfg.MaxRefreshWait)
	if deadline, has := ctx.Deadline(); has {
		w.limit = now.Add(deadline.Sub(now) / 3)
	}
}

// end returns when the wait is over.
func (w *wait) end() time.Time {
	if w.limit.IsZero() {
		return w.until
	}
	return earlier(w.until, w.limit)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// enough returns the channel that ends the wait; nil if only the fetch and the context do.
func (w *wait) enough() <-chan time.Time {
	switch {
	case w.over || w.timer == nil:
		return nil
	case w.early != nil:
		return w.early
	}
	return w.timer.C
}

// goOn is for a reader that has waited long enough and for which there is no last good
// value. It has the reader wait until the sealed file was looked into, and after that for
// the fetch.
func (w *wait) goOn(c *Cache, ctx context.Context, ref Ref) {
	if w.early == nil && c.backup != nil {
		w.early = c.restoreEarly(ctx, ref) // nil: the reader looks again, at once
	} else {
		w.over = true
	}
}

func (w *wait) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// errLongEnough ends a reader's wait; no caller sees it.
var errLongEnough = errors.New("the reader has waited long enough")

// errSlow is what StaleIfError gets if a refresh takes long and none has failed before.
var errSlow = fmt.Errorf("%w: the refresh has not ended yet", ErrTimeout)

// errQueued is errSlow for a refresh that may not begin yet.
var errQueued = fmt.Errorf("%w: the refresh begins at the end of MinRefreshInterval", ErrTimeout)

// lastGoodSoFar returns the last good value for a reader that stops waiting for a refresh,
// and whether there is one that StaleIfError allows. The value may be last, which the
// reader's handle kept.
func (c *Cache) lastGoodSoFar(ctx context.Context, ref Ref, last *Snapshot) (*Snapshot, bool) {
	now := c.now()
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, false
	}
	var d decision
	e := c.find(&ref)
	if e != nil {
		d, _ = c.decide(e, now)
		d.snap, d.failure = e.snap.Load(), e.failure()
	}
	isFresh := d.verdict == hit && d.snap != nil
	if d.snap == nil || last != nil && d.snap.isOlder(last) {
		d.snap = last
	} else {
		c.recent.touch(e)
	}
	if d.failure == nil {
		d.failure = slowFailure(e, ref)
	}
	c.mu.Unlock()
	switch {
	case d.snap == nil:
		return nil, false
	case isFresh:
		return d.snap, true
	}
	return d.snap, c.maySeeStale(ctx, d) == nil
}

// slowFailure returns the failure that readers get for a refresh that has not ended yet. It
// is the same for all readers of one fetch. Called with Cache.mu held.
func slowFailure(e *entry, ref Ref) *failure {
	f := &failure{err: &Error{Ref: ref, Err: errSlow}}
	if e == nil || e.under() == nil {
		f.err.Err = errQueued
		return f
	}
	if out := e.under(); out.slow == nil {
		out.slow = f
	}
	return e.under().slow
}
