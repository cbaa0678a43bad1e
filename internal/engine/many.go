package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/health"
	"github.com/typedsecret/typedsecret/internal/turns"
	"github.com/typedsecret/typedsecret/secret"
)

// GetAll gets the values of all entries, which are of one Cache, and returns for each a
// Snapshot or an error of type [*Error]. If the Source is a [ManySource] or pace is not nil, one
// FetchMany makes the fetches that these reads begin. Another FetchMany makes those of the reads
// that wait for a probe, after the probe.
//
// GetAll calls pace before each request of a FetchMany, unless pace is nil. Pace may hold
// the request back. It fails only when its context ends, which is with ctx or the Cache.
// After an outage GetAll may begin another FetchMany, so pace must be safe for concurrent use.
//
// A done ctx ends the wait of this caller and nothing else, as for Get. GetAll then begins no
// request, except to refresh in the background a value that is kept and due. While the source
// is down, that request may be the probe of another secret.
func (c *Cache) GetAll(ctx context.Context, entries []*Entry, pace func(context.Context) error) ([]*Snapshot, []error) {
	snaps, errs := make([]*Snapshot, len(entries)), make([]error, len(entries))
	if ctx == nil {
		ctx = context.Background()
	}
	g := &group{c: c, ctx: ctx, pace: pace}
	g.begin(entries)
	var readers sync.WaitGroup
	for i, e := range entries {
		q := query{ref: e.ref(), held: e, group: g}
		if ctx.Err() != nil && e.snap.Load() == nil {
			errs[i] = gaveUp(ctx, q.ref, "the fetch")
			continue
		}
		errs[i] = &Error{Ref: q.ref, Err: errBrokenOff} // until it is known
		readers.Go(func() { snaps[i], errs[i] = c.get(ctx, q) })
	}
	readers.Wait()
	return snaps, errs
}

// A group is the readers of one GetAll, and the fetches that they begin.
type group struct {
	c    *Cache
	ctx  context.Context // of the caller
	pace func(context.Context) error

	refs     []Ref                // of the fetches
	waiting  map[Ref]*fetch       // those that have no answer yet; guarded by Cache.mu
	said     map[Ref]*health.Kind // of the request for a Ref, what it says about the source; guarded by Cache.mu
	isOpen   bool                 // the fetches that begin are listed
	watchdog *watchdog            // of the FetchMany
	lastErr  error                // of the last Ref that had no answer; guarded by Cache.mu

	late    map[<-chan struct{}][]*Entry // whose readers wait for a probe, by that probe; guarded by Cache.mu
	listing sync.Mutex                   // held while the fetches of late are listed
}

// begin takes the first look for all readers, and begins the FetchMany of what is due.
func (g *group) begin(entries []*Entry) {
	if _, isMany := g.c.source.(ManySource); !isMany && g.pace == nil || g.ctx.Err() != nil {
		return
	}
	g.waiting, g.said = map[Ref]*fetch{}, map[Ref]*health.Kind{}
	g.isOpen = true
	for _, e := range entries {
		g.c.look(g.ctx, &query{ref: e.ref(), held: e, group: g})
	}
	g.isOpen = false
	if len(g.refs) > 0 {
		go g.run()
	}
}

// await notes that the reader of e waits for a probe. G may be nil. Called with Cache.mu held.
func (g *group) await(e *Entry, probe <-chan struct{}) {
	if g == nil || g.isOpen {
		return
	}
	if g.late == nil {
		g.late = map[<-chan struct{}][]*Entry{}
	}
	g.late[probe] = append(g.late[probe], e)
}

// again is called by a reader that has waited for a probe. If the backend is up, the first such
// reader begins a FetchMany for all of them. So after an outage too, they take few requests, at the
// pace. G may be nil.
func (g *group) again(probe <-chan struct{}) {
	if g == nil {
		return
	}
	g.listing.Lock()
	defer g.listing.Unlock()
	g.c.mu.Lock()
	late := g.late[probe]
	isUp := len(late) > 0 && !late[0].toLane().isDown()
	if isUp {
		delete(g.late, probe)
	}
	g.c.mu.Unlock()
	if isUp {
		(&group{c: g.c, ctx: g.ctx, pace: g.pace}).begin(late)
	}
}

// list makes a fetch of e that the FetchMany is to carry out. The goroutine of the FetchMany
// counts with the first one. Called with Cache.mu held.
func (g *group) list(e *Entry, now instant) *fetch {
	f, ref := g.c.register(g.ctx, e, read, now), e.ref()
	f.list = g
	if len(g.refs) == 0 {
		g.c.running.Add(1)
	}
	g.refs, g.waiting[ref] = append(g.refs, ref), f
	return f
}

// isHeldFrom reports whether f is on a list that a reader of g does not wait for. A reader without a
// group waits for no list, and a group without a pace for no list that has a pace. A group without a
// pace waits for the list of another such group, since it is asked for at once and the two together
// take fewer requests. Called with mu held.
func (f *fetch) isHeldFrom(g *group) bool {
	return f.list != nil && (g == nil || g.pace == nil && f.list.pace != nil)
}

// run is the goroutine of the FetchMany. Each request in it takes a place.
func (g *group) run() {
	c := g.c
	defer c.running.Done()
	err := errBrokenOff
	defer func() { g.answerAll(err) }()
	if tooMany := c.tooManyAbandoned(); tooMany != nil {
		err = tooMany
		return
	}
	pacing, cancel := context.WithCancel(g.ctx)
	defer cancel()
	defer context.AfterFunc(c.done, cancel)()
	g.watchdog = c.watch(func() {
		g.answerAll(c.lateError(c.cfg.FetchTimeout, "has not returned, though the context of its request has ended"))
	}, c.cfg.FetchTimeout)
	defer g.watchdog.stop()
	ctx := turns.With(&detached{c.done, g.ctx, false}, &turns.Turns[Ref]{
		Timeout: c.cfg.FetchTimeout,
		Begin:   func(refs func() []Ref) (turns.Request[Ref], error) { return g.request(pacing, refs) },
	})
	err = guard.Call("source", func() error {
		secret.FetchMany(ctx, c.source, g.refs, g.answer)
		return errUnanswered
	})
}

var errUnanswered = fmt.Errorf("%w: the source's FetchMany has returned without an answer", ErrUnavailable)

// request waits until a request for refs may begin. It returns the Refs that are still to be
// asked for, and a function that ends the request. If the caller has given up, it returns only
// Refs that were asked for before.
func (g *group) request(pacing context.Context, refs func() []Ref) (turns.Request[Ref], error) {
	c := g.c
	g.watchdog.stop() // what follows is no fault of the source
	defer g.watchdog.goOn()
	err := pacing.Err()
	if err == nil && g.pace != nil {
		c.hold(1)
		err = guard.Call("pace", func() error { return g.pace(pacing) })
		c.hold(-1)
	}
	l, want := g.wantOf(refs())
	if l == nil {
		return turns.Request[Ref]{End: func() {}}, nil
	}
	permit, ok := c.takePlace(l, want)
	if !ok {
		return turns.Request[Ref]{}, ErrClosed
	}
	if permit.Verdict == health.Down {
		// Their readers wait for the probe by themselves.
		return turns.Request[Ref]{}, fmt.Errorf("%w: the source is down", ErrNotAsked)
	}
	said := health.Nothing // guarded by Cache.mu
	leave := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.leave(l, permit, said, g.lastErr)
	}
	if err := c.tooManyAbandoned(); err != nil {
		leave()
		return turns.Request[Ref]{}, err
	}
	if err == nil {
		err = pacing.Err()
	}
	all := refs()
	asked, left, forced := g.ask(all, err == nil, &said)
	g.follow(asked)
	for _, ref := range left {
		g.answer(ref, Value{}, fmt.Errorf("%w: %w", ErrNotAsked, err))
	}
	w := c.watch(func() {
		c.mu.Lock()
		if said < health.CantAnswer {
			said, g.lastErr = health.CantAnswer, c.lateError(c.cfg.FetchTimeout, "has not returned, though the context of its request has ended")
		}
		c.mu.Unlock()
		leave()
	}, c.cfg.FetchTimeout)
	return turns.Request[Ref]{Refs: asked, Forced: forced, End: func() {
		if w.stop() {
			leave()
		}
	}}, nil
}

// wantOf returns the lane of the first of refs that is still to be fetched, and what to ask
// its backend; nil if there is none.
func (g *group) wantOf(refs []Ref) (l *lane, w health.Want) {
	now := g.c.now()
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	w = health.Want{Batch: len(refs) > 1, Purpose: health.Ahead}
	for _, ref := range refs {
		f := g.waiting[ref]
		if f == nil || f.isTaken() {
			continue
		}
		one := f.want(now)
		if l == nil {
			l, w.Key, w.Since, w.Tried = f.entry.toLane(), one.Key, one.Since, one.Tried
		}
		if one.Purpose != health.Ahead {
			w.Purpose = health.Late // a list is declared by the program
		}
	}
	return l, w
}

// ask notes that a request for refs begins now. It returns those that are to be asked for, and,
// unless new ones may be, those that are left. Forced: one of the fetches is.
func (g *group) ask(refs []Ref, newToo bool, said *health.Kind) (asked, left []Ref, forced bool) {
	now := g.c.now()
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	for _, ref := range refs {
		switch f := g.waiting[ref]; {
		case f == nil || f.isTaken():
		case f.list != nil && !newToo:
			left = append(left, ref)
		default:
			if f.list != nil {
				g.c.beginsNow(f, now)
				f.noteBegin()
			}
			f.sent = now
			g.said[ref] = said
			forced = forced || f.forced
			asked = append(asked, ref)
		}
	}
	return asked, left, forced
}

// follow is Cache.follow for a request.
func (g *group) follow(refs []Ref) {
	c := g.c
	if c.follower == nil {
		return
	}
	var begun []*fetch
	c.mu.Lock()
	for _, ref := range refs {
		if f := g.waiting[ref]; f != nil {
			begun = append(begun, f)
		}
	}
	c.mu.Unlock()
	for _, f := range begun {
		c.follow(f)
	}
}

// hold adds n to the number of requests that wait for a pace.
func (c *Cache) hold(n int) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held += n
	c.turned = now
}

// answerAll answers the Refs that have no answer yet.
func (g *group) answerAll(err error) {
	for _, ref := range g.refs {
		g.answer(ref, Value{}, err)
	}
}

// answer ends the fetch of ref, if it has not ended, and no reader has it fetched by itself. It
// waits for no hook and no observer.
func (g *group) answer(ref Ref, v Value, err error) {
	err = guard.Call("source", func() error { return err })
	isNotAsked, says := errors.Is(err, ErrNotAsked), kindOf(err)
	c := g.c
	c.mu.Lock()
	defer c.mu.Unlock()
	f := g.waiting[ref]
	delete(g.waiting, ref)
	if said := g.said[ref]; said != nil {
		*said = max(*said, says)
		if delete(g.said, ref); says == health.CantAnswer {
			g.lastErr = err
		}
	}
	switch {
	case f == nil || f.isTaken():
	case !isNotAsked:
		f.list = nil
		f.noteBegin() // if no request was made
		go g.conclude(&outcome{fetch: f, ref: ref, v: v, says: says}, err)
	case f.entry.snap.Load() != nil: // it is refreshed in the background
		f.sent = c.now() // what it was asked with before has ended
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
			t.fail = inTime(timed, c.cfg.FetchTimeout, c.transform(&detached{timed, t.values(), false}, t.ref, &t.v))
		}
	})
}
