package engine

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/internal/health"
)

// An Entry is the cache's place for one Ref. [Cache.Entry] makes it the entry of a handle:
// as long as somebody keeps it, its value is not evicted. Its first value takes one of the
// Config.MaxSize places all the same, and keeps it until reads by ID need that. All methods
// are safe for concurrent use.
//
// There may be a million of them, so an Entry fills 64 bytes and no more.
type Entry struct {
	cache *Cache
	key   string // of its Ref, as hash is
	next  atomic.Pointer[Entry]
	snap  atomic.Pointer[Snapshot]
	memos atomic.Pointer[Memo]
	past  *past // nil if nothing is to be remembered; guarded by Cache.mu
	hash  uint32
	named bool  // it is in Cache.named; guarded by Cache.mu
	lane  uint8 // the number of its backend's lane
}

// Cache returns the Cache that e is of.
func (e *Entry) Cache() *Cache { return e.cache }

// Snapshot returns the present snapshot, or nil.
func (e *Entry) Snapshot() *Snapshot { return e.snap.Load() }

// newEntry makes the entry of a ref. Called with mu held.
func (c *Cache) newEntry(ref Ref) *Entry {
	return &Entry{cache: c, key: c.key(ref), hash: c.hash(&ref, c.isDefault(&ref)), lane: c.laneFor(ref)}
}

// key is ref in one string: its ID alone if it is of the default stage.
func (c *Cache) key(ref Ref) string {
	if c.isDefault(&ref) {
		return ref.ID
	}
	return ref.ID + "\x00" + ref.Stage + "\x00" + ref.VersionID
}

// ref returns what the entry is for, with the stage filled in.
func (e *Entry) ref() Ref { return e.cache.refOf(e.key) }

// refOf returns what an entry with this key is for.
func (c *Cache) refOf(key string) Ref {
	id, rest, others := strings.Cut(key, "\x00")
	if !others {
		return Ref{ID: id, Stage: c.cfg.DefaultStage}
	}
	stage, version, _ := strings.Cut(rest, "\x00")
	return Ref{ID: id, Stage: stage, VersionID: version}
}

// id returns the ID of the Ref.
func (e *Entry) id() string {
	id, _, _ := strings.Cut(e.key, "\x00")
	return id
}

// is reports whether e.ref() is ref, a valid one.
func (e *Entry) is(ref *Ref, isDefault bool) bool {
	if isDefault {
		return e.key == ref.ID
	}
	rest := e.key
	for _, part := range [...]string{ref.ID, "\x00", ref.Stage, "\x00"} {
		var ok bool
		if rest, ok = strings.CutPrefix(rest, part); !ok {
			return false
		}
	}
	return rest == ref.VersionID
}

// past is what is remembered of an entry's fetches beside the value that came.
type past struct {
	fetch   *fetch    // the one under way; nil if there is none
	pauses  [2]*pause // by kind of pause; nil if there is none
	invalid invalidation
	failure *failure  // nil unless the last fetch failed
	forced  lastFetch // the last one that Refresh or Invalidate asked for
	renewed lastFetch // the last one that Invalidate asked for
	owed    bool      // a forced fetch was asked for, and none has succeeded since: the next is one
	heard   *heard    // of the secret, by events; nil: nothing
}

// An invalidation says whether the next fetch is to be a forced one, and why.
type invalidation struct {
	isSet  bool
	isMove bool   // another stage of the secret has moved; nobody called Invalidate
	from   string // the version that this stage had before
	at     instant
}

// A lastFetch is when the last fetch of a kind began, if there was one.
type lastFetch struct {
	number uint64 // of the fetch; 0 if there was none
	at     instant
}

// left returns how much of an interval that began with the fetch is left at now.
func (l lastFetch) left(interval time.Duration, now instant) time.Duration {
	if l.number == 0 {
		return 0
	}
	return max(0, interval-now.since(l.at))
}

// A failure is what is remembered of the fetches that failed since the last success.
type failure struct {
	failed
	told    atomic.Bool           // a stale value was returned because of it
	refused atomic.Pointer[Error] // the error when StaleIfError refuses the value; one for all readers
}

// failed is the part of a failure that does not change, but for tried, which Cache.mu guards.
type failed struct {
	err       *Error
	began     instant
	at        instant
	first     instant // when the first of them failed
	count     int
	delay     time.Duration
	seen      health.Instant // when the last of them failed; 0: none was made
	mute      health.Instant // when the first failed without an answer that no answer has followed; 0: none
	tried     bool           // the fetch began when the value was already past its TTL
	isRefusal bool           // the source refused the secret

	asked   int     // for how many of them the user's own Refresh or Invalidate asked
	askedAt instant // when the last of these began
	ownErr  *Error  // err, with the user's own delay, if that is the shorter one; else nil

	said said // by the source, since it gave the secret
}

// errorFor returns the error of a reader that is refused: the one with the user's own delay, if
// that is what the ruling goes by. It is the same for all readers.
func (f *failure) errorFor(r *ruling, s *state) error {
	if r.fetchIn < s.delay && f.ownErr != nil {
		return f.ownErr
	}
	return f.err
}

// refuse returns the error of a reader that does not get the last good value because of err.
func (f *failure) refuse(err error) *Error {
	if known := f.refused.Load(); known != nil {
		return known
	}
	refused := *f.err
	refused.Err = fmt.Errorf("%w; %w", refused.Err, err)
	f.refused.CompareAndSwap(nil, &refused)
	return f.refused.Load()
}

// failure returns that of the last fetch, or nil.
func (e *Entry) failure() *failure {
	if e.past == nil {
		return nil
	}
	return e.past.failure
}

// Failure returns why the last fetch failed, or nil.
func (e *Entry) Failure() error {
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	if f := e.failure(); f != nil {
		return f.err.Err
	}
	return nil
}

// Stands reports whether err, of a read of e, says why the last fetch failed, and the secret was
// not invalidated since that fetch began.
func (e *Entry) Stands(err error) bool {
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	f := e.failure()
	if f == nil || e.isInvalid() || e.inFlight() != nil && e.inFlight().invalidation.isSet {
		return false
	}
	failed, ok := err.(*Error)
	return ok && (failed == f.err || failed == f.ownErr || failed == f.refused.Load())
}

// inFlight returns the fetch under way, or nil.
func (e *Entry) inFlight() *fetch {
	if e.past == nil {
		return nil
	}
	return e.past.fetch
}

// isBusy reports whether a fetch is under way, or begins when a pause is over.
func (e *Entry) isBusy() bool {
	return e.past != nil && (e.past.fetch != nil || e.past.pauses != [2]*pause{})
}

// remembered returns e.past, which it makes if there is none.
func (e *Entry) remembered() *past {
	if e.past == nil {
		e.past = &past{}
	}
	return e.past
}

// forgetTry clears tried: the value became due only now.
func (e *Entry) forgetTry() {
	if f := e.failure(); f != nil {
		f.tried = false
	}
}

// isInvalid reports whether the next fetch is to be a forced one.
func (e *Entry) isInvalid() bool { return e.past != nil && e.past.invalid.isSet }

// invalidate makes the next read fetch. Readers wait anew for the fetch under way. Called
// with Cache.mu held.
func (e *Entry) invalidate(now instant, why invalidation) {
	p := e.remembered()
	p.invalid = why
	p.invalid.isSet, p.invalid.at = true, now
	if f := p.fetch; f != nil {
		f.awaited = now
	}
	e.forgetTry()
	if s := e.snap.Load(); s != nil {
		s.invalid = true
		s.expire()
	}
}

// invalidated returns when the value was invalidated, or, if that is forgotten, when the first fetch
// after it failed; zero if the value is valid. Called with Cache.mu held.
func (e *Entry) invalidated() instant {
	snap, f, fail := e.snap.Load(), e.inFlight(), e.failure()
	switch {
	case snap == nil || !snap.invalid:
	case e.isInvalid():
		return e.past.invalid.at
	case f != nil && f.invalidation.isSet:
		return f.invalidation.at
	case fail != nil:
		return fail.first
	}
	return instant{}
}

// hasPast reports whether e is to be kept, whoever reads it, for what is known of its fetches.
func (e *Entry) hasPast() bool { return e.failure() != nil || e.isInvalid() }

// owe has the fetches of e be forced ones until one succeeds, also if the caller that asked for one
// is gone before it begins. If nothing is known of e, there is nothing that an old copy of the
// source could be taken for.
func (e *Entry) owe() {
	if e.past != nil || e.snap.Load() != nil {
		e.remembered().owed = true
	}
}

// begins notes a fetch that begins.
func (e *Entry) begins(f *fetch) {
	p := e.remembered()
	f.invalidation, p.invalid = p.invalid, invalidation{}
	p.fetch = f
}

// noteBegin notes f, whose turn it is, as the last one of its kinds.
func (f *fetch) noteBegin() {
	p := f.entry.past
	if f.forced {
		p.forced = lastFetch{f.number, f.began}
	}
	if f.renews {
		p.renewed = lastFetch{f.number, f.began}
	}
}

// ends notes how the fetch under way ends: with fail, or nil. If the source gave no answer,
// the fetch did not do what Invalidate had asked for, and the next one is to.
func (e *Entry) ends(fail *failure, answered bool) {
	p := e.past
	if !answered && p.fetch.invalidation.isSet {
		p.invalid = p.fetch.invalidation
	}
	p.fetch, p.failure = nil, fail
	if !e.hasPast() && p.forced.number == 0 && !p.owed && p.heard == nil && !e.isBusy() {
		e.past = nil
	}
}

// An Owner keeps something with secrets, by [Snapshot.Keep]. Its address is its identity; it
// has a size, since variables of no size might share an address.
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
