package variants

import (
	"context"
	"sync/atomic"

	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// A quick is a handle of any T, which has but the lease to ask about, whose
// address and epoch its view has at hand.
type quick[T any] struct {
	view atomic.Pointer[quickView[T]] // never nil
}

type quickView[T any] struct {
	lease *atomic.Uint64
	epoch *atomic.Uint64
	value T
}

// Get is too large to be inlined, so the T goes through its frame and the
// registers.
func (q *quick[T]) Get(ctx context.Context) (T, error) {
	if v := q.view.Load(); v.lease.Load() == v.epoch.Load() {
		return v.value, nil
	}
	p, err := q.slow(ctx)
	return *p, err
}

// GetByPointer is small enough to be inlined, so the T is copied once, by the
// caller.
func (q *quick[T]) GetByPointer(ctx context.Context) (T, error) {
	p, err := q.find(ctx)
	return *p, err
}

func (q *quick[T]) find(ctx context.Context) (*T, error) {
	if v := q.view.Load(); v.lease.Load() == v.epoch.Load() {
		return &v.value, nil
	}
	return q.slow(ctx)
}

//go:noinline
func (q *quick[T]) slow(context.Context) (*T, error) { return new(T), errSlow }

func newQuick() *quick[source.Creds] {
	var lease, epoch atomic.Uint64
	q := &quick[source.Creds]{}
	q.view.Store(&quickView[source.Creds]{lease: &lease, epoch: &epoch, value: creds()})
	return q
}

func quickLoop() func(ctx context.Context, n int) int {
	q := newQuick()
	return func(ctx context.Context, n int) int {
		sum := 0
		for range n {
			v, err := q.Get(ctx)
			if err != nil {
				return 0
			}
			sum += source.Use(&v)
		}
		return sum
	}
}

func pointerLoop() func(ctx context.Context, n int) int {
	q := newQuick()
	return func(ctx context.Context, n int) int {
		sum := 0
		for range n {
			v, err := q.GetByPointer(ctx)
			if err != nil {
				return 0
			}
			sum += source.Use(&v)
		}
		return sum
	}
}
