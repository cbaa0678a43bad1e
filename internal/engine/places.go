package engine

// maxRequests is how many requests of one Cache are under way at a time, whatever is asked
// for. Others queue, in their order, and cost no goroutine of their own until it is their
// turn.
const maxRequests = 64

// queueUp starts f, or queues it if there is no place. Called with mu held.
func (c *Cache) queueUp(f *fetch) {
	if f.isListed {
		c.beginsNow(f, c.now())
	}
	switch {
	case c.closed:
		c.giveUp(f)
	case c.requests < maxRequests:
		c.launch(f)
	default:
		f.queued = c.queue.PushBack(f)
	}
}

// hasTurn reports whether f does not wait for its turn any more. Called with mu held.
func (f *fetch) hasTurn() bool { return f.queued == nil && !f.isListed }

// isTaken reports whether f is fetched by itself, and not by a FetchMany, or was. Called with
// mu held.
func (f *fetch) isTaken() bool { return f.hasPlace || f.queued != nil || f.concluded }

// beginsNow counts f, which waited for its turn, as a fetch that begins now. It is a forced one
// if Invalidate was called meanwhile. Called with mu held.
func (c *Cache) beginsNow(f *fetch, now instant) {
	c.begun++
	f.number, f.began, f.sent, f.awaited, f.isListed = c.begun, now, now, now, false
	p := f.entry.past
	if p.invalid.isSet {
		f.renews, f.forced = true, true
		f.invalidation, p.invalid = p.invalid, invalidation{}
	}
}

// launch gives f a place. Called with mu held.
func (c *Cache) launch(f *fetch) {
	c.requests++
	f.queued, f.hasPlace = nil, true
	f.noteBegin()
	go c.run(f)
}

// leavePlace frees the place of f, if it has one. Called with mu held.
func (c *Cache) leavePlace(f *fetch) {
	if f.hasPlace {
		f.hasPlace = false
		c.next()
	}
}

// next frees a place, and gives it to the first in the queue. Called with mu held.
func (c *Cache) next() {
	c.requests--
	c.turned = c.now()
	if c.queue.Len() == 0 || c.closed {
		return
	}
	switch queued := c.queue.Remove(c.queue.Front()).(type) {
	case *fetch:
		c.beginsNow(queued, c.turned)
		c.launch(queued)
	case chan struct{}:
		c.requests++
		close(queued)
	}
}

// takePlace waits for a place for one request of a FetchMany, and returns what frees it. It
// reports false if the Cache was closed.
func (c *Cache) takePlace() (leave func(), ok bool) {
	c.mu.Lock()
	ready := make(chan struct{})
	if c.requests < maxRequests {
		c.requests++
		close(ready)
	} else {
		c.queue.PushBack(ready)
	}
	c.mu.Unlock()
	select {
	case <-ready:
		return func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.next()
		}, true
	case <-c.done.Done():
		return nil, false
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
	c.queue.Remove(f.queued)
	c.giveUp(f)
}

// giveUp ends a fetch that has not begun: it has neither a value nor an error. Called with mu
// held.
func (c *Cache) giveUp(f *fetch) {
	f.queued, f.concluded = nil, true
	e := f.entry
	e.ends(e.failure(), false)
	c.settle(e)
	c.notify(e.key)
	close(f.done)
	c.running.Done()
}

// emptyQueue gives up all that queues, when the Cache is closed. Called with mu held.
func (c *Cache) emptyQueue() {
	for at := c.queue.Front(); at != nil; at = c.queue.Front() {
		if f, isFetch := c.queue.Remove(at).(*fetch); isFetch {
			c.giveUp(f)
		}
	}
}
