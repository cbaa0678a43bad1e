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

// A Getter gives the present value of a secret. It is what code that only reads should accept,
// so that its tests can pass a [Static] or any type of theirs. A [Secret] is a Getter.
type Getter[T any] interface {
	Get(ctx context.Context) (T, error)
}

// A Secret is a handle on one secret, read as a T. It is safe for concurrent use
// and meant to live as long as the program. Make one with [New].
//
// What Get returns is the caller's. A T that has immutable parts only (strings,
// numbers, bools, time.Time, netip.Addr, arrays and structs of these) is decoded
// once per version, and so is one that its codec declares to be shared, as keys
// and certificates are; a T with a method Clone() T is decoded once and cloned for
// each Get; any other T is decoded afresh for each Get, unless the option
// [WithShared] says that nobody modifies it.
//
// The strings of such a T may be parts of the secret as it is cached. One that is kept
// longer than the secret is best kept as a strings.Clone.
//
// The cache evicts no secret that a living handle names.
//
// Printing a Secret in any way shows its ID and [REDACTED].
type Secret[T any] struct {
	slot  slot[T]
	entry atomic.Pointer[engine.Entry] // of the cache that was last read from; kept, so that it is not evicted
	id    string
	dec   *decoder[T] // nil if New did not make the Secret
	gate  atomic.Pointer[gate]
	past  atomic.Pointer[past[T]] // for Versions; nil until it is called
}

// New declares a handle on the secret id: a name, a full ARN, or an ARN without its last
// seven characters. It does no I/O; the handle is bound to a cache when it is first read.
// The first Get reports options and an ID that make no sense, and a T that cannot be
// decoded; [Secret.Err] reports them at once. If an option is given twice, the last one
// counts, but a wrong one stays an error. A nil Option has no effect.
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

// Err reports what is wrong with the ID, the options and T. A T that its codec cannot
// decode, or in which it would leave a field empty, is an error whatever the secret is
// ([codec.Check]). It does no I/O. It asks the codec that Get would ask, so call it when
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

// ID returns the ID that New was given, after the Prefix of its [Set] if it has one.
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

// Get returns the present value. Mostly that costs a few pointer loads: no lock,
// no allocation, no clock, and it never waits for a refresh while the value is
// younger than the cache's TTL. The first Get fetches; the first after a
// rotation was noticed decodes.
//
// If a new version does not decode, or its Validate method refuses it, the last
// good one is returned on; GetWithInfo and the cache's Observer tell. That is the last
// one which this handle has decoded, so a handle that is seldom read had better be read at
// the start, by [Preload] say. Errors are of type [*Error], but for [ErrZeroHandle].
//
// After its TTL the value is refreshed before it is returned. A Get that may be given the last
// good value waits for the refresh for at most a second, and for at most a third of the time
// that ctx has left (cache.Config.MaxRefreshWait); then it returns the last good value, while
// the refresh goes on. So a Secrets Manager that hangs costs no caller its deadline.
//
// A done ctx ends the wait for a fetch or a hook, not the fetch. A value that needs no wait is
// returned although ctx is done.
func (s *Secret[T]) Get(ctx context.Context) (T, error) {
	// So small that it is inlined: the T is copied once, to where the caller
	// wants it. A Get that returned the T from its own frame took twice the time.
	value, err := s.pointer(ctx)
	return *value, err
}

// pointer returns where the value is: in the view, if it may be returned as it is.
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

// GetWithInfo is Get, and tells what was returned: version, age, and whether a
// refresh or a newer version failed.
func (s *Secret[T]) GetWithInfo(ctx context.Context) (T, Info, error) {
	v, err := s.look(ctx)
	if err != nil {
		var zero T
		return zero, Info{}, err
	}
	value, err := s.dec.pointer(ctx, v)
	return *value, v.info(), err
}

// Refresh fetches the secret and returns what came, decoded; all other readers get it
// too. The fetch begins after the call of Refresh: it waits for the end of the cache's
// MinRefreshInterval after the last forced fetch, together with all other callers, but for no
// longer than FetchTimeout. While a back-off delay runs because Secrets Manager can't answer,
// Refresh returns the error that began it; after a refusal Refresh has a back-off of its own,
// of 1 s to 30 s. If the fetch or the decoding fails, Refresh returns that error, and Get goes
// on to return the last good value.
func (s *Secret[T]) Refresh(ctx context.Context) (T, error) {
	if s.isZero() {
		return *new(T), ErrZeroHandle
	}
	v, err := s.renew(ctx, (*engine.Entry).Refresh)
	return s.dec.refreshed(ctx, v, err)
}

// renew returns the view that a forced refresh brings.
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
		return s.slot.see(ctx, s.dec, snap)
	})
}

// entryIn returns the entry of the secret in c, which the handle keeps from now on.
func (s *Secret[T]) entryIn(c *engine.Cache) (*engine.Entry, error) {
	if e := s.entry.Load(); e != nil && e.Cache() == c {
		return e, nil
	}
	e, err := c.Entry(s.ref())
	if err != nil {
		return nil, err
	}
	s.entry.Store(e)
	return e, nil
}

// Invalidate makes the next Get fetch, and wait for that fetch. If the fetch fails or takes
// long, Get returns the last good value, as it does after the TTL. The fetch begins at once
// if the last one that Invalidate asked for began the cache's MinRefreshInterval ago or
// earlier, else at the end of that interval.
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

// Format prints what String returns, for every verb.
func (s *Secret[T]) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText returns what String does, also for encoding/json.
func (s *Secret[T]) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns what String does.
func (s *Secret[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Peek returns what the handle last decoded, and what is known of it, without a fetch, a wait
// or a hook: for a readiness check or a status page, say. It reports false if there is no such
// value: the handle was never read, nothing has decoded yet, or a Hook keeps the plaintext out
// of memory. The Info tells then what is known all the same, such as DecodeErr.
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

// Static returns a handle on a fixed value, for tests of code that takes a handle. It is read
// like any other: Do, Watch and Preload work, and its Info has the ID and the version ID
// "static". It makes no request, and may be used in any testing/synctest bubble.
//
// All callers get value itself, so they share what it refers to. If value has a method Validate
// that refuses it, that is the error of Get.
func Static[T any](value T) *Secret[T] {
	const name = "static"
	v := secret.Value{Name: name, VersionID: name, Stages: []string{secret.CurrentStage}}
	c, err := engine.NewFixed(secret.Ref{ID: name}, v)
	set := settings{} // no other version will come that Do could wait for
	set.fail(err)
	set.cache = c
	set.codec = codec.Func(func([]byte) (T, error) { return value, nil })
	s := &Secret[T]{id: name, dec: &decoder[T]{set: set}}
	_, _ = s.Get(context.Background()) // so that Peek has it
	return s
}
