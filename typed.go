package typedsecret

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/redact"
	"github.com/typedsecret/typedsecret/secret"
)

// A Getter gives the present value of a secret. Code that only reads a secret should accept
// a Getter, so that its tests can pass a [Static] or a type of their own. A [Secret] is a
// Getter.
type Getter[T any] interface {
	Get(ctx context.Context) (T, error)
}

// A Secret is a handle on one secret, read as a T. It is safe for concurrent use
// and meant to live as long as the program. Make one with [New].
//
// The caller owns the value that Get returns. A T that has only immutable parts (strings,
// numbers, bools, time.Time, netip.Addr, arrays and structs of these) is decoded once per
// version. So is a T that its codec declares to be shared, as keys and certificates are. A
// T with a method Clone() T is decoded once and cloned for each Get. Any other T is decoded
// for each Get, unless the option [WithShared] promises that no caller modifies it.
//
// The strings of such a T may share the memory of the cached secret. To keep a string for
// longer than the secret, use strings.Clone.
//
// The cache evicts no secret that a living handle names.
//
// Printing a Secret in any way shows its ID and [REDACTED].
type Secret[T any] struct {
	slot  slot[T]
	entry atomic.Pointer[engine.Entry] // in the cache of the last read; the pointer prevents its eviction
	id    string
	dec   *decoder[T] // nil if New did not make the Secret
	gate  atomic.Pointer[gate]
	past  atomic.Pointer[past[T]] // for Versions; nil until the first call
}

// New declares a handle on the secret id: a name, a full ARN, or an ARN without its last
// seven characters. It does no I/O; the handle is bound to a cache when it is first read.
// The first Get returns an error if the options or the ID make no sense, or if T cannot be
// decoded. [Secret.Err] returns the same error without a read. If an option is given twice,
// the last one counts, but a wrong one stays an error. A nil Option has no effect.
func New[T any](id string, opts ...Option) *Secret[T] {
	set := newSettings(opts)
	if set.set != nil {
		id = set.set.name(id)
	}
	ref := set.ref
	ref.ID = id
	set.fail(ref.Validate())
	s := &Secret[T]{id: id, dec: decoderOf[T](set)}
	if set.set != nil {
		set.set.add(s)
	}
	return s
}

// Err reports mistakes in the ID, the options and T. A T that its codec cannot decode, or
// in which the codec would leave a field empty, is an error for every secret
// ([codec.Check]). Err does no I/O. It uses the codec that Get would use, so call it after
// all codecs are registered, in main say.
func (s *Secret[T]) Err() error {
	if s.isZero() {
		return ErrZeroHandle
	}
	if err := s.dec.err(); err != nil {
		return &Error{Ref: s.ref(), Err: err}
	}
	return nil
}

// ID returns the ID given to New, with the Prefix of its [Set] if it has one.
func (s *Secret[T]) ID() string {
	if s == nil {
		return ""
	}
	return s.id
}

func (s *Secret[T]) isZero() bool { return s == nil || s.dec == nil }

func (s *Secret[T]) ref() secret.Ref {
	ref := s.dec.set.ref
	ref.ID = s.id
	return ref
}

// Get returns the present value. Most calls cost a few pointer loads: no lock, no
// allocation, no clock. While the value is younger than the cache's TTL, Get never waits
// for a refresh. The first Get fetches the secret, and the first Get after a rotation was
// noticed decodes.
//
// If a new version does not decode, or its Validate method refuses it, Get still returns
// the last good version; GetWithInfo and the cache's Observer report the failure. The last
// good version is the last one that this handle has decoded. So read a handle that is
// seldom used once at the start, by [Preload] say. Errors are of type [*Error], except for
// [ErrZeroHandle].
//
// After its TTL the value is refreshed before it is returned. If there is a last good
// value, Get waits for the refresh for at most a second, and for at most a third of the
// time that ctx has left (cache.Config.MaxRefreshWait). Then it returns the last good
// value, while the refresh goes on. So callers meet their deadlines even if Secrets Manager
// hangs.
//
// The end of ctx ends the wait for a fetch or a hook, but not the fetch. A value that needs
// no wait is returned even if ctx is done.
func (s *Secret[T]) Get(ctx context.Context) (T, error) {
	// Get is small enough to be inlined, so the T is copied once, to its place in the
	// caller. A Get that is not inlined takes twice the time.
	value, err := s.pointer(ctx)
	return *value, err
}

// pointer returns a pointer to the value: into the view, if the value may be returned as it
// is.
func (s *Secret[T]) pointer(ctx context.Context) (*T, error) {
	if s != nil {
		if v := s.slot.view.Load(); v != nil && v.direct && v.snap.Fresh() && (v.fixed || defaultCache.Load() == v.snap.Cache()) {
			return &v.value, nil
		}
	}
	return s.slow(ctx)
}

func (s *Secret[T]) slow(ctx context.Context) (*T, error) {
	v, err := s.look(ctx)
	if err != nil {
		return new(T), err
	}
	return s.dec.pointer(ctx, v)
}

// GetWithInfo is like Get, and also returns the Info of the value: its version and age, and
// whether a refresh or a newer version failed.
func (s *Secret[T]) GetWithInfo(ctx context.Context) (T, Info, error) {
	v, err := s.look(ctx)
	if err != nil {
		var zero T
		return zero, Info{}, err
	}
	value, err := s.dec.pointer(ctx, v)
	return *value, v.info(), err
}

// Refresh fetches the secret and returns its decoded value, which all other readers get
// too. The fetch begins after the call of Refresh. If the cache's MinRefreshInterval since
// the last forced fetch is not over, Refresh waits for its end, together with all other
// callers, but no longer than FetchTimeout.
//
// During a back-off delay because Secrets Manager can't answer, Refresh returns the error
// that began the delay. After a refusal Refresh has a back-off of its own, from 1 s to 30
// s. If the fetch or the decoding fails, Refresh returns that error, and Get still returns
// the last good value.
func (s *Secret[T]) Refresh(ctx context.Context) (T, error) {
	if s.isZero() {
		return *new(T), ErrZeroHandle
	}
	v, err := s.renew(ctx, (*engine.Entry).Refresh)
	return s.dec.refreshed(ctx, v, err)
}

// renew makes a forced refresh, and returns its view.
func (s *Secret[T]) renew(ctx context.Context, refresh func(*engine.Entry, context.Context) (*engine.Snapshot, error)) (*view[T], error) {
	ref := s.ref()
	if err := s.dec.ready(ref); err != nil {
		return nil, err
	}
	return follow(ctx, &s.dec.set, ref, func(c *engine.Cache) (*view[T], error) {
		e, err := s.entryIn(c)
		if err != nil {
			return nil, err
		}
		snap, err := refresh(e, ctx)
		if err != nil {
			return nil, err
		}
		return s.viewOf(ctx, snap)
	})
}

// viewOf returns the view of snap, or of a newer one.
func (s *Secret[T]) viewOf(ctx context.Context, snap *engine.Snapshot) (*view[T], error) {
	v, err := s.slot.viewOf(ctx, s.dec, snap)
	if err == nil {
		s.past.Load().see(v)
	}
	return v, err
}

// entryIn returns the entry of the secret in c, and keeps it in the handle.
func (s *Secret[T]) entryIn(c *engine.Cache) (*engine.Entry, error) {
	if e := s.entry.Load(); e != nil && e.Cache() == c {
		return e, nil
	}
	if !s.dec.set.undeclared {
		c.Declare(s.ref())
	}
	e, err := c.Entry(s.ref())
	if err != nil {
		return nil, err
	}
	s.entry.Store(e)
	return e, nil
}

// Invalidate makes the next Get fetch the secret and wait for that fetch. If the fetch
// fails or takes long, Get returns the last good value, as it does after the TTL. Fetches
// for Invalidate begin at least the cache's MinRefreshInterval apart. If the next one may
// begin only after MaxRefreshWait, Get returns the last good value at once.
func (s *Secret[T]) Invalidate(ctx context.Context) error {
	if s.isZero() {
		return ErrZeroHandle
	}
	c, err := s.dec.set.bind(ctx)
	if err != nil {
		return &Error{Ref: s.ref(), Err: err}
	}
	return c.Invalidate(s.ref())
}

// look returns the present view of the secret.
func (s *Secret[T]) look(ctx context.Context) (*view[T], error) {
	if s.isZero() {
		return nil, ErrZeroHandle
	}
	return s.renew(ctx, (*engine.Entry).Get)
}

// String returns the secret's ID and [REDACTED].
func (s *Secret[T]) String() string { return s.ID() + " " + redact.Text }

// Format prints the result of String, for every verb.
func (s *Secret[T]) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText returns the result of String, also for encoding/json.
func (s *Secret[T]) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns the result of String.
func (s *Secret[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Peek returns the value that the handle decoded last, and its Info. It makes no fetch,
// waits for nothing and calls no hook, so it suits a readiness check or a status page. It
// returns false if there is no such value: the handle was never read, no version has
// decoded yet, or a Hook keeps the plaintext out of memory. The Info is then filled as far
// as possible, with DecodeErr for example.
//
// The value may be stale, and the cache may know of a newer one. Peek does not count as a read,
// so it starts no refresh. As for [Secret.Get], a T that can be modified is decoded or cloned
// for each caller.
func (s *Secret[T]) Peek() (T, Info, bool) {
	var zero T
	if s.isZero() {
		return zero, Info{}, false
	}
	v := s.slot.view.Load()
	if v == nil || !v.fixed && defaultCache.Load() != v.snap.Cache() {
		return zero, Info{ID: s.id}, false
	}
	good := v.good()
	if good == nil || good.Hooked() {
		return zero, v.info(), false
	}
	value, err := s.dec.pointer(context.Background(), v)
	if err != nil {
		return zero, v.info(), false
	}
	return *value, v.info(), true
}

// Static returns a handle on a fixed value, for tests of code that takes a handle. It works
// like any other handle, also for Do, Watch and Preload. Its Info has the ID "static" and
// the version ID "static". It makes no request, and may be used in any testing/synctest
// bubble.
//
// All callers get value itself, so they share everything that it refers to. If value has a
// method Validate that returns an error, Get returns that error.
func Static[T any](value T) *Secret[T] {
	const name = "static"
	v := secret.Value{Name: name, VersionID: name, Stages: []string{secret.CurrentStage}}
	c, err := engine.NewFixed(secret.Ref{ID: name}, v)
	set := settings{} // without a retry budget, since no other version will come
	set.fail(err)
	set.cache, set.shared = c, true
	set.codec = codec.Func(func([]byte) (T, error) { return value, nil })
	s := &Secret[T]{id: name, dec: &decoder[T]{set: set}}
	_, _ = s.Get(context.Background()) // makes the value available to Peek
	return s
}
