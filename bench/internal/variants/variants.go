// Package variants has the warm path built by hand, one promise more with each
// variant, so that what each costs can be told; the library's own Get is measured
// beside them. Nothing here is used by the library, and a variant keeps only the
// promises that its name says.
package variants

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// A Variant is a warm path; Loop runs it n times and returns the sum of what
// source.Use returned.
type Variant struct {
	Name, What string
	Loop       func(ctx context.Context, n int) int
}

// A snapshot has what the library's have that a warm Get looks at.
type snapshot struct {
	lease atomic.Uint64
	used  atomic.Bool
	cache *state
}

type state struct {
	_     [64]byte
	epoch atomic.Uint64
	_     [56]byte
}

type view struct {
	snap   *snapshot
	value  source.Creds
	direct bool
	epoch  *atomic.Uint64 // as in state, one load nearer
}

// A handle is what the variants read.
type handle struct {
	view    atomic.Pointer[view]
	expires time.Time
	info    typedsecret.Info
}

var errSlow = errors.New("variants: not warm")

// All returns the variants, each with what it adds to the one before unless its
// text says otherwise.
func All() []Variant {
	h := newHandle()
	all := []Variant{
		{"pointer", "load a pointer and copy the struct, written out in the loop", h.pointer},
		{"get", "the floor: the same in an inlined function that returns (T, error); the compiler copies the struct twice", h.getLoop},
		{"call", "+ in a function that is not inlined and returns an error too", h.callLoop},
		{"fresh", "+ compare the snapshot's lease with the cache's epoch: freshness, supersession, eviction, freezes", h.freshLoop},
		{"fresh-near", "as fresh, with the epoch's address in the view: one dependent load less", h.freshNearLoop},
		{"use-mark", "fresh + look at a use mark, set already", h.markLoop},
		{"cancel", "fresh + ctx.Err() of a context that can be cancelled", h.cancelLoop},
		{"clock-since", "fresh + time.Since: a deadline in each Get", h.clockLoop},
		{"clock-both", "fresh + time.Now and both its clocks, as CheckClock", h.clocksLoop},
		{"info", "fresh + an Info returned beside the value", h.infoLoop},
	}
	return append(all, byID()...)
}

func newHandle() *handle {
	h := &handle{expires: time.Now().Add(time.Hour)}
	c := &state{}
	c.epoch.Store(7)
	s := &snapshot{cache: c}
	s.lease.Store(7)
	s.used.Store(true)
	h.view.Store(&view{snap: s, value: creds(), direct: true, epoch: &c.epoch})
	return h
}

func creds() source.Creds {
	return source.Creds{Username: "app", Password: "hunter200000000", Host: "db.internal", Port: 5432, Database: "order"}
}

func (h *handle) pointer(_ context.Context, n int) int {
	sum := 0
	for range n {
		v := h.view.Load().value
		sum += source.Use(&v)
	}
	return sum
}

func (h *handle) get(context.Context) (source.Creds, error) { return h.view.Load().value, nil }

//go:noinline
func (h *handle) call() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct {
		return v.value, nil
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) fresh() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct && v.snap.lease.Load() == v.snap.cache.epoch.Load() {
		return v.value, nil
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) freshNear() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct && v.snap.lease.Load() == v.epoch.Load() {
		return v.value, nil
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) mark() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct && v.snap.lease.Load() == v.snap.cache.epoch.Load() {
		if !v.snap.used.Load() {
			v.snap.used.Store(true)
		}
		return v.value, nil
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) cancel(ctx context.Context) (source.Creds, error) {
	if err := ctx.Err(); err != nil {
		return source.Creds{}, err
	}
	if v := h.view.Load(); v != nil && v.direct && v.snap.lease.Load() == v.snap.cache.epoch.Load() {
		return v.value, nil
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) clock() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct && v.snap.lease.Load() == v.snap.cache.epoch.Load() &&
		time.Since(h.expires) < 0 {
		return v.value, nil
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) clocks() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct && v.snap.lease.Load() == v.snap.cache.epoch.Load() {
		if now := time.Now(); now.UnixNano() < h.expires.UnixNano() && now.Before(h.expires) {
			return v.value, nil
		}
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) withInfo() (source.Creds, typedsecret.Info, error) {
	if v := h.view.Load(); v != nil && v.direct && v.snap.lease.Load() == v.snap.cache.epoch.Load() {
		return v.value, h.info, nil
	}
	return source.Creds{}, typedsecret.Info{}, errSlow
}

func (h *handle) infoLoop(_ context.Context, n int) int {
	sum := 0
	for range n {
		v, i, err := h.withInfo()
		if err != nil || i.Stale {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}
