package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A patience bounds how long one reader waits for a refresh, if there is a last good value
// that the reader may be given instead. The zero patience has not begun.
type patience struct {
	timer  *time.Timer      // nil while there is nothing that could be given instead
	limit  time.Time        // by the reader's context; zero if it has no deadline
	until  time.Time        // by Config.MaxRefreshWait
	latest time.Time        // that until may become
	early  <-chan time.Time // until the sealed file was looked into; nil before that
	over   bool             // the reader waits for the fetch, however long it takes
}

// begin sets the timer for what d says is waited for. The reader waits for at most
// MaxRefreshWait, counted from the beginning of the fetch, so that a reader which comes
// later in the fetch waits less or not at all. For a fetch that may not begin yet, the
// reader also waits for its beginning, and for at most twice MaxRefreshWait in all. It waits
// for at most a third of the time that its context has left, so that it has time to use the
// value.
func (p *patience) begin(c *Cache, ctx context.Context, d *decision) {
	if p.over || p.early != nil || d.verdict != expired && c.sealed == nil {
		return
	}
	now := time.Now()
	p.start(c, ctx, now)
	if d.fetch == nil {
		p.until = earlier(p.latest, now.Add(min(d.fetchIn, c.cfg.MaxRefreshWait)).Add(c.cfg.MaxRefreshWait))
	}
	end := p.end()
	if d.fetch != nil {
		end = earlier(end, now.Add(c.cfg.MaxRefreshWait-d.fetch.awaitedFor(c, d.at)))
	}
	if left := end.Sub(now); p.timer == nil {
		p.timer = time.NewTimer(left)
	} else {
		p.timer.Reset(left)
	}
}

// awaitedFor returns for how long readers have been waiting for f since it was its turn.
func (f *fetch) awaitedFor(c *Cache, now instant) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !f.hasTurn() {
		return 0
	}
	return max(0, now.since(f.awaited))
}

// start sets the bounds of a wait that begins now, unless they are set.
func (p *patience) start(c *Cache, ctx context.Context, now time.Time) {
	if !p.until.IsZero() {
		return
	}
	p.until = now.Add(c.cfg.MaxRefreshWait)
	p.latest = p.until.Add(c.cfg.MaxRefreshWait)
	if deadline, has := ctx.Deadline(); has {
		p.limit = now.Add(deadline.Sub(now) / 3)
	}
}

// Patience returns for how long a reader with ctx waits for what it can do without.
func (c *Cache) Patience(ctx context.Context) time.Duration {
	var p patience
	now := time.Now()
	p.start(c, ctx, now)
	return p.end().Sub(now)
}

// end returns when the wait is over.
func (p *patience) end() time.Time {
	if p.limit.IsZero() {
		return p.until
	}
	return earlier(p.until, p.limit)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// enough returns the channel that ends the wait; nil if only the fetch and the context do.
func (p *patience) enough() <-chan time.Time {
	switch {
	case p.over || p.timer == nil:
		return nil
	case p.early != nil:
		return p.early
	}
	return p.timer.C
}

// goOn is for a reader that has waited long enough and for which there is no last good
// value. It has the reader wait until the sealed file was looked into, and after that for
// the fetch. A fetch that only waits for its turn is no reason to look into the file.
func (p *patience) goOn(c *Cache, ctx context.Context, f *fetch) {
	now := time.Now()
	more := c.cfg.MaxRefreshWait - f.awaitedFor(c, c.now())
	switch {
	case p.early != nil || c.sealed == nil:
		p.over = true
	case more > 0 && c.progresses(f) && (p.limit.IsZero() || now.Before(p.limit)):
		p.until = now.Add(more)
	default:
		p.early = c.restoreEarly(ctx, f)
	}
}

// progresses reports whether f has its turn, or may have it soon: other requests have ended
// lately, or the pace of a Preloader holds requests back.
func (c *Cache) progresses(f *fetch) bool {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return f.hasTurn() || f.entry.toLane().isHeld || c.held > 0 || now.since(c.turned) < c.cfg.MaxRefreshWait
}

func (p *patience) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}

// errLongEnough ends a reader's wait; no caller sees it.
var errLongEnough = errors.New("the reader has waited long enough")

// errSlow is what StaleIfError gets if a refresh takes long and none has failed before.
var errSlow = fmt.Errorf("%w: the refresh has not ended yet", ErrTimeout)

// errQueued is errSlow for a refresh that may not begin yet.
var errQueued = fmt.Errorf("%w: the refresh begins at the end of MinRefreshInterval", ErrTimeout)

// slowFailure returns the failure that readers get for a refresh that has not ended yet, or not
// begun. It is the same for all readers of one fetch, or of one pause before it. Called with
// Cache.mu held.
func slowFailure(d *decision, ref Ref) *failure {
	var own *failure
	slow, err := &own, errQueued
	switch {
	case d.fetch != nil:
		slow, err = &d.fetch.slow, errSlow
	case d.pause != nil:
		slow = &d.pause.slow
	}
	if *slow == nil {
		*slow = &failure{failed: failed{err: &Error{Ref: ref, Err: err}}}
	}
	return *slow
}
