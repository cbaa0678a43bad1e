package cache

import (
	"hash/maphash"
	"sync/atomic"
)

// An index finds entries by their Ref, for readers without a lock. What changes it
// holds Cache.mu. A reader may miss an entry while the index grows, never find a
// wrong one; who holds Cache.mu misses none.
//
// It is a hash table of linked lists, and not a sync.Map, since a look-up by ID is
// most of what reading a secret by ID costs: here it is a hash and two loads.
type index struct {
	buckets atomic.Pointer[[]bucket] // their number is a power of two
	len     int
}

type bucket = atomic.Pointer[entry]

const minBuckets = 8

// find returns the entry that has this hash and is of ref, or nil.
func (x *index) find(hash uint32, ref *Ref, isDefault bool) *entry {
	buckets := *x.buckets.Load()
	for e := buckets[int(hash)&(len(buckets)-1)].Load(); e != nil; e = e.next.Load() {
		if e.hash == hash && e.is(ref, isDefault) {
			return e
		}
	}
	return nil
}

func (x *index) add(e *entry) {
	if e.indexed {
		return
	}
	if x.len == len(*x.buckets.Load()) {
		x.grow()
	}
	e.indexed = true
	x.len++
	link(*x.buckets.Load(), e)
}

func link(buckets []bucket, e *entry) {
	first := &buckets[int(e.hash)&(len(buckets)-1)]
	e.next.Store(first.Load())
	first.Store(e)
}

func (x *index) remove(e *entry) {
	if !e.indexed {
		return
	}
	e.indexed = false
	x.len--
	buckets := *x.buckets.Load()
	at := &buckets[int(e.hash)&(len(buckets)-1)]
	for at.Load() != e {
		at = &at.Load().next
	}
	at.Store(e.next.Load()) // e keeps its own, for readers who are there
}

// grow doubles the number of buckets. Readers who are in a list whose entries move
// end in another one and miss.
func (x *index) grow() {
	old := *x.buckets.Load()
	buckets := make([]bucket, 2*len(old))
	for i := range old {
		for e := old[i].Load(); e != nil; {
			next := e.next.Load()
			link(buckets, e)
			e = next
		}
	}
	x.buckets.Store(&buckets)
}

// clear makes it empty, which it must be before its first use.
func (x *index) clear() {
	buckets := make([]bucket, minBuckets)
	x.buckets.Store(&buckets)
	x.len = 0
}

// What follows takes a *Ref, since copying a Ref that has just been put together
// takes longer than all the rest of a look-up.

// hash returns what ref is found by. Most refs are of the default stage, and have
// the hash of their ID.
func (c *Cache) hash(ref *Ref, isDefault bool) uint32 {
	h := maphash.String(c.seed, ref.ID)
	if !isDefault {
		h = 31*(31*h+maphash.String(c.seed, ref.Stage)) + maphash.String(c.seed, ref.VersionID)
	}
	return uint32(h ^ h>>32)
}

// find returns the entry of ref, or nil.
func (c *Cache) find(ref *Ref) *entry {
	isDefault := c.isDefault(ref)
	return c.index.find(c.hash(ref, isDefault), ref, isDefault)
}

func (c *Cache) isDefault(ref *Ref) bool {
	return ref.VersionID == "" && (ref.Stage == "" || ref.Stage == c.cfg.DefaultStage)
}

// key is ref in one string: its ID alone if it is of the default stage.
func (c *Cache) key(ref Ref) string {
	if c.isDefault(&ref) {
		return ref.ID
	}
	return ref.ID + "\x00" + ref.Stage + "\x00" + ref.VersionID
}
