package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/typedsecret/typedsecret/hook"
)

// restore looks into the file for the secret whose fetch failed, if nothing is known of
// it and the source could not answer.
func (c *Cache) restore(e *Entry, t *outcome) (events []hook.Event) {
	if c.sealed == nil || e.snap.Load() != nil || !isOutage(t.fail) {
		return nil
	}
	values, err := c.readSealed()
	if err != nil {
		t.fail = fmt.Errorf("%w; %w", t.fail, err)
		return []hook.Event{hook.SealedFileFailed{Path: c.sealed.file.Path(), Err: err}}
	}
	v, has := values[t.ref]
	if !has {
		return nil
	}
	c.refuseKept(e, &v)
	if gone := v.said.Gone; gone != nil {
		t.fail = fmt.Errorf("%w; the sealed file has no value, since the source said at %s: %v", t.fail, gone.when(), gone.Kinds.cause())
		return nil
	}
	if err := c.transformKept(t, &v.Value); err != nil {
		t.fail = fmt.Errorf("%w; %w: %w", t.fail, ErrSealedFile, err)
		return nil
	}
	t.kept = &v
	return nil
}

// transformKept is transform for a value of the file, in a goroutine of its own: a hook that
// ignores its context, or ends its goroutine, does not keep the fetch from ending.
func (c *Cache) transformKept(t *outcome, v *Value) error {
	result := make(chan error, 2)
	c.running.Go(func() {
		err := errBrokenOff
		w := c.watch(func() {
			result <- c.lateError(c.cfg.FetchTimeout, "can't answer, and the hook has not returned, though its context has ended")
		}, c.cfg.FetchTimeout)
		defer func() {
			w.stop()
			result <- err
		}()
		timed, cancel := context.WithTimeout(c.done, c.cfg.FetchTimeout)
		defer cancel()
		err = c.transform(&detached{timed, t.values(), false}, t.ref, v)
	})
	return <-result
}

// restoreEarly begins to look into the file for a secret whose first fetch, f, takes long,
// once for each fetch, and publishes what it finds. It returns a channel that is closed when
// the file was looked into.
func (c *Cache) restoreEarly(ctx context.Context, f *fetch) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.early == nil {
		f.early = make(chan time.Time)
		if c.closed || f.concluded {
			close(f.early)
			return f.early
		}
		c.running.Go(func() {
			defer close(f.early)
			c.restoreMeanwhile(context.WithoutCancel(ctx), f)
		})
	}
	return f.early
}

// restoreMeanwhile is restoreEarly in a goroutine of its own.
func (c *Cache) restoreMeanwhile(ctx context.Context, f *fetch) {
	e := f.entry
	t := &outcome{fetch: &fetch{entry: e, ctx: ctx}, ref: e.ref(), fail: errSlow}
	events := c.restore(e, t)
	now := c.now()
	c.mu.Lock()
	if t.kept != nil && !c.closed && e.snap.Load() == nil && e.inFlight() == f {
		slow := &failure{failed: failed{at: now}}
		if before := e.failure(); before != nil { // what it says may be older than the file
			slow.failed = before.failed
			e.past.failure = slow
		}
		slow.err = &Error{Ref: t.ref, Err: errSlow}
		c.recall(t, slow, true)
		f.slow = slow
		if evicted := c.adopt(e, t.kept, now); evicted != nil {
			events = append(events, hook.Evicted{Secret: evicted.event()})
		}
		c.notify(e.key)
	}
	c.mu.Unlock()
	c.observe(ctx, events...)
}

// refuseKept adds to v the refusals that the source has given this Cache since the file was
// written. V is the record of the file, which may lack them.
func (c *Cache) refuseKept(e *Entry, v *kept) {
	now := time.Unix(0, c.now().wall)
	c.mu.Lock()
	defer c.mu.Unlock()
	f := e.failure()
	if f == nil || v.said.Gone != nil {
		return
	}
	v.said = v.said.and(f.said.since(v.moment, now), now)
}

// values returns what the file has.
func (b *sealedFile) values(now time.Time) (map[Ref]kept, error) {
	c, err := b.read()
	defer clearPayloads(c.Records)
	if err != nil {
		return nil, err
	}
	values := make(map[Ref]kept, len(c.Records))
	for i := range c.Records {
		values[c.Records[i].ref()] = b.keptBy(&c.Records[i], c.Written, now)
	}
	return values, nil
}

// readSealed returns what the file has. Callers at the same time share one read. A disk or
// a sealer that hangs holds them up for one FetchTimeout.
func (c *Cache) readSealed() (map[Ref]kept, error) {
	read := c.sealed.reads.DoChan("", func() (any, error) {
		var values map[Ref]kept
		err := toEnd(func() (err error) {
			values, err = c.sealed.values(time.Unix(0, c.now().wall))
			return err
		})
		return values, err
	})
	timer := time.NewTimer(c.cfg.FetchTimeout)
	defer timer.Stop()
	select {
	case r := <-read:
		return r.Val.(map[Ref]kept), r.Err
	case <-timer.C:
		return nil, fmt.Errorf("%w: reading %s takes longer than FetchTimeout (%v)", ErrSealedFile, c.sealed.file.Path(), c.cfg.FetchTimeout)
	}
}

// adopt publishes what restore found, which is past its TTL whatever its age. Called with mu
// held.
func (c *Cache) adopt(e *Entry, v *kept, now instant) (evicted *Snapshot) {
	s := &Snapshot{entry: e, at: instant{wall: v.FetchedAt.UnixNano()}, invalid: true}
	switch {
	case v.moment.writer == c.sealed.writer:
		s.number, s.at.mono = v.moment.number, v.mono
	case v.undated:
		s.at.mono = undated
	default:
		s.at.mono = now.mono - max(0, now.wall-s.at.wall)
	}
	s.own(v.Value, nil)
	// A failure from before the TTL of s was over is no try to refresh it. Only the wall
	// clock tells: the file has the time of no other.
	if f := e.failure(); f != nil && !s.isUndated() && c.policy.isGood(false, time.Duration(f.began.wall-s.at.wall)) {
		e.forgetTry()
	}
	return c.replace(e, s)
}

// beginSealed begins a fetch of e which fails with err in place of asking the source: so it has
// what the sealed file has. Called with mu held.
func (c *Cache) beginSealed(ctx context.Context, e *Entry, now instant, err error) *fetch {
	f := c.register(ctx, e, read, now)
	f.isOfFile = true
	go c.carryOut(&outcome{fetch: f, ref: e.ref(), fail: err}, func() {})
	return f
}
