// Package variants has the warm path built by hand, one promise more with each
// variant, so that what each costs can be told; the library's own Get is measured
// beside them. Nothing here is used by the library, and a variant keeps only the
// promises that its name says.
package variants

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

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
	info    info
}

// info is as large as the library's Info.
type info struct {
	id, arn, name, version string
	stages                 []string
	created, fetched       time.Time
	stale                  bool
	refresh, decode        error
	rejected               string
}

var errSlow = errors.New("variants: not warm")

// All returns the variants, each with what it adds to the one before unless its
// text says otherwise.
func All() []Variant {
	h := newHandle()
	all := []Variant{
		{"pointer", "the floor: load a pointer, copy the struct; inlined", h.pointer},
		{"call", "+ in a function that is not inlined and returns an error too", h.loop(h.call)},
		{"fresh", "+ compare the snapshot's lease with the cache's epoch: freshness, supersession, eviction, freezes", h.loop(h.fresh)},
		{"fresh-near", "as fresh, with the epoch's address in the view: one dependent load less", h.loop(h.freshNear)},
		{"use-mark", "fresh + look at a use mark, set already", h.loop(h.mark)},
		{"cancel", "fresh + ctx.Err() of a context that can be cancelled", h.loopCtx(h.cancel)},
		{"clock-since", "fresh + time.Since: a deadline in each Get", h.loop(h.clock)},
		{"clock-both", "fresh + time.Now and both its clocks, as CheckClock", h.loop(h.clocks)},
		{"info", "fresh + an Info returned beside the value", h.info3},
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

func (h *handle) loop(get func() (source.Creds, error)) func(context.Context, int) int {
	return func(_ context.Context, n int) int {
		sum := 0
		for range n {
			v, err := get()
			if err != nil {
				return 0
			}
			sum += source.Use(&v)
		}
		return sum
	}
}

func (h *handle) loopCtx(get func(context.Context) (source.Creds, error)) func(context.Context, int) int {
	return func(ctx context.Context, n int) int {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		return h.loop(func() (source.Creds, error) { return get(ctx) })(ctx, n)
	}
}

func (h *handle) pointer(_ context.Context, n int) int {
	sum := 0
	for range n {
		v := h.view.Load().value
		sum += source.Use(&v)
	}
	return sum
}

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
func (h *handle) withInfo() (source.Creds, info, error) {
	if v := h.view.Load(); v != nil && v.direct && v.snap.lease.Load() == v.snap.cache.epoch.Load() {
		return v.value, h.info, nil
	}
	return source.Creds{}, info{}, errSlow
}

func (h *handle) info3(_ context.Context, n int) int {
	sum := 0
	for range n {
		v, i, err := h.withInfo()
		if err != nil || i.stale {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}

// ref is as the library's cache.Ref, the key of its map.
type ref struct{ id, stage, version string }

// byID are the ways to a view from an ID, each with the check of fresh.
func byID() []Variant {
	const id = "bench/tenant-0000000"
	v := newHandle().view.Load()
	var byRef, byString sync.Map
	byRef.Store(ref{id: id, stage: "AWSCURRENT"}, v)
	byString.Store(id, v)
	var frozen atomic.Pointer[map[string]*view]
	frozen.Store(&map[string]*view{id: v})
	var mu sync.RWMutex
	locked := map[string]*view{id: v}

	through := func(find func(id string) *view) func(context.Context, int) int {
		return func(_ context.Context, n int) int {
			sum := 0
			for range n {
				v := find(id)
				if v == nil || v.snap.lease.Load() != v.snap.cache.epoch.Load() {
					return 0
				}
				value := v.value
				sum += source.Use(&value)
			}
			return sum
		}
	}
	return []Variant{
		{"id-syncmap-ref", "by ID: sync.Map of a struct of three strings, as cache.Ref, then fresh", through(func(id string) *view {
			found, _ := byRef.Load(ref{id: id, stage: "AWSCURRENT"})
			v, _ := found.(*view)
			return v
		})},
		{"id-syncmap-string", "by ID: sync.Map of string, then fresh", through(func(id string) *view {
			found, _ := byString.Load(id)
			v, _ := found.(*view)
			return v
		})},
		{"id-map-frozen", "by ID: a map[string] behind an atomic pointer, copied to be changed, then fresh", through(func(id string) *view {
			return (*frozen.Load())[id]
		})},
		{"id-map-rwmutex", "by ID: a map[string] behind a sync.RWMutex, then fresh", through(func(id string) *view {
			mu.RLock()
			v := locked[id]
			mu.RUnlock()
			return v
		})},
	}
}
