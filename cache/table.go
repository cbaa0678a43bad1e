package cache

import "github.com/elastic/go-freelru"

// A table holds entries in the order of their use, up to a bound. Cache.mu
// guards it.
//
// Reads under a lease do not reach it, so an entry whose snapshot has one, or had
// one until just now, may have been read since its place was noted: when its turn
// comes to be evicted it goes back to the young end once, as in CLOCK. Each such
// step costs an eviction about 50 ns and the entry busyReads reads to earn a
// lease again, so the steps are paid for by the reads.
type table struct {
	lru *freelru.LRU[*entry, struct{}]
	max int
}

func newTable(size int) *table {
	lru, err := freelru.New[*entry, struct{}](uint32(size), func(e *entry) uint32 { return e.hash })
	if err != nil {
		panic(err) // size was validated: 1 to maxMaxSize
	}
	return &table{lru: lru, max: size}
}

func (t *table) len() int { return t.lru.Len() }

// entries returns those in the table.
func (t *table) entries() []*entry { return t.lru.Keys() }

// touch notes a use of e.
func (t *table) touch(e *entry) { t.lru.Get(e) }

// add puts e at the young end and returns the entry that was evicted for it, or
// nil.
func (t *table) add(e *entry) (evicted *entry) {
	if !t.lru.Contains(e) && t.lru.Len() == t.max {
		evicted = t.removeOldest()
	}
	t.lru.Add(e, struct{}{})
	return evicted
}

// remove takes e out, if it is there. A nil table has none.
func (t *table) remove(e *entry) {
	if t != nil {
		t.lru.Remove(e)
	}
}

func (t *table) removeOldest() *entry {
	for {
		e, _, _ := t.lru.RemoveOldest()
		s := e.snap.Load()
		if s == nil || !s.readLately() {
			return e
		}
		s.lease.Store(0)
		e.reads = 0
		t.lru.Add(e, struct{}{})
	}
}
