// Package variants has the warm path built by hand. Each variant adds one promise, which
// shows the cost of that promise. The library's own Get is measured beside them. The
// library uses nothing of this package, and a variant keeps only the promises in its text.
package variants

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// A Variant is a warm path. Loop runs it n times, and returns the sum of the results of
// source.Use.
type Variant struct {
	Name, What string
	Loop       func(ctx context.Context, n int) int
}

// A clock is like the cache's clock. It has the present tick, which a timer advances, and
// the tick of the last read, by which the timer sees whether there are readers. No timer
// runs in this package.
type clock struct {
	_    [64]byte
	now  atomic.Uint64 // the highest number if the clock is stopped
	read atomic.Uint64
	_    [48]byte
}

// A snapshot is fresh while its deadline is after the present tick. A deadline of 0 is
// final: a newer snapshot has replaced it.
type snapshot struct {
	deadline atomic.Uint64
	used     atomic.Uint64 // a mark like that of entry, with one load less
	entry    *entry
	clock    *clock
}

// An entry has the mark of its last use, which eviction reads.
type entry struct {
	used atomic.Uint64
}

type view struct {
	snap   *snapshot
	value  source.Creds
	direct bool
	clock  *clock // like that of snapshot, with one load less
}

// A handle is read by the variants.
type handle struct {
	view    atomic.Pointer[view]
	expires time.Time
	info    typedsecret.Info
}

var errSlow = errors.New("variants: not warm")

// All returns the variants. Unless its text says otherwise, a variant adds something to the
// one before.
func All() []Variant {
	h := newHandle()
	all := []Variant{
		{"pointer", "load a pointer and copy the struct, written out in the loop", h.pointer},
		{"get", "the floor: the same in an inlined function that returns (T, error); the compiler copies the struct twice", h.getLoop},
		{"call", "+ in a function that is not inlined and returns an error too", h.callLoop},
		{"fresh", "+ compare the snapshot's deadline with the cache's tick: freshness, supersession, freezes", h.freshLoop},
		{"fresh-near", "as fresh, with the clock's address in the view: one dependent load less", h.freshNearLoop},
		{"mark", "fresh + the mark of use on the entry, written only where it differs from the tick: eviction, the idle stop", h.markLoop},
		{"mark-near", "as mark, with the mark in the snapshot: one dependent load less", h.markNearLoop},
		{"mark-always", "as mark, written by each read", h.markAlwaysLoop},
		{"cancel", "mark + ctx.Err() of a context that can be cancelled", h.cancelLoop},
		{"clock-since", "mark + time.Since: a deadline in each Get", h.sinceLoop},
		{"clock-both", "mark + time.Now and both its clocks, as CheckClock", h.clocksLoop},
		{"info", "mark + an Info returned beside the value", h.infoLoop},
	}
	return append(all, byID()...)
}

const tick = 7 // the present tick

func newHandle() *handle {
	h := &handle{expires: time.Now().Add(time.Hour)}
	c := new(clock)
	c.now.Store(tick)
	s := &snapshot{clock: c, entry: new(entry)}
	s.deadline.Store(tick + 36_000)
	h.view.Store(&view{snap: s, value: creds(), direct: true, clock: c})
	return h
}

func creds() source.Creds {
	return source.Creds{Username: "app", Password: "hunter200000000", Host: "db.internal", Port: 5432, Database: "order"}
}

// isWarm reports whether v may be returned at once. It is small enough to be inlined. If it
// returns false, mark may still return true.
func (v *view) isWarm() bool {
	now := v.snap.clock.now.Load()
	return v.snap.deadline.Load() > now && v.snap.entry.used.Load() == now
}

// mark is like isWarm, and also allows the first use in a tick.
//
//go:noinline
func (v *view) mark() bool {
	s := v.snap
	now := s.clock.now.Load()
	if s.deadline.Load() <= now {
		return false
	}
	s.entry.used.Store(now)
	s.used.Store(now)
	if s.clock.read.Load() != now {
		s.clock.read.Store(now)
	}
	return true
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
	if v := h.view.Load(); v != nil && v.direct && v.snap.deadline.Load() > v.snap.clock.now.Load() {
		return v.value, nil
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) freshNear() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct && v.snap.deadline.Load() > v.clock.now.Load() {
		return v.value, nil
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) mark() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct && (v.isWarm() || v.mark()) {
		return v.value, nil
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) markNear() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct {
		now := v.clock.now.Load()
		if v.snap.deadline.Load() > now && v.snap.used.Load() == now || v.mark() {
			return v.value, nil
		}
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) markAlways() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct {
		if now := v.snap.clock.now.Load(); v.snap.deadline.Load() > now {
			v.snap.entry.used.Store(now)
			return v.value, nil
		}
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) cancel(ctx context.Context) (source.Creds, error) {
	if err := ctx.Err(); err != nil {
		return source.Creds{}, err
	}
	if v := h.view.Load(); v != nil && v.direct && (v.isWarm() || v.mark()) {
		return v.value, nil
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) since() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct && (v.isWarm() || v.mark()) && time.Since(h.expires) < 0 {
		return v.value, nil
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) clocks() (source.Creds, error) {
	if v := h.view.Load(); v != nil && v.direct && (v.isWarm() || v.mark()) {
		if now := time.Now(); now.UnixNano() < h.expires.UnixNano() && now.Before(h.expires) {
			return v.value, nil
		}
	}
	return source.Creds{}, errSlow
}

//go:noinline
func (h *handle) withInfo() (source.Creds, typedsecret.Info, error) {
	if v := h.view.Load(); v != nil && v.direct && (v.isWarm() || v.mark()) {
		return v.value, h.info, nil
	}
	return source.Creds{}, typedsecret.Info{}, errSlow
}
