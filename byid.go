package typedsecret

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/redact"
	"github.com/typedsecret/typedsecret/secret"
)

// A ByID reads secrets, as Ts, whose IDs are known only at run time: one for each tenant,
// say. It keeps a decoded value beside the cached bytes. When the cache evicts a secret,
// because of MaxSize, it drops both, and the last good version too. In everything else a
// ByID is like a [Secret]. A ByID is safe for concurrent use. Make one with [NewByID] for the
// life of the program, as a package variable say: each ByID keeps decoded values of its
// own.
type ByID[T any] struct {
	owner  engine.Owner
	prefix string      // of the IDs that are no ARNs
	dec    *decoder[T] // nil if NewByID did not make the ByID
}

// A keptSlot is the slot of one secret.
type keptSlot[T any] struct {
	engine.Memo
	slot[T]
}

// NewByID declares a ByID. It does no I/O. The first Get reports options that make no
// sense, and a T that cannot be decoded; [ByID.Err] reports them at once.
func NewByID[T any](opts ...Option) *ByID[T] {
	set := newSettings(opts)
	ref := set.ref
	ref.ID = "any" // each call brings its own ID
	set.fail(ref.Validate())
	set.undeclared = !set.arnRegion
	b := &ByID[T]{dec: decoderOf[T](set)}
	if set.set != nil {
		b.prefix = set.set.Prefix
	}
	return b
}

// WithARNRegion lets a ByID ask the region that an ID names, if the ID is an ARN of another
// region than the client's. A handle made by [New] does so by itself, since the program
// declared its ID. The IDs of a ByID may come from others. With this option, those others choose
// the region to which the program sends signed requests.
func WithARNRegion() Option {
	return func(set *settings) { set.arnRegion = true }
}

// Err reports mistakes in the options and in T, as [Secret.Err] does.
func (b *ByID[T]) Err() error {
	if b.isZero() {
		return ErrZeroHandle
	}
	return b.dec.err()
}

// Secret returns a handle on the secret id, with the options of NewByID. It is for Do,
// Watch, Preload and the other features of a [Secret]. Each call makes a new handle, which
// has a decoded value of its own, and whose secret is not evicted. So keep the handle as
// long as it is used, and no longer.
func (b *ByID[T]) Secret(id string) *Secret[T] {
	if b.isZero() {
		return &Secret[T]{}
	}
	dec := b.dec
	ref := dec.set.ref
	ref.ID = prefixed(b.prefix, id)
	if err := ref.Validate(); err != nil {
		set := dec.set
		set.fail(err)
		dec = &decoder[T]{set: set}
	}
	return &Secret[T]{id: ref.ID, dec: dec}
}

func (b *ByID[T]) isZero() bool { return b == nil || b.dec == nil }

// Get returns the present value of the secret id, as [Secret.Get] does.
func (b *ByID[T]) Get(ctx context.Context, id string) (T, error) {
	value, err := b.pointer(ctx, id) // inlined, as in Secret.Get
	return *value, err
}

// pointer returns a pointer to the value: into the view, if the value may be returned as it
// is.
func (b *ByID[T]) pointer(ctx context.Context, id string) (*T, error) {
	if !b.isZero() {
		set := &b.dec.set
		kept, snap := set.present().Kept(&b.owner, secret.Ref{ID: prefixed(b.prefix, id), Stage: set.ref.Stage, VersionID: set.ref.VersionID})
		if snap != nil && snap.Fresh() {
			if s, _ := kept.(*keptSlot[T]); s != nil {
				if v := s.view.Load(); v != nil && v.snap == snap && v.direct {
					return &v.value, nil
				}
			}
		}
	}
	return b.slow(ctx, id)
}

func (b *ByID[T]) slow(ctx context.Context, id string) (*T, error) {
	v, err := b.look(ctx, id)
	if err != nil {
		return new(T), err
	}
	return b.dec.pointer(ctx, v)
}

// GetWithInfo is like Get, and also returns the Info of the value, as [Secret.GetWithInfo]
// does.
func (b *ByID[T]) GetWithInfo(ctx context.Context, id string) (T, Info, error) {
	v, err := b.look(ctx, id)
	if err != nil {
		var zero T
		return zero, Info{}, err
	}
	value, err := b.dec.pointer(ctx, v)
	return *value, v.info(), err
}

// Refresh fetches the secret id now, as [Secret.Refresh] does.
func (b *ByID[T]) Refresh(ctx context.Context, id string) (T, error) {
	ref, err := b.ref(id)
	if err != nil {
		return *new(T), err
	}
	if err := b.dec.ready(ref); err != nil {
		return *new(T), err
	}
	v, err := follow(ctx, &b.dec.set, ref, func(c *engine.Cache) (*view[T], error) {
		b.declare(c, ref)
		snap, err := c.LookupNow(ctx, ref)
		if err != nil {
			return nil, err
		}
		return b.viewOf(ctx, snap)
	})
	return b.dec.refreshed(ctx, v, err)
}

// Invalidate makes the next Get of id fetch, as [Secret.Invalidate] does.
func (b *ByID[T]) Invalidate(ctx context.Context, id string) error {
	ref, err := b.ref(id)
	if err != nil {
		return err
	}
	c, err := b.dec.set.bind(ctx)
	if err != nil {
		return &Error{Ref: ref, Err: err}
	}
	return c.Invalidate(ref)
}

func (b *ByID[T]) look(ctx context.Context, id string) (*view[T], error) {
	ref, err := b.ref(id)
	if err != nil {
		return nil, err
	}
	if err := b.dec.ready(ref); err != nil {
		return nil, err
	}
	return follow(ctx, &b.dec.set, ref, func(c *engine.Cache) (*view[T], error) {
		b.declare(c, ref)
		snap, err := c.Lookup(ctx, ref)
		if err != nil {
			return nil, err
		}
		return b.viewOf(ctx, snap)
	})
}

// declare tells the source of ref, if WithARNRegion allows it.
func (b *ByID[T]) declare(c *engine.Cache, ref secret.Ref) {
	if b.dec.set.arnRegion {
		c.Declare(ref)
	}
}

func (b *ByID[T]) viewOf(ctx context.Context, snap *engine.Snapshot) (*view[T], error) {
	s := snap.Keep(&b.owner, func() engine.Kept { return new(keptSlot[T]) }).(*keptSlot[T])
	return s.viewOf(ctx, b.dec, snap)
}

// ref returns the Ref of the secret id. It refuses an impossible ID before a default cache
// is built for it. A cache that exists does that itself.
func (b *ByID[T]) ref(id string) (secret.Ref, error) {
	if b.isZero() {
		return secret.Ref{}, ErrZeroHandle
	}
	set := &b.dec.set
	ref := set.ref
	ref.ID = prefixed(b.prefix, id)
	if set.err == nil && set.followsDefault() && defaultCache.Load() == nil {
		if err := ref.Validate(); err != nil {
			return ref, &Error{Ref: ref, Err: err}
		}
	}
	return ref, nil
}

// String returns the type's name; a ByID shows no secret.
func (b *ByID[T]) String() string {
	return fmt.Sprintf("ByID[%v] %s", reflect.TypeFor[T](), redact.Text)
}

// Format prints the result of String, for every verb.
func (b *ByID[T]) Format(f fmt.State, _ rune) { fmt.Fprint(f, b.String()) }

// MarshalText returns the result of String, also for encoding/json.
func (b *ByID[T]) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// LogValue returns the result of String.
func (b *ByID[T]) LogValue() slog.Value { return slog.StringValue(b.String()) }
