package cache

import (
	"math"
	"slices"
	"time"
)

// Notify has a value sent to ch whenever there may be something new to be seen of
// ref by [Cache.Lookup]: after each of its fetches, failed ones too, after
// [Cache.Invalidate] and [Cache.CheckNow], and when the Cache is closed. A send that
// would block is dropped, so ch should have a buffer of one: who takes its time sees
// the latest, and no queue. Notify fetches nothing by itself; see [Cache.Quiet].
// After stop, nothing is sent any more; before, ch must not be closed.
func (c *Cache) Notify(ref Ref, ch chan<- struct{}) (stop func()) {
	if c == nil || c.source == nil {
		return func() {}
	}
	key := c.key(c.resolve(ref))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watchers == nil {
		c.watchers = map[string][]chan<- struct{}{}
	}
	c.watchers[key] = append(c.watchers[key], ch)
	stopped := false // guarded by mu
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if stopped {
			return
		}
		stopped = true
		list := c.watchers[key]
		if i := slices.Index(list, ch); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
		if c.watchers[key] = list; len(list) == 0 {
			delete(c.watchers, key)
		}
	}
}

// notify tells those who watch the entry of this key. Called with mu held.
func (c *Cache) notify(key string) {
	for _, ch := range c.watchers[key] {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// notifyAll tells all who watch. Called with mu held.
func (c *Cache) notifyAll() {
	for key := range c.watchers {
		c.notify(key)
	}
}

// Quiet returns for how long there is nothing to be done about ref, unless Notify
// tells otherwise: when it is over, a Lookup refreshes the secret, or tries to. Who
// watches passes the Snapshot that Lookup returned last, for the case that it was
// evicted since; nil if there is none.
func (c *Cache) Quiet(ref Ref, last *Snapshot) time.Duration {
	if c == nil || c.source == nil {
		return math.MaxInt64
	}
	ref = c.resolve(ref)
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return math.MaxInt64
	}
	s, f := last, (*failure)(nil)
	var wait time.Duration
	if e := c.find(&ref); e != nil {
		if e.isFlying() {
			return math.MaxInt64
		}
		f, wait = e.failure(), c.untilRenewed(e, now)
		if present := e.snap.Load(); present != nil || f != nil {
			s = present
		}
	}
	if f != nil {
		wait = f.delay - now.since(f.at)
	}
	if s != nil && !s.invalid {
		wait = max(wait, s.dueAt()-now.since(s.at))
	}
	return max(0, wait)
}
