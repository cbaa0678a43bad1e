package engine

import "github.com/elastic/go-freelru"

// A table holds entries in the order of their use, up to a bound. Cache.mu
// guards it.
//
// A read that takes no lock does not reach the table. It leaves a mark, Snapshot.seen,
// instead. An entry that is to be evicted and has a mark goes back to the young end and
// loses its mark, as in CLOCK.
type table struct {
	lru *freelru.LRU[*Entry, struct{}]
	max int
}

func newTable(size int) *table {
	lru, err := freelru.New[*Entry, struct{}](uint32(size), func(e *Entry) uint32 { return e.hash })
	if err != nil {
		panic(err) // size was validated: 1 to maxMaxSize
	}
	return &table{lru: lru, max: size}
}

func (t *table) len() int { return t.lru.Len() }

// entries returns those in the table.
func (t *table) entries() []*Entry { return t.lru.Keys() }

// has reports whether e is there. A nil table has none.
func (t *table) has(e *Entry) bool { return t != nil && t.lru.Contains(e) }

// touch notes a use of e by a reader that holds Cache.mu, and reports whether e is there.
func (t *table) touch(e *Entry) bool {
	e.unmark()
	_, has := t.lru.Get(e)
	return has
}

// unmark forgets the reads since the table placed e.
func (e *Entry) unmark() {
	if s := e.snap.Load(); s != nil {
		s.seen.Store(0)
	}
}

// add puts e at the young end and returns the entry that was evicted for it, or
// nil.
func (t *table) add(e *Entry) (evicted *Entry) {
	if !t.lru.Contains(e) && t.lru.Len() == t.max {
		evicted = t.removeOldest()
	}
	e.unmark()
	t.lru.Add(e, struct{}{})
	return evicted
}

// remove takes e out, if it is there. A nil table has none.
func (t *table) remove(e *Entry) {
	if t != nil {
		t.lru.Remove(e)
	}
}

// maxSpared bounds what one eviction costs if all entries are being read.
const maxSpared = 16

// removeOldest takes out the entry whose use is the longest ago. If more than maxSpared of
// the oldest are marked, it takes out the next one all the same.
func (t *table) removeOldest() *Entry {
	for spared := 0; ; spared++ {
		e, _, _ := t.lru.RemoveOldest()
		s := e.snap.Load()
		if s == nil || s.seen.Load() == 0 || spared == maxSpared {
			return e
		}
		e.unmark()
		t.lru.Add(e, struct{}{})
	}
}
