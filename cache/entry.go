package cache

import (
	"strings"
	"sync/atomic"
	"time"
)

// An entry is the cache's place for one Ref. It is in Cache.index while it has a
// value, a failure that is remembered, or a fetch under way. There may be a million
// of them, so it fills 64 bytes and no more.
type entry struct {
	cache *Cache
	key   string // of its Ref; see Cache.key
	next  atomic.Pointer[entry]
	snap  atomic.Pointer[Snapshot]
	memos atomic.Pointer[Memo]

	// Guarded by Cache.mu.
	fetches *fetches // nil if nothing of them is to be remembered
	hash    uint32   // of its Ref
	readsIn uint16   // the epoch that reads counts in, its low bits
	reads   uint8    // up to busyReads
	indexed bool
}

// newEntry makes the entry of a resolved ref.
func (c *Cache) newEntry(ref Ref) *entry {
	return &entry{cache: c, key: c.key(ref), hash: c.hash(&ref, c.isDefault(&ref))}
}

// ref returns what the entry is for, with the stage filled in.
func (e *entry) ref() Ref {
	id, rest, others := strings.Cut(e.key, "\x00")
	if !others {
		return Ref{ID: id, Stage: e.cache.cfg.DefaultStage}
	}
	stage, version, _ := strings.Cut(rest, "\x00")
	return Ref{ID: id, Stage: stage, VersionID: version}
}

// id returns the ID of the Ref.
func (e *entry) id() string {
	id, _, _ := strings.Cut(e.key, "\x00")
	return id
}

// is reports whether e.ref() is ref.
func (e *entry) is(ref *Ref, isDefault bool) bool {
	if isDefault {
		return e.key == ref.ID
	}
	rest, ok := strings.CutPrefix(e.key, ref.ID)
	return ok && len(rest) == len(ref.Stage)+len(ref.VersionID)+2 && rest[0] == 0 &&
		rest[1:1+len(ref.Stage)] == ref.Stage && rest[1+len(ref.Stage)] == 0 && rest[2+len(ref.Stage):] == ref.VersionID
}

// fetches is what is remembered of an entry's fetches beside the value that came.
type fetches struct {
	flight  flight
	flying  bool
	failure *failure // nil unless the last fetch failed
	forced  instant  // when the last forced fetch started
	wasEver bool     // there was a forced one
}

// A flight is one fetch under way.
type flight struct {
	began   instant
	forced  bool
	invalid bool // Invalidate was called meanwhile
}

// A failure is what is remembered of the fetches that failed since the last
// success. It does not change but for told.
type failure struct {
	err   *Error
	at    instant
	count int
	delay time.Duration
	tried bool        // the fetch began when the value was already past its TTL
	told  atomic.Bool // that a stale value was served because of it
}

// failure returns that of the last fetch, or nil.
func (e *entry) failure() *failure {
	if e.fetches == nil {
		return nil
	}
	return e.fetches.failure
}

func (e *entry) isFlying() bool { return e.fetches != nil && e.fetches.flying }

// takeOff notes a fetch that begins.
func (e *entry) takeOff(f flight) {
	if e.fetches == nil {
		e.fetches = &fetches{}
	}
	e.fetches.flight, e.fetches.flying = f, true
	if f.forced {
		e.fetches.forced, e.fetches.wasEver = f.began, true
	}
}

// ended notes how the fetch under way ended: with fail, or nil.
func (e *entry) ended(fail *failure) {
	e.fetches.flying, e.fetches.failure = false, fail
	if fail == nil && !e.fetches.wasEver {
		e.fetches = nil
	}
}

// forcedWithin reports whether a forced fetch started less than d ago.
func (e *entry) forcedWithin(d time.Duration, now instant) bool {
	return e.fetches != nil && e.fetches.wasEver && now.since(e.fetches.forced) < d
}

// An Owner is who keeps something with secrets, by [Snapshot.Keep]. Its address is
// its identity.
type Owner struct{ _ byte }

// A Memo is what makes a struct that embeds it a [Kept]. It does not change once
// it is kept.
type Memo struct {
	owner *Owner
	next  *Memo // of the same secret
	kept  Kept
}

// Kept is what an Owner keeps with a secret, a pointer to a struct that embeds a
// Memo: so it takes no memory of its own to find.
type Kept interface{ memo() *Memo }

func (m *Memo) memo() *Memo { return m }
