package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/turns"
	"github.com/typedsecret/typedsecret/secret"
)

// GetAll gets the values of all entries, which are of one Cache, and returns for each a
// Snapshot or an error of type [*Error]. If the Source is a [ManySource], one FetchMany
// fetches those that a read would wait for.
//
// GetAll calls pace before each request of that FetchMany, unless pace is nil. Pace may hold
// the request back. It fails only when its context ends, which is with ctx or the Cache.
//
// A done ctx ends the wait of this caller and nothing else, as for Get, and begins no
// request, but for the refresh in the background of what is kept and due.
func (c *Cache) GetAll(ctx context.Context, entries []*Entry, pace func(context.Context) error) ([]*Snapshot, []error) {
	snaps, errs := make([]*Snapshot, len(entries)), make([]error, len(entries))
	if ctx == nil {
		ctx = context.Background()
	}
	g := &group{c: c, ctx: ctx, pace: pace}
	if ctx.Err() == nil {
		g.begin(entries)
	}
	var readers sync.WaitGroup
	for i, e := range entries {
		q := query{ref: e.ref(), held: e}
		if ctx.Err() != nil && e.snap.Load() == nil {
			errs[i] = gaveUp(ctx, q.ref, "the fetch")
			continue
		}
		errs[i] = &Error{Ref: q.ref, Err: errBrokenOff} // until it is known
		q.isListed = true
		readers.Go(func() { snaps[i], errs[i] = c.get(ctx, q) })
	}
	readers.Wait()
	return snaps, errs
}

// A group is the fetches of one GetAll.
type group struct {
	c    *Cache
	ctx  context.Context // of the caller
	pace func(context.Context) error

	mu      sync.Mutex // guards the fields below
	waiting map[Ref]*fetch
	late    *time.Timer
}

// begin begins the fetches of entries that a read would begin and wait for.
func (g *group) begin(entries []*Entry) {
	c := g.c
	if _, isMany := c.source.(ManySource); !isMany && g.pace == nil {
		return // each reader begins its own
	}
	var needed []*Entry
	for _, e := range entries {
		if g.needsFetch(e) {
			needed = append(needed, e)
		}
	}
	now := c.now()
	g.waiting = map[Ref]*fetch{}
	var refs []Ref
	c.mu.Lock()
	for _, e := range needed {
		if ref := e.ref(); !c.closed && e.inFlight() == nil {
			f := c.register(g.ctx, e, read, now)
			f.isListed = true
			g.waiting[ref] = f
			refs = append(refs, ref)
		}
	}
	if len(refs) > 0 {
		c.running.Add(1)
	}
	c.mu.Unlock()
	if len(refs) > 0 {
		go g.run(refs)
	}
}

// needsFetch reports whether a read of e would begin a fetch and wait for it.
func (g *group) needsFetch(e *Entry) bool {
	c, now := g.c, g.c.now()
	c.mu.Lock()
	d := decision{ruling: c.policy.read(c.stateOf(e, now), false), snap: e.snap.Load(), failure: e.failure()}
	c.mu.Unlock()
	switch d.verdict {
	case absent, expired:
		return d.fetchIn <= 0
	case stale:
		return d.fetchIn <= 0 && d.failure != nil && c.allowsStale(&d, now.since(d.snap.at)) != nil
	}
	return false
}

// run is the goroutine of the FetchMany. Each request in it takes a place.
func (g *group) run(refs []Ref) {
	c := g.c
	defer c.running.Done()
	err := errBrokenOff
	defer func() { g.answerAll(err) }()
	pacing, cancel := context.WithCancel(g.ctx)
	defer cancel()
	defer context.AfterFunc(c.done, cancel)()
	byTurns := &turns.Turns[Ref]{Timeout: c.cfg.FetchTimeout, Begin: func(refs func() []Ref) (turns.Request[Ref], error) {
		return g.request(pacing, refs)
	}}
	g.watch()
	defer g.unwatch()
	ctx := turns.With(&detached{c.done, g.ctx, false}, byTurns)
	err = guard.Call("source", func() error {
		secret.FetchMany(ctx, c.source, refs, g.answer)
		return errUnanswered
	})
}

// request waits until a request for refs may begin. It returns the Refs that are still to be
// asked for, and a function that ends the request. If the caller has given up, it returns only
// Refs that were asked for before.
func (g *group) request(pacing context.Context, refs func() []Ref) (turns.Request[Ref], error) {
	c := g.c
	g.unwatch() // what follows is no fault of the source
	defer g.watch()
	leave, ok := c.takePlace()
	if !ok {
		return turns.Request[Ref]{}, ErrClosed
	}
	if err := c.tooManyAbandoned(); err != nil {
		leave()
		return turns.Request[Ref]{}, err
	}
	err := pacing.Err()
	if err == nil && g.pace != nil {
		g.hold(1)
		err = guard.Call("pace", func() error { return g.pace(pacing) })
		g.hold(-1)
	}
	all, now := refs(), c.now()
	var asked, left []Ref
	forced := false
	g.mu.Lock()
	c.mu.Lock()
	for _, ref := range all {
		switch f := g.waiting[ref]; {
		case f == nil:
		case f.isTaken(): // a reader has it fetched by itself
			delete(g.waiting, ref)
		case f.isListed && err != nil:
			left = append(left, ref)
		default:
			if f.isListed {
				c.beginsNow(f, now)
				f.noteBegin()
			}
			f.sent = now
			forced = forced || f.forced
			asked = append(asked, ref)
		}
	}
	c.mu.Unlock()
	g.mu.Unlock()
	for _, ref := range left {
		g.answer(ref, Value{}, fmt.Errorf("%w: %w", ErrNotAsked, err))
	}
	inTime := c.limit(leave)
	return turns.Request[Ref]{Refs: asked, Forced: forced, End: func() {
		if inTime() {
			leave()
		}
	}}, nil
}

// hold adds n to the number of requests that wait for the pace.
func (g *group) hold(n int) {
	now := g.c.now()
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	g.c.held += n
	g.c.turned = now
}

var errUnanswered = fmt.Errorf("%w: the source's FetchMany has returned without an answer", ErrUnavailable)

// watch abandons the fetches that have no answer FetchTimeout and the grace after the last
// request began.
func (g *group) watch() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.late == nil {
		g.late = time.AfterFunc(g.c.late(), func() {
			g.answerAll(g.c.lateError("has not returned, though the context of its request has ended"))
		})
		return
	}
	g.late.Reset(g.c.late())
}

func (g *group) unwatch() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late.Stop()
}

// answerAll answers the Refs that have no answer yet and are not fetched by themselves.
func (g *group) answerAll(err error) {
	var refs []Ref
	g.mu.Lock()
	g.c.mu.Lock()
	for ref, f := range g.waiting {
		if f.isTaken() {
			delete(g.waiting, ref)
		} else {
			refs = append(refs, ref)
		}
	}
	g.c.mu.Unlock()
	g.mu.Unlock()
	for _, ref := range refs {
		g.answer(ref, Value{}, err)
	}
}

// answer ends the fetch of ref, if it has not ended. It waits for no hook and no observer.
func (g *group) answer(ref Ref, v Value, err error) {
	err = guard.Call("source", func() error { return err })
	isNotAsked := errors.Is(err, ErrNotAsked)
	g.mu.Lock()
	f, c := g.waiting[ref], g.c
	delete(g.waiting, ref)
	g.mu.Unlock()
	if f == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case f.isTaken():
	case !isNotAsked:
		f.isListed = false
		f.noteBegin() // if no request was made
		go g.conclude(&outcome{fetch: f, ref: ref, v: v}, err)
	case f.entry.snap.Load() != nil: // it is refreshed in the background
		c.queueUp(f)
	default:
		c.giveUp(f)
	}
}

// conclude is the goroutine that gives an answer to the hook, and to those who wait for it.
func (g *group) conclude(t *outcome, err error) {
	c := g.c
	t.took, t.fail = c.now().since(t.began), errBrokenOff
	c.carryOut(t, func() {
		if t.fail = err; err == nil {
			t.fail = errBrokenOff
			timed, cancel := context.WithTimeout(c.done, c.cfg.FetchTimeout)
			defer cancel()
			t.fail = c.inTime(timed, c.transform(&detached{timed, t.ctx, false}, t.ref, &t.v))
		}
	})
}
