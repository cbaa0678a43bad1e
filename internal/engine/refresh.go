package engine

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Refresh is Refresh of package cache.
func (c *Cache) Refresh(ctx context.Context, ref Ref) (Value, error) {
	s, err := c.LookupNow(ctx, ref)
	if err != nil {
		return Value{}, err
	}
	return s.Value(ctx)
}

// LookupNow is Refresh for typed handles, as Lookup is Get for them.
func (c *Cache) LookupNow(ctx context.Context, ref Ref) (*Snapshot, error) {
	return c.lookupForced(ctx, ref, renewal)
}

// LookupRecent is LookupNow without the wait for the end of Config.MinRefreshInterval:
// within it, LookupRecent returns what the last forced fetch brought. It is for a caller that
// asks again and again.
func (c *Cache) LookupRecent(ctx context.Context, ref Ref) (*Snapshot, error) {
	return c.lookupForced(ctx, ref, recent)
}

func (c *Cache) lookupForced(ctx context.Context, ref Ref, asks kind) (*Snapshot, error) {
	if c == nil || c.source == nil {
		return nil, &Error{Ref: ref, Err: ErrNilCache}
	}
	return c.force(ctx, query{ref: c.resolve(ref)}, asks)
}

// Refresh is [Cache.LookupNow] for the handle that keeps e.
func (e *Entry) Refresh(ctx context.Context) (*Snapshot, error) {
	return e.cache.force(ctx, query{ref: e.ref(), held: e}, renewal)
}

// RefreshRecent is [Cache.LookupRecent] for the handle that keeps e.
func (e *Entry) RefreshRecent(ctx context.Context) (*Snapshot, error) {
	return e.cache.force(ctx, query{ref: e.ref(), held: e}, recent)
}

// force is a read that wants a forced fetch.
func (c *Cache) force(ctx context.Context, q query, asks kind) (*Snapshot, error) {
	if c.fixed != nil {
		return c.fixed, nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	var asked instant
	since := uint64(math.MaxUint64) // how many fetches had begun when the caller asked
	for first := true; ; first = false {
		d, begun := c.lookForced(ctx, &q, asks, since)
		if first {
			asked, since = d.at, begun
		}
		c.observeEviction(ctx, &d)
		switch d.verdict {
		case fresh:
			return d.snap, nil
		case refused:
			return nil, d.err
		}
		if d.fetch == nil && d.probe == nil && d.fetchIn > c.cfg.FetchTimeout {
			return nil, &Error{Ref: q.ref, RetryIn: d.fetchIn, Err: fmt.Errorf(
				"%w: the next forced fetch may begin in %v, as Config.MinRefreshInterval (%v) says, and Refresh waits no longer than FetchTimeout (%v)",
				ErrTimeout, d.fetchIn, c.cfg.MinRefreshInterval, c.cfg.FetchTimeout)}
		}
		if err := c.await(ctx, &d, q.ref, nil); err != nil {
			return nil, err
		}
		switch f := d.fetch; {
		case f == nil:
		case f.isOfFile: // the source was not asked
		case f.wasCut:
			since = max(since, f.number) // it counts as no fetch
		case f.err != nil:
			return nil, f.err
		case f.isFor(asked, since, asks, c):
			return f.snap, nil
		}
	}
}

// isFor reports whether a fetch that succeeded is what a forced refresh asked for. A fetch
// that began before the call may have missed a rotation.
func (f *fetch) isFor(asked instant, since uint64, asks kind, c *Cache) bool {
	if !f.forced || f.snap == nil {
		return false
	}
	if asks == renewal {
		return f.number > since
	}
	return f.answers(asked, &c.policy) && asked.mono-f.began.mono < int64(max(c.cfg.MinRefreshInterval, 1))
}

// lookForced is look for a forced refresh. It also returns how many fetches have begun
// before this look.
func (c *Cache) lookForced(ctx context.Context, q *query, asks kind, since uint64) (decision, uint64) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	begun := c.begun
	e, err := c.entryFor(q)
	if err != nil {
		return decision{ruling: ruling{verdict: refused}, err: err, at: now}, begun
	}
	isDone := asks == renewal && e.past != nil && e.past.forced.number > since
	st := c.stateOf(e, now)
	d := decision{ruling: c.policy.forced(st, asks, isDone), at: now}
	if f := e.inFlight(); d.verdict != fresh && (f == nil || !f.forced) {
		e.owe()
	}
	switch {
	case d.fetchIn <= 0:
		var in time.Duration
		if d.fetch, in = c.begin(ctx, e, asks, now); in > 0 {
			l := e.toLane()
			st.downIn, st.isProbed = in, q.probes != 0 && l.failed >= q.probes
			d.ruling = c.policy.forced(st, asks, isDone)
			if d.verdict == refused {
				d.err = l.errorFor(e, in)
				break
			}
			if q.probes == 0 {
				q.probes = l.failed + 1
			}
			d.probe = c.awaitProbe(l)
		}
	case d.verdict == refused:
		d.err = e.failure().errorFor(&d.ruling, &st)
	case d.verdict == fresh:
		if d.snap = e.snap.Load(); q.held == nil {
			d.evicted = c.use(e)
		}
	case d.fetchIn == never:
		if d.fetch = e.inFlight(); d.fetch == nil {
			break
		}
		if d.fetch.list != nil {
			c.queueUp(d.fetch)
		}
	case d.fetchIn <= c.cfg.FetchTimeout:
		d.pause = c.pauseFor(ctx, e, asks, d.fetchIn)
	}
	return d, begun
}

// A pause is the rest of an interval, before the fetch that it holds back.
type pause struct {
	over chan struct{} // closed at its end
	slow *failure      // for readers that do not wait for it; nil before. Guarded by Cache.mu
}

// pauseFor returns the pause of e that ends after d. The fetch that it holds back begins then, also
// if all callers have given up. All callers in the interval get the same pause. Called with mu held.
func (c *Cache) pauseFor(ctx context.Context, e *Entry, asks kind, d time.Duration) *pause {
	which := 0
	if asks == renewal {
		which = 1
	}
	p := e.remembered()
	if p.pauses[which] == nil {
		over := make(chan struct{})
		p.pauses[which] = &pause{over: over}
		c.index.add(e)
		c.running.Go(func() {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-timer.C:
				c.endPause(ctx, e, which)
			case <-c.done.Done():
			}
			close(over)
		})
	}
	return p.pauses[which]
}

// endPause begins the fetch that an interval held back, if the policy still wants one.
func (c *Cache) endPause(ctx context.Context, e *Entry, which int) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	e.past.pauses[which] = nil
	st := c.stateOf(e, now)
	asks, r := read, c.policy.read(st, false)
	if which == 1 {
		asks, r = renewal, c.policy.forced(st, renewal, false)
	}
	if r.fetchIn <= 0 {
		c.begin(context.WithoutCancel(ctx), e, asks, now)
	}
	c.settle(e)
}

// ownDelay is the least time between fetches of a secret that the source refuses and that the
// user's own Refresh or Invalidate asks for, after n of them were refused in a row: 1 s,
// doubling up to 30 s.
func ownDelay(n int) time.Duration {
	if n == 0 {
		return 0
	}
	return min(time.Second<<min(n-1, 10), 30*time.Second)
}
