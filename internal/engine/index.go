package engine

import (
	"hash/maphash"
	"sync/atomic"
)

// An index finds entries by their Ref, for readers without a lock. Its writers hold Cache.mu.
// A reader may miss an entry while others come and go, but never finds a wrong one; a reader
// that holds Cache.mu misses none.
//
// It is a hash table of linked lists, and not a sync.Map, since a look-up by ID is
// most of what reading a secret by ID costs: here it is a hash and two loads.
type index struct {
	buckets atomic.Pointer[[]bucket] // their number is a power of two
	len     int
}

type bucket = atomic.Pointer[Entry]

const minBuckets = 8

// find returns the entry that has this hash and is of ref, or nil.
func (x *index) find(hash uint32, ref *Ref, isDefault bool) *Entry {
	buckets := *x.buckets.Load()
	for e := buckets[int(hash)&(len(buckets)-1)].Load(); e != nil; e = e.next.Load() {
		if e.hash == hash && e.is(ref, isDefault) {
			return e
		}
	}
	return nil
}

// add puts e there, if it isn't.
func (x *index) add(e *Entry) {
	if x.place(e) != nil {
		return
	}
	if x.len == len(*x.buckets.Load()) {
		x.grow()
	}
	x.len++
	link(*x.buckets.Load(), e)
}

// place returns what points at e, or nil if e isn't there.
func (x *index) place(e *Entry) *atomic.Pointer[Entry] {
	buckets := *x.buckets.Load()
	for at := &buckets[int(e.hash)&(len(buckets)-1)]; ; {
		switch next := at.Load(); next {
		case e:
			return at
		case nil:
			return nil
		default:
			at = &next.next
		}
	}
}

func link(buckets []bucket, e *Entry) {
	first := &buckets[int(e.hash)&(len(buckets)-1)]
	e.next.Store(first.Load())
	first.Store(e)
}

// remove takes e away, if it is there. Readers that stand on it miss those behind it.
func (x *index) remove(e *Entry) {
	at := x.place(e)
	if at == nil {
		return
	}
	x.len--
	at.Store(e.next.Load())
	e.next.Store(nil) // whoever keeps e keeps nothing else
}

// grow doubles the number of buckets. Readers in a list whose entries move end in another one
// and miss.
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

// clear makes it empty, which is to be done before its first use too.
func (x *index) clear() {
	buckets := make([]bucket, minBuckets)
	x.buckets.Store(&buckets)
	x.len = 0
}

// hash returns what ref is found by. Most refs are of the default stage, and have
// the hash of their ID.
func (c *Cache) hash(ref *Ref, isDefault bool) uint32 {
	h := maphash.String(c.seed, ref.ID)
	if !isDefault {
		h = 31*(31*h+maphash.String(c.seed, ref.Stage)) + maphash.String(c.seed, ref.VersionID)
	}
	return uint32(h ^ h>>32)
}

// find returns the entry of ref, or nil. It takes a pointer, since to copy a Ref that
// has just been put together would take longer than the look-up.
func (c *Cache) find(ref *Ref) *Entry {
	isDefault := c.isDefault(ref)
	return c.index.find(c.hash(ref, isDefault), ref, isDefault)
}

func (c *Cache) isDefault(ref *Ref) bool {
	return ref.VersionID == "" && (ref.Stage == "" || ref.Stage == c.cfg.DefaultStage)
}
