package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
)

// maxTogether is how many requests one LookupAll has under way at a time.
const maxTogether = 64

// LookupAll is Lookup for several secrets at once: it returns for each of refs, in their
// order, a Snapshot or an error of type [*Error]. What Lookup takes as last is in last at the
// place of its Ref; a nil last has none. Of what has to be fetched, all that is
// of the stage AWSCURRENT comes by batches of [MaxBatch], if the Source is a
// [BatchSource], and the rest, and what a batch has no answer about, each by a request of
// its own, 64 at a time. If a batch fails as a whole because it is not permitted, not
// known or throttled, its secrets are fetched one by one.
//
// Wait, unless it is nil, is called before each request, by several goroutines, and may
// hold it back; its context ends with ctx and when the Cache is closed. If it fails, so do
// the secrets that the request was for.
//
// A done ctx ends the wait of this caller and nothing else, as for Lookup, and begins no
// request, but for the refresh in the background of what is kept and due.
func (c *Cache) LookupAll(ctx context.Context, refs []Ref, last []*Snapshot, wait func(context.Context) error) ([]*Snapshot, []error) {
	snaps, errs := make([]*Snapshot, len(refs)), make([]error, len(refs))
	if c == nil || c.source == nil {
		for i, ref := range refs {
			errs[i] = &Error{Ref: ref, Err: ErrNilCache}
		}
		return snaps, errs
	}
	if ctx == nil {
		ctx = context.Background()
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.done, cancel)()
	l := &lookups{c: c, ctx: ctx, waiting: waiting, wait: wait, places: make(chan struct{}, maxTogether), found: map[Ref]*found{}}
	distinct := make([]Ref, 0, len(refs))
	for i, ref := range refs {
		ref = c.resolve(ref)
		f := l.found[ref]
		if f == nil {
			f = &found{err: &Error{Ref: ref, Err: errBrokenOff}} // until it is known
			l.found[ref] = f
			distinct = append(distinct, ref)
		}
		if i < len(last) && last[i] != nil && (f.last == nil || f.last.Before(last[i])) {
			f.last = last[i]
		}
	}
	l.start(distinct)
	l.running.Wait()
	for i, ref := range refs {
		f := l.found[c.resolve(ref)]
		snaps[i], errs[i] = f.snap, f.err
	}
	return snaps, errs
}

// lookups are those of one LookupAll.
type lookups struct {
	c       *Cache
	ctx     context.Context
	waiting context.Context // ctx, until the Cache is closed
	wait    func(context.Context) error
	places  chan struct{} // as many as requests may be under way
	running sync.WaitGroup
	found   map[Ref]*found // does not change any more once the first lookup runs
}

type found struct {
	last *Snapshot // that the caller knows
	snap *Snapshot
	err  error
}

// start starts the lookups of refs, which are distinct.
func (l *lookups) start(refs []Ref) {
	var batch []Ref
	_, batches := l.c.source.(BatchSource)
	for _, ref := range refs {
		if !batches || ref.Stage != DefaultStage || ref.VersionID != "" || !l.needsFetch(ref) {
			l.running.Go(func() { l.alone(ref) })
			continue
		}
		if batch = append(batch, ref); len(batch) == MaxBatch {
			l.together(batch)
			batch = nil
		}
	}
	switch len(batch) {
	case 0:
	case 1:
		l.running.Go(func() { l.alone(batch[0]) })
	default:
		l.together(batch)
	}
}

// together starts the lookups of refs by one request for all, then by one for each that
// has no answer yet.
func (l *lookups) together(refs []Ref) {
	l.running.Go(func() {
		var wait wait
		err := l.request(func() {
			landed := make(chan struct{})
			go func() {
				defer close(landed)
				l.c.flyTogether(l.ctx, refs)
			}()
			select {
			case <-landed:
			case <-l.longEnough(refs, &wait):
			case <-l.ctx.Done():
			}
		})
		for _, ref := range refs {
			if err != nil {
				l.unasked(ref, err)
				continue
			}
			l.running.Go(func() { l.aloneSince(ref, wait) })
		}
	})
}

// longEnough returns a channel that sends when the wait for a batch is over. It is nil if
// none of its secrets can have a last good value.
func (l *lookups) longEnough(refs []Ref, wait *wait) <-chan time.Time {
	mayHave := l.c.backup != nil
	for _, ref := range refs {
		mayHave = mayHave || l.mayHave(ref)
	}
	if !mayHave {
		return nil
	}
	wait.start(l.c, l.ctx, time.Now())
	return time.After(time.Until(wait.end()))
}

// alone looks ref up.
func (l *lookups) alone(ref Ref) { l.aloneSince(ref, wait{}) }

// aloneSince looks ref up for a reader that may be waiting already, by wait.
func (l *lookups) aloneSince(ref Ref, wait wait) {
	f := l.found[ref]
	look := func() { f.snap, f.err = l.c.lookup(l.ctx, ref, f.last, wait) }
	if !l.needsFetch(ref) {
		look()
	} else if err := l.request(look); err != nil {
		l.unasked(ref, err)
	}
}

// unasked writes the result for ref if its request was not made, because of err. If ctx has
// ended, the result is the last good value, if there is one, and a refresh starts in the
// background.
func (l *lookups) unasked(ref Ref, err error) {
	f := l.found[ref]
	if f.err = (&Error{Ref: ref, Err: err}); l.ctx.Err() != nil && l.mayHave(ref) {
		f.snap, f.err = l.c.lookup(l.ctx, ref, f.last, wait{})
	}
}

// mayHave reports whether ref has a last good value in memory.
func (l *lookups) mayHave(ref Ref) bool {
	e := l.c.find(&ref)
	return l.found[ref].last != nil || e != nil && e.snap.Load() != nil
}

// request runs f, which makes a request, when there is a place for it.
func (l *lookups) request(f func()) error {
	select {
	case l.places <- struct{}{}:
		defer func() { <-l.places }()
	case <-l.ctx.Done():
	}
	if l.ctx.Err() != nil { // also if there is a place
		return gaveUp(l.ctx, Ref{}, "the fetch").(*Error).Err
	}
	if l.wait != nil {
		err := guard.Call("wait", func() error { return l.wait(l.waiting) })
		switch {
		case err != nil && l.c.done.Err() != nil:
			return ErrClosed
		case err != nil:
			return err
		}
	}
	f()
	return nil
}

// needsFetch reports whether a read of ref would begin a fetch and wait for it.
func (l *lookups) needsFetch(ref Ref) bool {
	d := l.c.look(ref, l.found[ref].last)
	if d.evicted != nil {
		l.c.observe(l.ctx, hook.Evicted{Secret: d.evicted.event()})
	}
	switch {
	case d.under != nil:
		return false
	case d.verdict == stale:
		return d.waitFor <= 0 && l.c.allowsStale(d, d.at.since(d.snap.at)) != nil
	default:
		return d.verdict == miss
	}
}

// A passenger is one of those who fly together.
type passenger struct {
	e   *entry
	out *outcome
	t   *trip
}

// flyTogether is the flight of several secrets by one request. Those about which there
// is no answer turn back.
func (c *Cache) flyTogether(ctx context.Context, refs []Ref) {
	var aboard []passenger
	var flying []Ref
	forced := false
	for _, ref := range refs {
		out := new(outcome)
		e, _ := c.takeOff(ref, read, out)
		if out.startIn > 0 {
			c.running.Done() // by itself, later
		}
		if e != nil {
			aboard = append(aboard, passenger{e, out, &trip{ctx: ctx, ref: ref, out: out, err: errBrokenOff}})
			flying = append(flying, ref)
			forced = forced || out.forced
		}
	}
	if len(aboard) == 0 {
		return
	}
	results, took := make([]Result, len(aboard)), time.Duration(0)
	for i := range results {
		results[i].Err = errBrokenOff
	}
	c.apart(func() { took = c.fetchBatch(ctx, forced, flying, results) })
	var arrived sync.WaitGroup
	for i, p := range aboard {
		arrived.Go(func() {
			defer c.arrive(p.e, p.out, p.t)
			if c.done.Err() != nil {
				return // perhaps before the results were written
			}
			p.t.took, p.t.v, p.t.err = took, results[i].Value, results[i].Err
			p.t.unanswered = errors.Is(p.t.err, ErrNotInBatch)
			if p.t.err == nil {
				p.t.err = errBrokenOff
				c.apart(func() { c.unpack(p.t) })
			}
		})
	}
	arrived.Wait()
}

// fetchBatch writes the results for refs. It is forced if the fetch of one of them is.
func (c *Cache) fetchBatch(ctx context.Context, forced bool, refs []Ref, results []Result) (took time.Duration) {
	timed, cancel := context.WithTimeout(c.done, c.cfg.FetchTimeout)
	defer cancel()
	began := time.Now()
	var got []Result
	err := guard.Call("source", func() (err error) {
		got, err = c.source.(BatchSource).FetchBatch(&detached{timed, ctx, forced}, refs)
		return err
	})
	took = time.Since(began)
	if err == nil && len(got) != len(refs) {
		err = fmt.Errorf("%w: the source returned %d results for a batch of %d", ErrUnavailable, len(got), len(refs))
	}
	err = c.inTime(timed, err)
	for i := range results {
		switch {
		case err == nil:
			r := got[i]
			r.Err = guard.Call("source", func() error { return r.Err })
			results[i] = r
		case errors.Is(err, ErrUnavailable) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrPanic):
			results[i].Err = err
		default: // the secrets may be had all the same
			results[i].Err = ErrNotInBatch
		}
	}
	return took
}

// unpack gives what a batch brought to the hook.
func (c *Cache) unpack(t *trip) {
	timed, cancel := context.WithTimeout(c.done, c.cfg.FetchTimeout)
	defer cancel()
	t.err = c.inTime(timed, c.transform(&detached{timed, t.ctx, false}, t.ref, &t.v))
}

// turnBack ends a flight as if it had not begun.
func (c *Cache) turnBack(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	e.turnsBack()
	if e.snap.Load() == nil {
		if e.hasPast() {
			c.noteWithout(e)
		} else {
			c.index.remove(e)
		}
	}
	c.notify(e.key)
}
