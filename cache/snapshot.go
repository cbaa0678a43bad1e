package cache

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/redact"
)

// A Snapshot is a published Value, which never changes, with the knowledge
// whether it may still be returned, which does. It is what typed handles are
// built on: they keep the Snapshot that they decoded, ask Fresh before each
// use, and call [Cache.Lookup] when the answer is no.
//
// A Snapshot is safe for concurrent use.
type Snapshot struct {
	lease atomic.Uint64 // the epoch in which the answer of Fresh is yes
	cache *Cache
	entry *entry

	value  Value  // Payload as the hook stores it
	number uint64 // counts up with each value published
	at     instant
	due    time.Duration // the age at which refresh-ahead begins

	// Guarded by Cache.mu.
	invalid bool   // to be refreshed as if its TTL had passed
	readsIn uint64 // the epoch that reads counts in
	reads   int
}

// Fresh reports whether the Snapshot may be returned at once, without a call to
// [Cache.Lookup]: it is the newest of its secret and neither expired, evicted
// nor invalidated. It costs two loads; a false negative is common (Lookup then
// says the truth), a true means true.
func (s *Snapshot) Fresh() bool {
	return s.lease.Load() == s.cache.leases.epoch.Load()
}

// readLately reports whether s had a lease in this epoch or the one before.
func (s *Snapshot) readLately() bool {
	lease := s.lease.Load()
	return lease != 0 && s.cache.leases.epoch.Load()-lease <= 1
}

// Ref returns what the Snapshot was fetched by, with the stage filled in.
func (s *Snapshot) Ref() Ref { return s.entry.ref }

// VersionID returns the version that it is.
func (s *Snapshot) VersionID() string { return s.value.VersionID }

// Metadata returns the Value without its Payload.
func (s *Snapshot) Metadata() Value {
	v := s.value
	v.Payload = Payload{}
	v.Stages = slices.Clone(v.Stages)
	return v
}

// Hooked reports whether a hook transforms what the cache keeps, so that no
// plaintext should be kept elsewhere.
func (s *Snapshot) Hooked() bool { return s.cache.cfg.Hook != nil }

// Cache returns the Cache that the Snapshot is of.
func (s *Snapshot) Cache() *Cache { return s.cache }

// Value returns the Value, derived by the hook if there is one, which is given no
// longer than Config.FetchTimeout. The caller may change the Stages it gets. Errors
// are those of the hook.
func (s *Snapshot) Value(ctx context.Context) (Value, error) {
	v := s.value
	v.Stages = slices.Clone(v.Stages)
	h := s.cache.cfg.Hook
	if h == nil {
		return v, nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, s.cache.cfg.FetchTimeout)
	defer cancel()
	defer context.AfterFunc(s.cache.done, cancel)()
	var plain []byte
	err := guard.Call("hook's Get", func() (err error) {
		plain, err = h.Get(ctx, s.item(), v.Payload.Bytes())
		return err
	})
	if err != nil {
		err = hookError("Get", err)
		switch {
		case s.cache.done.Err() != nil:
			err = ErrClosed
		case ctx.Err() != nil:
			err = fmt.Errorf("%w: %w", err, ctx.Err())
		}
		return Value{}, &Error{Ref: s.entry.ref, Err: err}
	}
	v.Payload = newPayload(plain, v.Payload.binary)
	clear(plain)
	return v, nil
}

// Same reports whether s and other hold the same version of the same bytes, so
// that what was decoded from one need not be decoded again.
func (s *Snapshot) Same(other *Snapshot) bool {
	if s == other {
		return true
	}
	if s == nil || other == nil || s.value.VersionID != other.value.VersionID {
		return false
	}
	// What a hook stored may differ each time, so there the version decides.
	if s.cache.cfg.Hook != nil {
		return s.value.VersionID != ""
	}
	return s.value.Payload.Equal(other.value.Payload)
}

// RefreshError returns why the last attempt to refresh the secret failed, or
// nil if it did not.
func (s *Snapshot) RefreshError() error {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	if f := s.entry.failure; f != nil {
		return f.err
	}
	return nil
}

// Expired reports whether the value is past its TTL or invalidated, so that it
// is returned only because refreshing fails. It reads the clock.
func (s *Snapshot) Expired() bool {
	now := s.cache.now()
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	return s.invalid || now.since(s.at) >= s.cache.cfg.TTL
}

// Before reports whether other was fetched later than s, for the same Ref of the
// same Cache.
func (s *Snapshot) Before(other *Snapshot) bool {
	return s.cache == other.cache && s.entry.ref == other.entry.ref && s.number < other.number
}

// Memo returns what owner, a pointer, keeps with this secret: a decoded form,
// say, that is to live as long as the bytes do. If there is nothing yet, create
// makes it. It is forgotten when the secret is evicted.
func (s *Snapshot) Memo(owner any, create func() any) any {
	for {
		head := s.entry.memo.Load()
		for m := head; m != nil; m = m.next {
			if m.owner == owner {
				return m.kept
			}
		}
		fresh := &memo{owner: owner, kept: create(), next: head}
		if s.entry.memo.CompareAndSwap(head, fresh) {
			return fresh.kept
		}
	}
}

// Go runs f in a goroutine that [Cache.Close] waits for, and reports whether it
// did: not if the Cache is closed. Handles derive and decode by it what several
// readers wait for.
func (s *Snapshot) Go(f func()) bool {
	c := s.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running.Go(f)
	return true
}

// Observe tells the cache's Observer, if there is one, of an event. Handles
// use it for what only they can know.
func (s *Snapshot) Observe(ctx context.Context, e hook.Event) {
	if ctx == nil {
		ctx = context.Background()
	}
	s.cache.observe(ctx, e)
}

// Format shows the Ref and the version, and nothing else, for every verb.
func (s *Snapshot) Format(f fmt.State, _ rune) {
	if s == nil || s.entry == nil {
		fmt.Fprint(f, "Snapshot(none)")
		return
	}
	fmt.Fprintf(f, "Snapshot(%s %s %s)", s.entry.ref, s.value.VersionID, redact.Text)
}

func (s *Snapshot) item() hook.Item {
	return hook.Item{ID: s.entry.ref.ID, Stage: s.entry.ref.Stage, VersionID: s.value.VersionID}
}

func (s *Snapshot) event() hook.Secret {
	return hook.Secret(s.item())
}

// An entry is the cache's place for one Ref. It is in Cache.entries while it has
// a value, a failure that is remembered, or a fetch under way.
type entry struct {
	ref    Ref
	number uint32 // of the entry, for hashing
	snap   atomic.Pointer[Snapshot]
	memo   atomic.Pointer[memo]

	// Guarded by Cache.mu.
	failure *failure // nil unless the last fetch failed
	flight  *flight  // nil unless a fetch is under way
	forced  *instant // when the last forced fetch started
}

// A memo is an immutable node of a list: what one owner keeps at an entry.
type memo struct {
	owner, kept any
	next        *memo
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

func hookError(method string, err error) error {
	if guard.Recovered(err) {
		return fmt.Errorf("%w: %w", ErrHook, err)
	}
	// Not wrapped, since a hook's error may quote what it was given.
	return fmt.Errorf("%w: %s returned a %T, whose text is withheld", ErrHook, method, err)
}
