package engine

import (
	"time"

	"github.com/typedsecret/typedsecret/internal/health"
)

// maxRequests is how many requests of one Cache are under way at a time, whatever is asked
// for. Others queue in the lane of their backend, in their order, and cost no goroutine of
// their own until it is their turn. A probe of a backend that is down does not queue: if there is
// no place for it, it is asked for again after placeIn.
const maxRequests = 64

const placeIn = 100 * time.Millisecond

// placesFor returns how many places there are for requests that queue. Two are kept for each
// backend that is down: one for its probe, and one for a probe before that which is slow. Else the
// requests for the others could keep the backend down for good. Called with mu held.
func (c *Cache) placesFor() int { return maxRequests - min(2*c.down, maxRequests/2) }

// queueUp starts f, or queues it until there is a place for it and its backend's pace allows
// it. Called with mu held.
func (c *Cache) queueUp(f *fetch) {
	now := c.now()
	if f.list != nil {
		c.beginsNow(f, now)
	}
	l := f.entry.toLane()
	if c.closed || l.isDown() {
		c.giveUp(f)
		return
	}
	f.rank = rankOf(f.want(now).Purpose)
	if c.requests < c.placesFor() && l.isIdle(f.rank) && c.admit(l, f) {
		return // without a place in the queue, which costs an allocation
	}
	f.queued = l.queues[f.rank].PushBack(f)
	c.pump(l)
	f.waited = f.queued != nil
}

// isIdle reports whether nothing queues that begins before what joins the queue of this rank.
// Called with mu held.
func (l *lane) isIdle(rank int) bool {
	for r := range rank + 1 {
		if l.queues[r].Len() > 0 {
			return false
		}
	}
	return true
}

// pump begins the requests of a lane that may begin. Called with mu held.
func (c *Cache) pump(l *lane) {
	l.isHeld = false
	for rank := range l.queues {
		for q := &l.queues[rank]; q.Len() > 0 && c.requests < c.placesFor() && !c.closed; {
			first := q.Front()
			if !c.admit(l, first.Value.(queued)) {
				if l.isDown() {
					c.empty(l)
					return
				}
				break
			}
			q.Remove(first)
		}
	}
}

// admit begins a request if the health of its backend says that it may. If the pace holds it
// back, admit has the lane pumped when that is over. Called with mu held.
func (c *Cache) admit(l *lane, q queued) bool {
	now := c.now()
	switch p := l.health.Ask(c.healthNow(), q.want(now)); p.Verdict {
	case health.Down:
		return false
	case health.Later:
		l.isHeld = true
		c.setTimer(l, p.In)
		return false
	default:
		q.start(now, p)
		return true
	}
}

// hasTurn reports whether f does not wait for its turn any more. Called with mu held.
func (f *fetch) hasTurn() bool { return f.queued == nil && f.list == nil }

// isTaken reports whether f is fetched by itself, and not by a FetchMany, or was. Called with
// mu held.
func (f *fetch) isTaken() bool { return f.hasPlace || f.queued != nil || f.concluded }

// beginsNow counts f, which waited for its turn, as a fetch that begins now. It is a forced one
// if Refresh or Invalidate was called meanwhile. Called with mu held.
func (c *Cache) beginsNow(f *fetch, now instant) {
	c.begun++
	f.number, f.began, f.sent, f.awaited, f.list = c.begun, now, now, now, nil
	p := f.entry.past
	if p.invalid.isSet {
		f.renews = true
		f.invalidation, p.invalid = p.invalid, invalidation{}
		f.entry.owe()
	}
	f.forced = p.owed
}

// launch gives f a place. Called with mu held.
func (c *Cache) launch(f *fetch, p health.Permit) {
	c.enterPlace(f.entry.toLane())
	f.queued, f.hasPlace, f.permit = nil, true, p
	f.noteBegin()
	go c.run(f)
}

// enterPlace counts a request that begins. Called with mu held.
func (c *Cache) enterPlace(l *lane) {
	c.requests++
	l.requests++
	l.isUsed = true
}

// start is launch for a fetch that queued.
func (f *fetch) start(now instant, p health.Permit) {
	c := f.entry.cache
	if f.waited {
		c.beginsNow(f, now)
	}
	c.launch(f, p)
}

// leavePlace frees the place of f, if it has one, and reports what the source said. Called with
// mu held.
func (c *Cache) leavePlace(f *fetch, said health.Kind, err error) {
	if f.hasPlace {
		f.hasPlace = false
		c.leave(f.entry.toLane(), f.permit, said, err)
	}
}

// leave frees a place, and gives it to the first in a queue. Called with mu held.
func (c *Cache) leave(l *lane, p health.Permit, said health.Kind, err error) {
	c.requests--
	l.requests--
	c.turned = c.now()
	if c.closed {
		return
	}
	c.report(l, p, said, err)
	c.pumped++
	for i := range c.lanes { // each lane is the first in turn
		c.pump(c.lanes[(i+c.pumped)%len(c.lanes)])
	}
}

// takePlace waits until a request of a FetchMany may begin. It reports false if the Cache was
// closed.
func (c *Cache) takePlace(l *lane, w health.Want) (_ health.Permit, ok bool) {
	t := &turn{c, l, w, make(chan health.Permit, 1)}
	c.mu.Lock()
	if l.isDown() {
		t.drop()
	} else {
		l.queues[rankOf(w.Purpose)].PushBack(t)
		c.pump(l)
	}
	c.mu.Unlock()
	select {
	case p := <-t.permit:
		return p, true
	case <-c.done.Done():
		return health.Permit{}, false
	}
}

// join adds a reader that waits for f.
func (c *Cache) join(f *fetch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.waiters++
}

// part takes away a reader that join added. A fetch that still queues is given up when its last
// reader leaves, unless it is to refresh a value.
func (c *Cache) part(f *fetch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiters--; f.waiters > 0 || f.queued == nil || f.entry.snap.Load() != nil {
		return
	}
	f.entry.toLane().queues[f.rank].Remove(f.queued)
	c.giveUp(f)
}

func (f *fetch) drop() { f.entry.cache.giveUp(f) }

// giveUp ends a fetch that has not begun: it has neither a value nor an error. Called with mu
// held.
func (c *Cache) giveUp(f *fetch) {
	f.queued, f.concluded = nil, true
	e := f.entry
	e.ends(e.failure(), false)
	c.noteUnfetched(f, false)
	c.settle(e)
	c.notify(e.key)
	close(f.done)
	c.running.Done()
}

// empty gives up all that queues in a lane, when its backend went down or the Cache is closed.
// Called with mu held.
func (c *Cache) empty(l *lane) {
	for rank := range l.queues {
		q := &l.queues[rank]
		for first := q.Front(); first != nil; first = q.Front() {
			q.Remove(first).(queued).drop()
		}
	}
}

// waiting returns how many requests queue. Called with mu held.
func (c *Cache) waiting() (n int) {
	for _, l := range c.lanes {
		n += l.waiting()
	}
	return n
}

func (l *lane) waiting() (n int) {
	for rank := range l.queues {
		n += l.queues[rank].Len()
	}
	return n
}
