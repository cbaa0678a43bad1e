package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret"
)

// slack is the longest time for which reads may go without a look at the clock.
const slack = 100 * time.Millisecond

// A reading is one call that returned.
type reading struct {
	h            *handle
	wasGood      bool // the handle had returned a value before
	latest       int  // the handle's latest when the call began
	what         string
	began, ended moment
	took         time.Duration
	left         time.Duration // the time that the context had left; -1 means it has no deadline
	gaveUp       bool          // the context ended
}

func (d *reading) isGet() bool { return d.what == "Get" || d.what == "GetWithInfo" }

// decodes reports whether the handle certainly decodes a version.
func (r *run) decodes(h *handle, version int) bool {
	switch {
	case r.cfg.Hook != nil || strings.HasPrefix(h.name, "picky"):
		return false
	case strings.HasPrefix(h.name, "bytes"):
		return true
	default:
		return !isBroken(version)
	}
}

// judge checks that a reading may have returned version n. The caller holds r.mu.
func (r *run) judge(d *reading, n int) {
	if r.closed {
		return
	}
	k := r.knownOf(d.h.key)
	r.judgeWait(k, d)
	r.judgeEarlier(k, d, n)
	if r.mutated == Forget {
		n = -1
	}
	promise := freshOrTried
	r.checked(promise)
	if slices.ContainsFunc(k.invalidated, func(in invalidated) bool { return in.isMove }) {
		r.checked(moveTogether)
		if r.mutated == Stray {
			n = k.stray(n)
		}
	}
	mayReturn := func() bool {
		return slices.ContainsFunc(k.fetches, func(f *fetch) bool {
			return r.mayBe(d, f, n) && r.mayReturn(k, d, f)
		})
	}
	if mayReturn() {
		return
	}
	if r.movesAside(mayReturn) {
		promise = moveTogether
	}
	r.violated(promise, fmt.Sprintf("%s of %s returned version %d", d.what, d.h.name, n))
}

// mayBe reports whether f may have brought version n, which a reading returned.
func (r *run) mayBe(d *reading, f *fetch, n int) bool {
	return f.version != 0 && f.endedBefore(d.ended) && !f.failed && (f.version == n || !r.decodes(d.h, f.version))
}

// judgeEarlier checks that the value of a reading was not fetched before the value that its
// handle had returned earlier. A reader by ID may get an evicted value from the sealed
// file.
func (r *run) judgeEarlier(k *known, d *reading, n int) {
	if d.h.byID && r.saved != nil {
		return
	}
	r.checked(neverEarlier)
	least, from := d.latest, 0
	if r.mutated == Earlier {
		least = d.ended.tick
	}
	for _, f := range k.fetches {
		if f.version == n && !f.failed && f.endedBefore(d.ended) && f.ended.tick >= least && (from == 0 || f.ended.tick < from) {
			from = f.ended.tick
		}
	}
	if from == 0 {
		r.violated(neverEarlier, fmt.Sprintf("%s of %s returned version %d", d.what, d.h.name, n))
		return
	}
	d.h.latest = max(d.h.latest, from)
}

// mayReturn reports whether a reading may return the value of f.
func (r *run) mayReturn(k *known, d *reading, f *fetch) bool {
	if d.what == "Refresh" {
		return f.began.tick > d.began.tick
	}
	replaced := r.replacement(k, d, f)
	switch {
	case replaced != nil && r.saved == nil:
		return false // an evicted value comes back only from the sealed file
	case replaced != nil:
		failed := slices.ContainsFunc(k.fetches, func(x *fetch) bool {
			return x.failedBefore(d.ended) && x.ended.tick > replaced.told.tick
		})
		return (failed || r.waitedEnough(k, d) || r.triedInOutage(k, d)) && r.wasTried(k, d, func(m moment) bool { return m.tick > replaced.told.tick }) && r.allowed(d, f)
	}
	past := func(m moment) bool { return r.arrived(f).to(m) >= r.ttl() || k.invalid(f, m, r.counts) }
	mayBePast := func(m moment) bool { return past(m) || r.cameBack(k, f, m) || k.invalid(f, m, invalidated.isAny) }
	return !past(d.began) || r.wasTried(k, d, mayBePast) && r.allowed(d, f)
}

// allowed reports whether StaleIfError may have allowed the value of f. It was called after
// the reading began.
func (r *run) allowed(d *reading, f *fetch) bool {
	if r.staleLimit == 0 {
		return true
	}
	r.checked(staleLimited)
	return f.ended.to(d.began) < r.staleLimit
}

// replacement returns a fetch that brought a newer value before the reading began. The
// handle certainly decodes that value.
func (r *run) replacement(k *known, d *reading, f *fetch) *fetch {
	for _, g := range slices.Backward(k.fetches) {
		if g == f {
			return nil
		}
		if g.brought(d.began) && g.version != f.version && r.decodes(d.h, g.version) {
			return g
		}
	}
	return nil
}

// wasTried reports whether a value may be returned although it was past its TTL during a
// part of the reading: a fetch to refresh it failed, or the reading has waited long enough
// for one.
func (r *run) wasTried(k *known, d *reading, past func(moment) bool) bool {
	var last *fetch // the last fetch that failed before the reading began
	for _, x := range k.fetches {
		switch {
		case x.failedBefore(d.began):
			last = x
		case x.brought(d.began):
			last = nil
		}
		if x.ended.tick > d.began.tick && x.failedBefore(d.ended) {
			return true // the reading waited for this fetch
		}
	}
	if last != nil && (last.told.tick == 0 || last.told.to(d.began) < last.retryIn+slack || past(last.requested())) {
		return true
	}
	return r.waitedEnough(k, d) || r.triedInOutage(k, d)
}

// waitedEnough reports whether a reading has waited as long as a reader has to. It may have
// waited for a fetch that is under way or has ended, or for one that begins at the end of
// MinRefreshInterval. No reader has to wait if that end is further away than its patience.
func (r *run) waitedEnough(k *known, d *reading) bool {
	var flying *fetch // the fetch under way when the reading ended
	for _, x := range k.fetches {
		if x.began.tick < d.ended.tick && !x.endedBefore(d.ended) {
			flying = x
		}
	}
	needed := r.patience()
	if d.left >= 0 {
		needed = min(needed, d.left/3)
	}
	switch {
	case d.gaveUp || needed == 0:
		return true // the fetch may be about to begin
	case flying != nil:
		return d.took >= min(needed, r.patience()-flying.began.to(d.began)) || len(k.invalidated) > 0 && d.took >= needed
	}
	if r.full.tick > d.began.tick && d.took >= needed {
		return true // the fetch waits in the queue
	}
	isInVain := func(x *fetch) bool { // the fetch after x begins so late that no reader waits for it
		return x.forced && x.began.tick < d.ended.tick && r.minRefresh()-x.began.to(d.ended) > r.patience()
	}
	return slices.ContainsFunc(k.fetches, isInVain) || d.took >= needed && slices.ContainsFunc(k.fetches, func(x *fetch) bool {
		isAwaited := x.ended.tick > d.began.tick && x.endedBefore(d.ended) // another fetch is about to begin
		return isAwaited || x.forced && x.began.to(d.began) < r.minRefresh()
	})
}

// judgeWait checks that a Get whose value was fresh did not wait.
func (r *run) judgeWait(k *known, d *reading) {
	if !d.isGet() || r.cfg.MaxSize != 0 {
		return
	}
	var f *fetch
	for _, g := range slices.Backward(k.fetches) {
		if g.brought(d.began) {
			f = g
			break
		}
		if g.endedBefore(d.ended) && g.version != 0 {
			return // the value may just have been replaced
		}
	}
	if f == nil || r.arrived(f).to(d.ended) >= r.ttl() || !r.decodes(d.h, f.version) || k.last.ended.tick > f.began.tick || r.inInvalidate > 0 {
		return
	}
	r.checked(noWait)
	if d.took > 0 || r.mutated == Wait {
		r.violated(noWait, fmt.Sprintf("%s of %s took %v", d.what, d.h.name, d.took))
	}
}

// hasGood reports whether a handle must return a value in any case: it had one, no
// StaleIfError may refuse it, and no Hook has to derive it. The caller holds r.mu.
func (r *run) hasGood(h *handle) bool {
	return h.good && !h.byID && r.cfg.Hook == nil && r.cfg.StaleIfError == nil
}

// judgeGiven checks that a handle which had a value returns one to each reader, even if the
// reader's context ends. The reader must have most of its time left then.
func (r *run) judgeGiven(d *reading, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || !d.wasGood || !r.hasGood(d.h) || !d.isGet() && d.what != "Do false" {
		return
	}
	if errors.Is(err, typedsecret.ErrRejected) {
		return // other calls of Do were refused with the value
	}
	r.checked(isGiven)
	if err != nil || r.mutated == Lose {
		r.violated(isGiven, fmt.Sprintf("%s of %s: %s", d.what, d.h.name, class(err)))
	}
	if !d.isGet() {
		return // a Do may wait for the result of another call
	}
	most := r.patience()
	if len(r.knownOf(d.h.key).invalidated) > 0 || r.inInvalidate > 0 {
		most += min(r.minRefresh(), r.patience())
	}
	if d.left >= 0 {
		most = min(most, d.left/3)
	}
	took := d.took
	if r.mutated == Dawdle {
		took += most + 1
	}
	if took > most {
		r.violated(isGiven, fmt.Sprintf("%s of %s took %v, but may take %v at most", d.what, d.h.name, took, most))
	}
}

// patience is the longest time that a reader waits.
func (r *run) patience() time.Duration {
	if r.cfg.MaxRefreshWait == 0 {
		return time.Second
	}
	return max(0, r.cfg.MaxRefreshWait)
}

// judgeDo checks that Do calls its function again after one refusal. When a call has waited for its
// whole budget in vain, later ones may give up at once, until none was refused for a minute.
func (r *run) judgeDo(ctx context.Context, d *reading, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.what != "Do true" || r.closed {
		return
	}
	r.checked(triesAgain)
	soon := d.took < typedsecret.DefaultRetryBudget && ctx.Err() == nil
	refused, h, now := errors.Is(err, typedsecret.ErrRejected), d.h, time.Since(r.start)
	if h.isHopeless = h.isHopeless && now-h.refused <= time.Minute; refused {
		h.refused, h.isHopeless = now, h.isHopeless || !soon
	}
	if refused && soon && !h.isHopeless || r.mutated == GiveUp {
		r.violated(triesAgain, fmt.Sprintf("that of %s gave up after %v: %s", d.h.name, d.took, class(err)))
	}
}
