package cache

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// An entry is the cache's place for one Ref. It is in Cache.index while it has a
// value, a failure that is remembered, or a fetch under way. There may be a million
// of them, so it fills 64 bytes and no more.
type entry struct {
	cache *Cache
	key   string // of its Ref, as hash is
	next  atomic.Pointer[entry]
	snap  atomic.Pointer[Snapshot]
	memos atomic.Pointer[Memo]
	past  *past // nil if nothing is to be remembered; guarded by Cache.mu
	hash  uint32
}

// newEntry makes the entry of a ref.
func (c *Cache) newEntry(ref Ref) *entry {
	return &entry{cache: c, key: c.key(ref), hash: c.hash(&ref, c.isDefault(&ref))}
}

// key is ref in one string: its ID alone if it is of the default stage.
func (c *Cache) key(ref Ref) string {
	if c.isDefault(&ref) {
		return ref.ID
	}
	return ref.ID + "\x00" + ref.Stage + "\x00" + ref.VersionID
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

// is reports whether e.ref() is ref, a valid one.
func (e *entry) is(ref *Ref, isDefault bool) bool {
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
	under   *outcome  // what the fetch under way will have; nil if there is none
	invalid bool      // Invalidate was called since the last fetch began
	failure *failure  // nil unless the last fetch failed
	forced  lastFetch // the last one that Refresh or Invalidate asked for
	renewed lastFetch // the last one that Invalidate asked for
}

// A lastFetch is when the last fetch of a kind began, if there was one.
type lastFetch struct {
	number uint64 // of its outcome; 0 if there was none
	at     instant
}

// left returns how much of an interval that began with the fetch is left at now.
func (l lastFetch) left(interval time.Duration, now instant) time.Duration {
	if l.number == 0 {
		return 0
	}
	return max(0, interval-now.since(l.at))
}

// A failure is what is remembered of the fetches that failed since the last
// success. It does not change but for told and refused.
type failure struct {
	err   *Error
	began instant
	at    instant
	first instant // when the first of them failed
	count int
	delay time.Duration
	tried bool        // the fetch began when the value was already past its TTL
	told  atomic.Bool // that a stale value was served because of it

	refusal *refusal // by the source, the last of them; nil: none

	refused atomic.Pointer[Error] // what they get whom StaleIfError refuses a stale value; one for all
}

// refuse returns the error of a reader who is refused the last good value because of err.
func (f *failure) refuse(err error) *Error {
	if known := f.refused.Load(); known != nil {
		return known
	}
	refused := *f.err
	refused.Err = fmt.Errorf("%w; %w", refused.Err, err)
	f.refused.CompareAndSwap(nil, &refused)
	return f.refused.Load()
}

// with returns a copy of f with another error and another tried.
func (f *failure) with(err *Error, tried bool) *failure {
	return &failure{err: err, began: f.began, at: f.at, first: f.first, count: f.count, delay: f.delay, tried: tried, refusal: f.refusal}
}

// failure returns that of the last fetch, or nil.
func (e *entry) failure() *failure {
	if e.past == nil {
		return nil
	}
	return e.past.failure
}

// under returns what the fetch under way will have, or nil.
func (e *entry) under() *outcome {
	if e.past == nil {
		return nil
	}
	return e.past.under
}

// forgetTry has the last failure say nothing of a value that is to be refreshed only
// since now. Called with Cache.mu held.
func (e *entry) forgetTry() {
	f := e.failure()
	if f == nil || !f.tried {
		return
	}
	e.past.failure = f.with(f.err, false)
	e.past.failure.told.Store(f.told.Load())
	e.past.failure.refused.Store(f.refused.Load())
}

func (e *entry) isFlying() bool { return e.under() != nil }

// isInvalid reports whether Invalidate was called since the last fetch began.
func (e *entry) isInvalid() bool { return e.past != nil && e.past.invalid }

// invalidate notes that Invalidate is called. Readers wait anew for the fetch under way.
func (e *entry) invalidate(now instant) {
	if e.past == nil {
		e.past = &past{}
	}
	e.past.invalid = true
	if out := e.past.under; out != nil {
		out.awaited = now
	}
}

// hasPast reports whether e is to be kept without a value, for what is known of its fetches.
func (e *entry) hasPast() bool { return e.failure() != nil || e.isInvalid() }

// begins notes a fetch that begins.
func (e *entry) begins(out *outcome) {
	if e.past == nil {
		e.past = &past{}
	}
	out.before = *e.past
	e.past.under, e.past.invalid = out, false
	if out.forced {
		e.past.forced = lastFetch{out.number, out.began}
	}
	if out.renews {
		e.past.renewed = lastFetch{out.number, out.began}
	}
}

// ends notes how the fetch under way ends: with fail, or nil. One that brought no value
// did not do what Invalidate had asked for.
func (e *entry) ends(fail *failure, brought bool) {
	if !brought && e.past.under.before.invalid {
		e.past.invalid = true
	}
	e.past.under, e.past.failure = nil, fail
	if !e.hasPast() && e.past.forced.number == 0 {
		e.past = nil
	}
}

// turnsBack notes that the fetch under way ends as if it had not begun: it was not the
// forced one that later ones are to keep apart from.
func (e *entry) turnsBack() {
	before := &e.past.under.before
	e.past.forced, e.past.renewed = before.forced, before.renewed
	e.ends(e.past.failure, false)
}

// untilForced returns how long it takes until Refresh may begin another forced fetch.
func (c *Cache) untilForced(e *entry, now instant) time.Duration {
	if e.past == nil {
		return 0
	}
	return e.past.forced.left(c.cfg.MinRefreshInterval, now)
}

// untilRenewed returns how long it takes until a read may begin the fetch that Invalidate
// asked for. After a failure the back-off keeps fetches apart.
func (c *Cache) untilRenewed(e *entry, now instant) time.Duration {
	s := e.snap.Load()
	if e.past == nil || e.past.failure != nil || s == nil || !s.invalid {
		return 0
	}
	return e.past.renewed.left(c.cfg.MinRefreshInterval, now)
}

// An Owner is who keeps something with secrets, by [Snapshot.Keep]. Its address is
// its identity, which variables of no size might have in common.
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
