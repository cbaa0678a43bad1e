package engine

import (
	"slices"
	"time"
)

// Notify has a value sent to ch whenever there may be something new to be seen of
// the secret by Get: after each of its fetches, failed ones too, after
// [Cache.Invalidate] and [Cache.CheckNow], and when the Cache is closed. A send that
// would block is dropped, so ch should have a buffer of one: a slow receiver sees
// the latest, and no queue. Notify fetches nothing by itself; see Quiet.
// After stop, nothing is sent any more; before, ch must not be closed.
func (e *Entry) Notify(ch chan<- struct{}) (stop func()) {
	c, key := e.cache, e.key
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

// notify sends to the watchers of the entry with this key. Called with mu held.
func (c *Cache) notify(key string) {
	for _, ch := range c.watchers[key] {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// notifyAll sends to all watchers. Called with mu held.
func (c *Cache) notifyAll() {
	for key := range c.watchers {
		c.notify(key)
	}
}

// Quiet returns for how long nothing is to be done about the secret, unless Notify sends
// before: after that time Get refreshes the secret, or tries to.
func (e *Entry) Quiet() time.Duration {
	c := e.cache
	if c.fixed != nil {
		return never
	}
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return never
	}
	st := c.stateOf(e, now)
	if l := e.toLane(); l.isDown() {
		st.downIn = max(l.askAt-c.healthNow(), 0)
		if s := e.snap.Load(); s != nil {
			// Before that, Get returns the value without a look, which would set askAt anew.
			st.downIn = max(st.downIn, c.clock.left(s.until.Load()))
		}
	}
	return max(0, c.policy.read(st, false).fetchIn)
}
