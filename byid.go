package typedsecret

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/redact"
)

// A ByID reads secrets as Ts whose IDs are known only at run time: one for each
// tenant, say. What was decoded is kept with the cached bytes and evicted with
// them, so a ByID itself holds nothing. In all else it is as a [Secret]. It is
// safe for concurrent use. Make one with [NewByID].
type ByID[T any] struct {
	set *settings
	dec *decoder[T]
}

// NewByID declares a ByID. It does no I/O. Options that make no sense are
// reported by the first Get.
func NewByID[T any](opts ...Option) *ByID[T] {
	set := newSettings(opts)
	return &ByID[T]{set: set, dec: &decoder[T]{set: set}}
}

// Get returns the present value of the secret id, as [Secret.Get] does.
func (b *ByID[T]) Get(ctx context.Context, id string) (T, error) {
	value, err := b.pointer(ctx, id) // inlined, as in Secret.Get
	return *value, err
}

func (b *ByID[T]) pointer(ctx context.Context, id string) (*T, error) {
	v, err := b.look(ctx, id)
	if err != nil {
		return new(T), err
	}
	return b.dec.pointer(ctx, v)
}

// GetWithInfo is Get, and tells what was returned, as [Secret.GetWithInfo] does.
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
	var zero T
	c, ref, err := b.bind(ctx, id)
	if err != nil {
		return zero, err
	}
	snap, err := c.LookupNow(ctx, ref)
	if err != nil {
		return zero, err
	}
	v, err := b.see(ctx, snap)
	if err != nil {
		return zero, err
	}
	if v.err != nil {
		return zero, v.err
	}
	value, err := b.dec.pointer(ctx, v)
	return *value, err
}

// Invalidate makes the next Get of id fetch, as [Secret.Invalidate] does.
func (b *ByID[T]) Invalidate(ctx context.Context, id string) error {
	c, ref, err := b.bind(ctx, id)
	if err != nil {
		return err
	}
	return c.Invalidate(ref)
}

func (b *ByID[T]) look(ctx context.Context, id string) (*view[T], error) {
	c, ref, err := b.bind(ctx, id)
	if err != nil {
		return nil, err
	}
	snap, err := c.Lookup(ctx, ref, nil)
	if err != nil {
		return nil, err
	}
	return b.see(ctx, snap)
}

func (b *ByID[T]) see(ctx context.Context, snap *cache.Snapshot) (*view[T], error) {
	s := snap.Memo(b, func() any { return new(slot[T]) }).(*slot[T])
	return s.see(ctx, b.dec, snap)
}

func (b *ByID[T]) bind(ctx context.Context, id string) (*cache.Cache, cache.Ref, error) {
	if b == nil || b.set == nil {
		return nil, cache.Ref{}, ErrZeroHandle
	}
	ref := b.set.ref
	ref.ID = id
	c, err := b.set.bind(ctx)
	if err != nil {
		return nil, ref, &Error{Ref: ref, Err: err}
	}
	return c, ref, nil
}

// String returns what it is; it holds no secret of its own.
func (b *ByID[T]) String() string {
	return fmt.Sprintf("ByID[%v] %s", reflect.TypeFor[T](), redact.Text)
}

// Format prints what String returns, for every verb.
func (b *ByID[T]) Format(f fmt.State, _ rune) { fmt.Fprint(f, b.String()) }

// MarshalText returns what String does, also for encoding/json.
func (b *ByID[T]) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// LogValue returns what String does.
func (b *ByID[T]) LogValue() slog.Value { return slog.StringValue(b.String()) }
