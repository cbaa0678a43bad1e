package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

// A moment is the time of an event. The smaller tick of two moments is the earlier one.
type moment struct {
	tick   int
	clocks [2]int64 // the wall clock and the monotonic clock
}

// to returns the time from m to later, by the clock on which it is longer, as the cache
// measures it.
func (m moment) to(later moment) time.Duration {
	return time.Duration(max(later.clocks[0]-m.clocks[0], later.clocks[1]-m.clocks[1]))
}

// A fetch is one that has reached the source.
type fetch struct {
	began, ended moment // ended has the tick 0 until the fetch ends
	again        moment // when a second request for it began; tick 0 means there was none
	version      int    // the version that the source returned; 0 means none
	forced       bool
	abandoned    bool          // the cache reported its failure before the source returned
	owed         bool          // Invalidate had asked for a forced one
	mayBeOwed    bool          // owed is uncertain, or another stage had moved
	many         bool          // a FetchMany, which is forced if one of its fetches is
	isOwn        bool          // the user's own Refresh or Invalidate asked for it
	mayBeOwn     bool          // isOwn is uncertain
	since        time.Duration // when it began, in virtual time
	mayFollow    bool          // the reason may be that another stage has moved

	told    moment // when the cache reported its end; tick 0 means not yet
	failed  bool   // the cache reported a failure
	err     error  // the error that the cache reported
	retryIn time.Duration
}

func (f *fetch) endedBefore(m moment) bool { return f.ended.tick > 0 && f.ended.tick < m.tick }
func (f *fetch) toldBefore(m moment) bool  { return f.told.tick > 0 && f.told.tick < m.tick }

// failedBefore reports whether f ended without a value before m.
func (f *fetch) failedBefore(m moment) bool { return f.endedBefore(m) && (f.failed || f.version == 0) }

// brought reports whether the cache reported before m that f brought a value.
func (f *fetch) brought(m moment) bool { return f.toldBefore(m) && !f.failed }

// requested returns the moment at which the last request for f began. It keeps the first
// request's tick.
func (f *fetch) requested() moment {
	if f.again.tick == 0 {
		return f.began
	}
	return moment{f.began.tick, f.again.clocks}
}

// arrived returns the moment from which the value of f counts as new. That is the end of f,
// but at most a FetchTimeout after its request began, since the clocks may have been set
// meanwhile.
func (r *run) arrived(f *fetch) moment {
	m := f.ended
	for i, began := range f.requested().clocks {
		m.clocks[i] = min(m.clocks[i], began+int64(r.fetchTimeout()))
	}
	return m
}

// A known is the model's knowledge about one secret. It is guarded by run.mu.
type known struct {
	fetches     []*fetch // in the order in which they began
	invalidated []invalidated
	evicted     []moment
	last        invalidated
	owed        bool          // the next fetch has to be a forced one
	mayBeOwed   bool          // owed is uncertain, since a fetch began during the Invalidate or another stage has moved
	mayFollow   bool          // another stage has moved since the last successful fetch began
	mayBeLost   bool          // a FetchMany was to do what Invalidate asked for, and may have left it out
	mustForce   bool          // a Refresh was answered with a failure, and no fetch has succeeded since
	forcing     int           // the calls under way that may ask for a forced fetch
	mayForce    bool          // there was one since a forced fetch succeeded
	forcedTick  int           // the tick at which the last one began
	movedTick   int           // the tick of its last move
	inOutage    bool          // it was read while the source may have been down, and not fetched since
	tried       time.Duration // when it was first read after that; 0: it was not
	hasNews     bool          // an event about it has come
	forEvents   []moment      // when the fetches for events began
	failures    int           // since the last success, as the cache reported
	firstFailed moment
}

// invalidated is one call of Invalidate.
type invalidated struct {
	began, ended moment
	isMove       bool // the cause is a move of another stage, not a call
	isUnsure     bool // the cache may not have followed it
}

func (r *run) moment() moment {
	r.tick++
	return moment{r.tick, r.clocks()}
}

func (r *run) knownOf(id string) *known {
	k := r.known[id]
	if k == nil {
		k = &known{}
		r.known[id] = k
	}
	return k
}

// cameBack reports whether the value of f may have been evicted before m and may have come
// back from the sealed file. It then counts as past its TTL.
func (r *run) cameBack(k *known, f *fetch, m moment) bool {
	return r.saved != nil && slices.ContainsFunc(k.evicted, func(e moment) bool {
		return f.toldBefore(e) && e.tick < m.tick
	})
}

// begins records a fetch that begins, and checks that it may begin.
func (r *run) begins(ctx context.Context, id string, many bool) *fetch {
	r.trace("service", "fetch %s", id)
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.knownOf(id)
	f := &fetch{began: r.moment(), forced: secret.IsForced(ctx) && r.mutated != Unforced, owed: k.owed, mayBeOwed: k.mayBeOwed, many: many}
	f.mayFollow = k.mayFollow
	f.isOwn = isOfRefresh(ctx, id) || f.owed && !f.mayBeOwed && !f.mayFollow
	k.mayBeLost = k.mayBeLost || many && (f.owed || f.mayBeOwed)
	f.mayBeOwn = f.isOwn || f.owed || f.mayBeOwed || k.mayBeLost || r.inInvalidate > 0
	r.judgePace(id, k, f)
	r.judgeProbe(id, f)
	r.judgeForced(id, k, f)
	r.judgeEvent(ctx, id, k, f)
	k.mayBeOwed = false
	if k.owed {
		r.checked(forcedAfter)
		if !f.forced {
			r.violated(forcedAfter, "the fetch of "+id+" was not")
		}
		k.owed = false
	}
	kept := k.lastGood() != nil || r.mayBeTurn() // it may be refreshed in the background
	by := callOf(ctx)
	r.checked(itsValues)
	if by == 0 || r.mutated == Blank {
		r.violated(itsValues, "that of "+id+" has not")
	}
	if r.dead[by] && !kept || r.mutated == Undead && by > 0 {
		r.violated(noneBegun, "a fetch of "+id)
	}
	k.fetches = append(k.fetches, f)
	return f
}

// mayBeTurn reports whether a fetch may be a probe that the read of another secret has begun. A read
// of a value that is kept may begin a refresh in the background, and while the source is down, that
// is the probe of the secret whose turn it is. Called with r.mu held.
func (r *run) mayBeTurn() bool {
	if r.health.failure <= r.health.answer {
		return false
	}
	for _, k := range r.known {
		if k.lastGood() != nil {
			return true
		}
	}
	return false
}

func isRefusal(err error) bool {
	if errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrTimeout) || errors.Is(err, secret.ErrThrottled) {
		return false
	}
	return slices.ContainsFunc([]error{secret.ErrNotFound, secret.ErrDeleted, secret.ErrAccessDenied, secret.ErrDecryption, secret.ErrInvalidRequest}, func(kind error) bool { return errors.Is(err, kind) })
}

// isExcused reports whether a failure without an answer need not keep f waiting: something was
// answered since, or another secret had no answer either, or f is a forced probe. The source may be
// down by the request of a Preload, which ends after the cache has reported its fetches.
func (r *run) isExcused(before, f *fetch) bool {
	return !isRefusal(before.err) && (r.health.answer > before.began.tick || r.health.failure > before.told.tick ||
		(f.forced || f.many || before.many || before.abandoned) && r.health.failure > r.health.answer)
}

// judgePace checks that a fetch begins neither during another one nor too soon after it.
func (r *run) judgePace(id string, k *known, f *fetch) {
	r.checked(withBackoff)
	for _, before := range slices.Backward(k.fetches) {
		if before.ended.tick == 0 {
			r.violated(withBackoff, fmt.Sprintf("two fetches of %v at a time", id))
		}
		if before.told.tick > 0 {
			if since := before.told.to(f.began); before.failed && since < before.retryIn && !k.mayPass(f) && !r.isExcused(before, f) {
				r.violated(withBackoff, fmt.Sprintf("%v was fetched %v after a failure, which said %v", id, since, before.retryIn))
			}
			break
		}
	}
	failed := k.lastFailure()
	isStill := k.mayForce || k.hasNews || failed != nil && failed.forced // holds for each fetch until one succeeds
	if !f.forced || f.many || (isStill || f.mayFollow) && !f.isOwn || r.cfg.MaxSize != 0 {
		return
	}
	r.checked(apart)
	since, next := time.Duration(0), f.began
	for _, before := range slices.Backward(k.fetches) {
		if !before.forced || before.many {
			continue
		}
		// The interval is added up from moment to moment, since a clock may have been set
		// back and later forward.
		if before.endedBefore(next) {
			since += before.ended.to(next)
			next = before.ended
		}
		since += before.began.to(next)
		next = before.began
		isOther := (f.owed || k.mayBeOwed || r.inInvalidate > 0) && !before.owed // this one is for Invalidate, the earlier one for Refresh
		// After a failure, only its back-off delays the fetch for Invalidate.
		isOther = isOther || f.owed && failed != nil && failed.began.tick > before.began.tick
		if before.brought(f.began) && since < r.minRefresh() && !isOther {
			r.violated(apart, fmt.Sprintf("those of %s are %v", id, since))
		}
	}
}

// ends records that a fetch has ended at the source.
func (r *run) ends(f *fetch, version int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !f.abandoned {
		f.ended, f.version = r.moment(), version
	}
}

// goesOn records that another request begins for f.
func (r *run) goesOn(f *fetch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.again = r.moment()
}

// tells records the cache's report about its last fetch that was not reported yet. err is
// nil if the fetch succeeded.
func (r *run) tells(id string, err error, retryIn time.Duration) *known {
	failed := err != nil
	k := r.knownOf(id)
	now := r.moment()
	isAbandoned := !slices.ContainsFunc(k.fetches, func(f *fetch) bool { return f.told.tick == 0 && f.ended.tick > 0 })
	var told *fetch
	for _, f := range k.fetches {
		if f.told.tick > 0 || f.ended.tick == 0 && !isAbandoned {
			continue
		}
		if isAbandoned { // the source goes on although the context is done
			f.ended, f.abandoned = now, true
			r.health.abandons(r, id, f)
		}
		told = f
		f.told, f.failed, f.err, f.retryIn = now, failed, err, retryIn
		switch {
		case failed && f.owed && !isRefusal(err): // a refusal is an answer
			k.owed = true
		case failed && f.mayBeOwed && !isRefusal(err):
			k.mayBeOwed = true
		case !failed && f.forced && f.began.tick > k.last.ended.tick:
			k.owed = false
		}
		break
	}
	if !failed {
		k.failures, k.inOutage, k.mayBeLost = 0, false, false
		k.mustForce = false
		if told != nil && told.forced && told.began.tick > k.forcedTick { // an earlier fetch is not what was asked for
			k.mayForce = k.forcing > 0
		}
		k.mayFollow = k.mayFollow && told != nil && told.began.tick < k.movedTick
		return k
	}
	if k.failures++; k.failures == 1 {
		k.firstFailed = now
	}
	return k
}

// invalidate records a call of Invalidate that has returned.
func (r *run) invalidate(id string, began moment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.knownOf(id)
	in := invalidated{began: began, ended: r.moment()}
	k.last = in
	since := false // whether a fetch has begun since the call
	for _, f := range slices.Backward(k.fetches) {
		since = since || f.began.tick > began.tick
	}
	k.invalidated = append(k.invalidated, in)
	k.owed = k.owed || !since
	k.mayBeOwed = k.mayBeOwed || since
}

func (invalidated) isAny() bool { return true }

// invalid reports whether the value of f was invalidated before m. Only invalidations for
// which counts returns true are considered.
func (k *known) invalid(f *fetch, m moment, counts func(invalidated) bool) bool {
	return slices.ContainsFunc(k.invalidated, func(in invalidated) bool {
		return counts(in) && in.began.tick > f.began.tick && in.ended.tick < m.tick
	})
}

func (r *run) minRefresh() time.Duration {
	if r.cfg.MinRefreshInterval == 0 {
		return cache.DefaultMinRefreshInterval
	}
	return max(0, r.cfg.MinRefreshInterval)
}

func (r *run) ttl() time.Duration {
	if r.cfg.TTL == 0 {
		return cache.DefaultTTL
	}
	return r.cfg.TTL
}

func (r *run) fetchTimeout() time.Duration {
	if r.cfg.FetchTimeout == 0 {
		return cache.DefaultFetchTimeout
	}
	return r.cfg.FetchTimeout
}
