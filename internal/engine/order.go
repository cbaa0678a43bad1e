package engine

import (
	"weak"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/secret"
)

// Which entries the cache keeps:
//
//   - recent holds those with a value that are read by ID, in the order of their use, and
//     those that a handle has read for the first time, for when the handle is gone;
//   - aside holds those that are not in recent, but have a failure or an Invalidate to be
//     remembered: most of them have no value;
//   - a handle holds its own entry. Named finds it for others, and does not keep it.
//
// The index finds the entries of the two tables, and those that have a fetch under way, or a pause before one.

// Entry returns the entry of ref, for a caller that keeps it: a handle. Errors are those of
// [Ref.Validate], [ErrClosed] and [ErrNilCache].
func (c *Cache) Entry(ref Ref) (*Entry, error) {
	if c == nil || c.source == nil {
		return nil, &Error{Ref: ref, Err: ErrNilCache}
	}
	ref = c.resolve(ref)
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.entry(ref)
	if err != nil {
		return nil, err
	}
	if !e.named {
		c.name(e)
	}
	return e, nil
}

// Declare tells the source of a handle on ref, which the program declared.
func (c *Cache) Declare(ref Ref) {
	if c == nil {
		return
	}
	if s, ok := c.source.(secret.Declarer); ok && ref.Validate() == nil {
		_ = guard.Call("source", func() error {
			s.Declared(ref)
			return nil
		})
	}
}

// name makes e the entry of a handle. Called with mu held.
func (c *Cache) name(e *Entry) {
	if len(c.named) >= c.sweepAt {
		for key, held := range c.named {
			if held.Value() == nil {
				delete(c.named, key)
			}
		}
		c.sweepAt = max(minSweep, 2*len(c.named))
	}
	e.named = true
	c.named[e.key] = weak.Make(e)
}

// minSweep is how many names there are before those of dead handles are looked for. After
// that they are looked for each time their number has doubled.
const minSweep = 64

// entry returns the entry for ref, whether or not it is in the index; one that has
// nothing to be kept is put there when its fetch begins. Called with mu held.
func (c *Cache) entry(ref Ref) (*Entry, error) {
	if c.closed {
		return nil, &Error{Ref: ref, Err: ErrClosed}
	}
	if err := ref.Validate(); err != nil { // before the key, which has no place for such a Ref
		return nil, &Error{Ref: ref, Err: err}
	}
	if e := c.known(ref); e != nil {
		return e, nil
	}
	return c.newEntry(ref), nil
}

// known returns the entry of ref if there is one. Called with mu held.
func (c *Cache) known(ref Ref) *Entry {
	if e := c.find(&ref); e != nil {
		return e
	}
	return c.named[c.key(ref)].Value()
}

// replace makes s the present snapshot of e, and returns the one that was evicted for it,
// if any. Called with mu held.
func (c *Cache) replace(e *Entry, s *Snapshot) (evicted *Snapshot) {
	old := e.snap.Swap(s)
	c.aside.remove(e)
	if old == nil {
		return c.use(e)
	}
	old.expire()
	if e.named && !c.recent.has(e) {
		c.settle(e)
		return nil
	}
	return c.use(e)
}

// use puts e, which has a value and is read by ID, at the young end of the order, and
// returns the snapshot that was evicted for it, if any. Called with mu held.
func (c *Cache) use(e *Entry) (evicted *Snapshot) {
	if c.recent.touch(e) {
		return nil
	}
	c.index.add(e)
	c.aside.remove(e)
	if out := c.recent.add(e); out != nil {
		return c.evict(out)
	}
	return nil
}

// evict drops the value of e, which has left the order; if e is of a handle, the value stays.
// The past of e stays in any case, and with it the back-off. Called with mu held.
func (c *Cache) evict(e *Entry) *Snapshot {
	e.memos.Store(nil)
	if e.named {
		c.settle(e)
		return nil
	}
	s := e.snap.Swap(nil)
	s.expire()
	if e.checking() != nil && e.inFlight() == nil {
		c.endCheck(e)
	}
	c.evictions++
	c.settle(e)
	return s
}

// settle puts e where it is kept, and takes it out of the index if it is in no table and has no
// fetch under way. Called with mu held.
func (c *Cache) settle(e *Entry) {
	if c.recent.has(e) {
		return
	}
	if e.hasPast() {
		c.setAside(e)
	}
	if !e.isBusy() && !c.aside.has(e) {
		c.index.remove(e)
	}
}

// maxAside bounds the table aside, which is allocated with mu held.
const maxAside = 1 << 16

// setAside keeps e in a table of its own: so asking for secrets that don't exist evicts none
// that do, and a handle that is gone leaves its back-off behind. Called with mu held.
func (c *Cache) setAside(e *Entry) {
	if c.aside == nil {
		c.aside = newTable(min(max(c.cfg.MaxSize, DefaultMaxSize), maxAside))
	}
	c.index.add(e)
	if out := c.aside.add(e); out != nil && !out.isBusy() {
		c.index.remove(out)
	}
}

// kept returns the entries that have a value. Called with mu held.
func (c *Cache) kept() []*Entry {
	all := c.recent.entries()
	for _, held := range c.named {
		if e := held.Value(); e != nil && e.snap.Load() != nil && !c.recent.has(e) {
			all = append(all, e)
		}
	}
	return all
}
