package engine

import (
	"context"
	"fmt"
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
	// seen is the reading of the coarse clock at which a reader last found that the time is
	// before until; 0 if no reader did since the table placed the entry.
	seen  atomic.Uint32
	until atomic.Uint32 // on the coarse clock: when to look anew; written with Cache.mu held
	entry *Entry

	payload Payload // as the hook stores it
	details details
	number  uint64 // counts up with each value published
	at      instant
	due     uint32 // drawn at random, for dueAt
	inStep  bool   // others may have fetched at the same moment, for dueAt
	invalid bool   // to be refreshed as if its TTL had passed; guarded by Cache.mu
}

// Fresh reports whether the Snapshot may be returned at once, without a call to
// [Cache.Lookup]: it is the newest of its secret and neither expired, evicted
// nor invalidated. Fresh costs two atomic loads, and some more for the first reader in a
// tenth of a second. If it is false, only Lookup knows: it is also false if nobody has read a
// secret of the Cache for some 200 ms.
func (s *Snapshot) Fresh() bool {
	return s.seen.Load() == s.entry.cache.clock.now.Load() || s.check()
}

// check compares the deadline with the coarse clock, and notes the use.
func (s *Snapshot) check() bool {
	clock := &s.entry.cache.clock
	now := clock.now.Load()
	if now >= s.until.Load() {
		return false
	}
	s.seen.Store(now)
	if s.until.Load() == 0 { // expire was called meanwhile, and may have set seen before
		s.seen.Store(0)
		return false
	}
	if !clock.used.Load() {
		clock.used.Store(true)
	}
	return true
}

// expire makes Fresh false, until a look says otherwise. Called with Cache.mu held.
func (s *Snapshot) expire() {
	s.until.Store(0)
	s.seen.Store(0)
}

// Ref returns what the Snapshot was fetched by, with the stage filled in.
func (s *Snapshot) Ref() Ref { return s.entry.ref() }

// VersionID returns the version that it is.
func (s *Snapshot) VersionID() string { return s.details.versionID() }

// Metadata returns the Value without its Payload.
func (s *Snapshot) Metadata() Value {
	v := s.details.value(s.entry.id())
	v.FetchedAt = time.Unix(0, s.at.wall)
	return v
}

// Hooked reports whether a hook transforms what the cache keeps, so that no
// plaintext should be kept elsewhere.
func (s *Snapshot) Hooked() bool { return s.Cache().cfg.Hook != nil }

// Cache returns the Cache that the Snapshot is of.
func (s *Snapshot) Cache() *Cache { return s.entry.cache }

// Value returns the Value, its Payload derived by the hook if there is one, which is
// given no longer than Config.FetchTimeout. The caller may change the Stages it gets.
// Errors are those of the hook.
func (s *Snapshot) Value(ctx context.Context) (Value, error) {
	p, err := s.Payload(ctx)
	if err != nil {
		return Value{}, err
	}
	v := s.Metadata()
	v.Payload = p
	return v, nil
}

// Payload returns the Payload of Value. [Cache.Close] waits for the hook.
func (s *Snapshot) Payload(ctx context.Context) (Payload, error) {
	c := s.Cache()
	h := c.cfg.Hook
	if h == nil {
		return s.payload, nil
	}
	if !c.enter() {
		return Payload{}, &Error{Ref: s.Ref(), Err: ErrClosed}
	}
	defer c.running.Done()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.FetchTimeout)
	defer cancel()
	defer context.AfterFunc(c.done, cancel)()
	var plain []byte
	err := guard.Call("hook's Get", func() (err error) {
		plain, err = h.Get(ctx, s.item(), s.payload.Bytes())
		return err
	})
	if err != nil {
		err = hookError("Get", err)
		switch {
		case c.done.Err() != nil:
			err = ErrClosed
		case ctx.Err() != nil:
			err = fmt.Errorf("%w: %w", err, ended(ctx))
		}
		return Payload{}, &Error{Ref: s.Ref(), Err: err}
	}
	p := payloadOf(plain, s.payload.IsBinary())
	clear(plain)
	return p, nil
}

// Same reports whether s and other hold the same version of the same bytes, so
// that what was decoded from one need not be decoded again.
func (s *Snapshot) Same(other *Snapshot) bool {
	if s == other {
		return true
	}
	if s == nil || other == nil || s.VersionID() != other.VersionID() {
		return false
	}
	// A hook may store other bytes each time, so there the version decides.
	if s.Hooked() {
		return s.VersionID() != ""
	}
	return s.payload.Equal(other.payload)
}

// RefreshError returns why the last attempt to refresh the secret failed, or nil if it did
// not.
func (s *Snapshot) RefreshError() error {
	s.Cache().mu.Lock()
	defer s.Cache().mu.Unlock()
	if f := s.entry.failure(); f != nil {
		return f.err
	}
	return nil
}

// State reports whether the value is past its TTL or invalidated, so that it is returned only
// because refreshing it fails or takes long, and why the last attempt to refresh the secret
// failed. If none failed, but the value is expired, the error says that the refresh has not
// ended yet, and wraps [ErrTimeout]. State reads the clock.
func (s *Snapshot) State() (expired bool, err error) {
	c := s.Cache()
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e := s.entry
	expired = !c.policy.isGood(s.invalid, now.since(s.at))
	switch f := e.failure(); {
	case f != nil:
		return expired, f.err
	case expired:
		return expired, slowFailure(&decision{fetch: e.inFlight()}, s.Ref()).err
	}
	return false, nil
}

// IsInvalid reports whether Invalidate was called, or another stage of the secret has moved,
// since the value was fetched.
func (s *Snapshot) IsInvalid() bool { return s.Cache().isInvalid(s) }

// Age returns how long ago the value was fetched, by the wall clock or the monotonic
// one, whichever says longer; math.MaxInt64 if that is unknown ([Config.WithSealedFile]).
func (s *Snapshot) Age() time.Duration { return max(0, s.Cache().now().since(s.at)) }

// Before reports whether other was fetched later than s, for the same Ref of the
// same Cache.
func (s *Snapshot) Before(other *Snapshot) bool {
	return s.isOlder(other) && s.isOf(other.entry)
}

// isOlder is Before for two of one Ref and Cache. A Snapshot from a sealed file, which
// another process fetched, has no number, but mostly a time. If it has no time either, it
// counts as the older one.
func (s *Snapshot) isOlder(other *Snapshot) bool {
	switch known := s.number != 0 && other.number != 0; {
	case !known && s.isUndated() != other.isUndated():
		return s.isUndated()
	case !known && s.at.wall != other.at.wall:
		return s.at.wall < other.at.wall
	default:
		return s.number < other.number
	}
}

// isUndated reports whether nobody knows how old s is.
func (s *Snapshot) isUndated() bool { return s.at.mono == undated }

// isOf reports whether s is of e's Ref, in e's Cache.
func (s *Snapshot) isOf(e *Entry) bool {
	return s.entry.cache == e.cache && s.entry.key == e.key
}

// Keep returns what owner keeps with this secret: a decoded form, say, that is to
// live as long as the bytes do. If there is nothing yet, create makes it. It is
// forgotten when the secret is evicted.
func (s *Snapshot) Keep(owner *Owner, create func() Kept) Kept {
	for {
		first := s.entry.memos.Load()
		if kept := keptBy(owner, first); kept != nil {
			return kept
		}
		fresh := create()
		*fresh.memo() = Memo{owner: owner, next: first, kept: fresh}
		if s.entry.memos.CompareAndSwap(first, fresh.memo()) {
			if s.entry.snap.Load() == nil {
				s.entry.memos.Store(nil) // it was evicted meanwhile
			}
			return fresh
		}
	}
}

// Kept returns two things: what Keep returned for owner and the secret ref, nil if nothing is
// kept, and the present Snapshot of the secret. The kept thing may belong to an older Snapshot.
//
// Kept returns the Snapshot beside what is kept, so that the processor fetches both from memory
// at the same time.
func (c *Cache) Kept(owner *Owner, ref Ref) (Kept, *Snapshot) {
	if c == nil || c.source == nil {
		return nil, nil
	}
	if e := c.find(&ref); e != nil {
		return keptBy(owner, e.memos.Load()), e.snap.Load()
	}
	return nil, nil
}

func keptBy(owner *Owner, m *Memo) Kept {
	for ; m != nil; m = m.next {
		if m.owner == owner {
			return m.kept
		}
	}
	return nil
}

// Observe reports an event to the cache's Observer, if there is one. Handles
// use it for what only they can know.
func (s *Snapshot) Observe(ctx context.Context, e hook.Event) {
	if ctx == nil {
		ctx = context.Background()
	}
	s.Cache().observe(ctx, e)
}

// Format shows the Ref and the version, and nothing else, for every verb.
func (s *Snapshot) Format(f fmt.State, _ rune) {
	if s == nil || s.entry == nil {
		fmt.Fprint(f, "Snapshot(none)")
		return
	}
	fmt.Fprintf(f, "Snapshot(%s %s %s)", s.Ref(), s.VersionID(), redact.Text)
}

func (s *Snapshot) item() hook.Item {
	ref := s.Ref()
	return hook.Item{ID: ref.ID, Stage: ref.Stage, VersionID: s.VersionID()}
}

func (s *Snapshot) event() hook.Secret {
	return hook.Secret(s.item())
}

// notOfHooks are errors about the source or the caller. An error of a hook that wraps one of them
// would be mistaken for an error of the source or the caller.
var notOfHooks = []error{
	ErrNotFound, ErrDeleted, ErrAccessDenied, ErrDecryption, ErrThrottled, ErrInvalidRequest, ErrUnavailable, ErrTimeout,
	ErrInvalidRef, ErrNotAsked, ErrInvalidConfig, ErrClosed, ErrNilCache, ErrPanic, ErrSealedFile,
	context.Canceled, context.DeadlineExceeded,
}

func hookError(method string, err error) error {
	if guard.Recovered(err) {
		return fmt.Errorf("%w: %w", ErrHook, err)
	}
	// A hook's error may quote what it was given.
	return fmt.Errorf("%w: %w", ErrHook, redact.Withhold(err, fmt.Sprintf("%s returned a %T, whose text is withheld", method, err), notOfHooks...))
}

func (c *Cache) isInvalid(s *Snapshot) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.invalid
}
