package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
)

// An actor is a goroutine of a sequence, with random draws of its own.
type actor struct {
	name string
	rng  *rand.Rand
}

func (r *run) actor(name string) *actor { return &actor{name, r.stream(name)} }

// pause sleeps for a random time, which most likely no other goroutine sleeps for.
func (a *actor) pause() {
	scale := []time.Duration{time.Millisecond, 100 * time.Millisecond, 5 * time.Second, time.Minute, 40 * time.Minute}[a.rng.IntN(5)]
	time.Sleep(1 + time.Duration(a.rng.Int64N(int64(scale))))
}

// act reads secrets in all possible ways.
func (r *run) act(a *actor) {
	for range 5 + a.rng.IntN(15) {
		a.pause()
		switch op := a.rng.IntN(16); {
		case op == 5 && r.hasCrowds:
			r.crowd(a)
			continue
		case op < 4:
			r.burst(a)
			continue
		case op == 4:
			r.preload(a)
			continue
		}
		h := r.handles[a.rng.IntN(len(r.handles))]
		timeout := 1 + time.Duration(a.rng.Int64N(int64(15*time.Second)))
		ctx, cancel := context.WithTimeout(r.call(), timeout)
		switch a.rng.IntN(6) {
		case 0:
			r.fault("cancelled before")
			timeout = 0
			cancel()
		case 1:
			r.fault("cancelled meanwhile")
			if sooner := 1 + time.Duration(a.rng.Int64N(int64(time.Second))); sooner < timeout {
				timeout = sooner
				time.AfterFunc(timeout, cancel)
			}
		}
		op := a.rng.IntN(12)
		for range 1 + a.rng.IntN(2)*12 {
			r.read(ctx, a, h, op, timeout)
		}
		cancel()
	}
}

// burst reads one secret by all of its handles, and rotates and refreshes it in between.
func (r *run) burst(a *actor) {
	id := r.ids[a.rng.IntN(len(r.ids))]
	ctx, cancel := context.WithTimeout(r.call(), time.Minute)
	defer cancel()
	for range 40 {
		time.Sleep(1 + time.Duration(a.rng.Int64N(int64(8*time.Millisecond))))
		h := r.handles[a.rng.IntN(len(r.handles))]
		for h.id != id {
			h = r.handles[a.rng.IntN(len(r.handles))]
		}
		switch a.rng.IntN(12) {
		case 0:
			r.trace(a.name, "rotation of %s to %d", id, r.svc.move(id, false))
			r.fault("rotation")
		case 1:
			r.read(ctx, a, h, 0, time.Minute)
		default:
			r.read(ctx, a, h, 2+a.rng.IntN(10), time.Minute)
		}
	}
}

// read makes one call and checks what it returns.
func (r *run) read(ctx context.Context, a *actor, h *handle, op int, timeout time.Duration) {
	d := &reading{h: h}
	r.mu.Lock()
	floor, wasClosed, began, jumped := h.newest, r.closed, time.Since(r.start), r.jumped
	d.began, d.wasGood, d.latest = r.moment(), h.good, h.latest
	if op == 1 {
		r.inInvalidate++
	}
	k := r.knownOf(h.key)
	if h.mayForce(op) {
		k.forcing++
		k.mayForce, k.forcedTick = true, d.began.tick
	}
	r.mu.Unlock()
	deadline, has := ctx.Deadline()
	d.left = -1
	if has {
		d.left = max(0, time.Until(deadline))
	}
	left := max(0, min(timeout, time.Until(deadline)))
	asks := ctx
	if op == 0 {
		asks = context.WithValue(ctx, refreshKey{}, h.key)
	}
	what, got, info, err := h.ask(asks, op)
	took := time.Since(r.start) - began
	d.what, d.took = what, took
	r.mu.Lock()
	if op == 1 {
		r.inInvalidate--
	}
	if h.mayForce(op) {
		k.forcing--
	}
	r.mu.Unlock()
	if r.mutated == Outlast {
		took += time.Minute
	}
	r.check(inTime)
	if took > left {
		r.violate(inTime, fmt.Sprintf("%s of %s took %v, and its context had %v left", what, h.name, took, left))
	}
	r.count()
	r.judgeDo(ctx, d, err)
	r.judgeGiven(d, err)
	r.judgeRefresh(d, jumped, err)
	r.noteRefused(d, err)
	if err != nil {
		r.silent(err)
		r.trace(a.name, "%s %s: %s", what, h.name, class(err))
		if errors.Is(err, context.Canceled) && ctx.Err() == nil {
			r.violate(inTime, fmt.Sprintf("%s of %s was cancelled, and its context was not", what, h.name))
		}
		if wasClosed && !errors.Is(err, cache.ErrClosed) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			r.violate(closedIsOver, fmt.Sprintf("%s of %s: %v", what, h.name, class(err)))
		}
		return
	}
	if what == "Invalidate" {
		r.trace(a.name, "%s %s", what, h.name)
		r.invalidate(h.key, d.began)
		return
	}
	if r.mutated == Older && h.name[:5] != "bytes" && r.hits("older", 2) {
		got = credsOf(h.id, 1)
	}
	r.trace(a.name, "%s %s = version %d", what, h.name, got.N)
	r.checkValue(h, got, what, floor)
	r.mu.Lock()
	d.ended, d.gaveUp = r.moment(), ctx.Err() != nil
	h.good = true
	had := began + d.took // when the reader got the value
	if !d.isGet() && what != "Refresh" {
		had = began // Do may give its function the first value again
	}
	if r.steady(jumped, had) {
		r.judge(d, got.N)
	}
	r.mu.Unlock()
	if info != nil {
		r.silent(*info)
		r.checkFreshness(h, *info, jumped)
		if want := versionID(got.N); info.VersionID != want {
			r.violate(rightValue, fmt.Sprintf("%s returned version %d, and its Info says %s", h.name, got.N, info.VersionID))
		}
	}
}

// count checks how many secrets the cache keeps.
func (r *run) count() {
	if r.cfg.MaxSize == 0 {
		return
	}
	r.check(bounded)
	n := r.c.Len()
	if r.mutated == Hoard {
		n += r.cfg.MaxSize
	}
	if n > r.cfg.MaxSize {
		r.violate(bounded, fmt.Sprintf("%d are", n))
	}
}

// preload preloads some of the handles, sometimes with a context that is done.
func (r *run) preload(a *actor) {
	var handles []typedsecret.Handle
	allGood := true
	for _, h := range r.handles {
		if h.preload != nil && a.rng.IntN(2) == 0 {
			handles = append(handles, h.preload)
			r.mu.Lock()
			allGood = allGood && r.hasGood(h)
			r.mu.Unlock()
		}
	}
	timeout := 1 + time.Duration(a.rng.Int64N(int64(15*time.Second)))
	ctx, cancel := context.WithTimeout(r.call(), timeout)
	defer cancel()
	if a.rng.IntN(3) == 0 {
		r.fault("cancelled before")
		cancel()
		timeout = 0
		r.mu.Lock()
		r.dead[callOf(ctx)] = true
		r.mu.Unlock()
	}
	r.check(noneBegun)
	began := time.Now()
	pace := typedsecret.Preloader{Interval: []time.Duration{0, time.Millisecond, time.Second, time.Minute}[a.rng.IntN(4)]}
	err := pace.Preload(ctx, handles...)
	r.trace(a.name, "Preload")
	if err != nil {
		r.silent(err)
	}
	r.mu.Lock()
	if allGood && timeout > 0 && !r.closed {
		r.checked(isGiven)
		if err != nil {
			r.violated(isGiven, "Preload of values that are there: "+class(err))
		}
	}
	r.mu.Unlock()
	r.check(inTime)
	if took := time.Since(began); took > timeout {
		r.violate(inTime, fmt.Sprintf("Preload took %v, and its context had %v left", took, timeout))
	}
}

// callKey is the key of a call's number in its context.
type callKey struct{}

// call returns a context for the next calls, which has their number.
func (r *run) call() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	return context.WithValue(r.t.Context(), callKey{}, r.calls)
}

func callOf(ctx context.Context) int {
	call, _ := ctx.Value(callKey{}).(int)
	return call
}

// checkValue checks a value that h returned. The value must not be older than the move
// floor.
func (r *run) checkValue(h *handle, got creds, what string, floor int) {
	r.check(rightValue)
	moves := r.historyOf(h)
	if moves.first(got.N) < 0 || got != credsOf(h.id, got.N) || isBroken(got.N) && h.name[:5] != "bytes" {
		r.violate(rightValue, fmt.Sprintf("%s of %s returned version %d, ID %q, sum %q", what, h.name, got.N, got.ID, got.Sum))
		return
	}
	// After an eviction, a ByID does not remember which version it returned last.
	if h.byID && r.cfg.MaxSize != 0 {
		return
	}
	r.check(neverOlder)
	if moves.last(got.N) < floor {
		r.violate(neverOlder, fmt.Sprintf("%s of %s returned version %d, of move %d, after one of move %d", what, h.name, got.N, moves.last(got.N), floor))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	h.newest = max(h.newest, moves.first(got.N))
}

// checkFreshness checks the age in Info. After a clock was set, a value may be returned for
// another 100 ms.
func (r *run) checkFreshness(h *handle, info typedsecret.Info, jumped time.Duration) {
	r.mu.Lock()
	steady := r.steady(jumped, time.Since(r.start))
	r.mu.Unlock()
	r.check(freshOrTried)
	age := max(info.Age, time.Duration(r.clocks()[0]-info.FetchedAt.UnixNano()))
	if steady && age >= r.ttl()+slack && info.RefreshErr == nil && info.DecodeErr == nil {
		r.violate(freshOrTried, fmt.Sprintf("%s returned a value of %v, stale: %v, and no refresh has failed", h.name, age, info.Stale))
	}
}

// steady reports whether no clock was set since the call began, and none so shortly before
// the moment at that the cache may not have noticed. jumped is the time of the last setting
// when the call began. The caller holds r.mu.
func (r *run) steady(jumped, at time.Duration) bool {
	return r.jumped == jumped && (jumped == 0 || r.cfg.CheckClock || r.noticed == jumped && r.noticedAt <= at || at-jumped >= 2*slack)
}

// class returns the trace's word for an error. The error's text may hold random draws of
// other goroutines.
func class(err error) string {
	for _, e := range []error{
		cache.ErrClosed, context.Canceled, context.DeadlineExceeded, cache.ErrPanic, secret.ErrHook, secret.ErrTimeout, secret.ErrUnavailable,
		secret.ErrThrottled, secret.ErrAccessDenied, secret.ErrDecryption, secret.ErrDeleted, secret.ErrNotFound, codec.ErrMissingKey,
		typedsecret.ErrRejected,
	} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	if e, ok := errors.AsType[*codec.Error](err); ok {
		return fmt.Sprintf("a %T", e)
	}
	return "another error"
}

// disturb rotates secrets, sets clocks, and closes the cache.
func (r *run) disturb(a *actor) {
	for range 10 + a.rng.IntN(20) {
		a.pause()
		id := r.ids[a.rng.IntN(len(r.ids))]
		by := int64(time.Duration(a.rng.Int64N(int64(3 * time.Hour))))
		var what, kind string
		switch a.rng.IntN(24) {
		case 0, 1, 2, 3, 4, 5, 6, 7, 8:
			kind, what = "rotation", fmt.Sprintf("rotation of %s to %d", id, r.svc.move(id, false))
		case 9:
			kind, what = "label moved back", fmt.Sprintf("label of %s back to %d", id, r.svc.move(id, true))
		case 10, 11:
			r.svc.toggle(id)
			kind, what = "deletion or restoration", "deletion or restoration of "+id
		case 12, 13:
			kind = r.jump("clock set forward", by, 0)
		case 14, 15:
			kind = r.jump("clock set back", -by, 0)
		case 16, 17:
			kind = r.jump("suspended", by, 0)
		case 18, 19:
			kind = r.jump("frozen", by, by)
		case 20:
			r.checkNow()
			kind = "CheckNow"
		case 21, 22:
			kind = "rush of Invalidates"
			for _, h := range r.handles {
				r.read(r.t.Context(), a, h, 1, time.Minute)
			}
		case 23:
			kind = "Close"
			r.close()
		}
		r.fault(kind)
		r.trace(a.name, "%s", cmp.Or(what, kind))
	}
}

// checkNow makes the cache notice at once that a clock was set.
func (r *run) checkNow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.c.CheckNow() // calls no function of this package
	r.noticed, r.noticedAt = r.jumped, time.Since(r.start)
}

// jump sets the clocks.
func (r *run) jump(what string, wall, mono int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sim.Wall.Add(wall)
	r.sim.Mono.Add(mono)
	r.jumped = max(1, time.Since(r.start))
	return what
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
