package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/internal/health"
	"github.com/typedsecret/typedsecret/secret"
)

// A sourceHealth is what the model knows of the source's health. It is sure that the source is
// down only where the cache must be: where two secrets had no answer, each since a moment after
// the last answer. It is guarded by run.mu.
type sourceHealth struct {
	mute     map[string]time.Duration // since when a secret has had no answer
	suspect  string                   // the secret that had none last, since the last answer
	answered time.Duration            // when the last answer came
	answer   int                      // its tick
	failed   time.Duration            // when a fetch had no answer last, or was throttled
	failure  int                      // its tick
	back     time.Duration            // when an answer came last after a failure
	seen     time.Duration            // the last event
	unsure   time.Duration            // until when a failure may be that of a machine that slept

	down  time.Duration // since when the source is down for sure; 0: it is not
	probe *fetch        // the last one
	ended time.Duration // when the last one ended
}

// recovery is how long after an outage a value past its TTL may be read without a new fetch: its
// reader looks again after at most 5 s, and the pace spreads the fetches over 5 s and more.
const recovery = 20 * time.Second

func (h *sourceHealth) notes(r *run) time.Duration {
	now := time.Since(r.start)
	if r.jumped > h.seen {
		h.unsure = now + r.fetchTimeout() + slack
	}
	h.seen = now
	return now
}

// says records what a request of the source says about it.
func (r *run) says(key string, f *fetch, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.saysNow(key, f, err)
}

func (r *run) saysNow(key string, f *fetch, err error) {
	if f.abandoned {
		return // its late answer is dropped, and the cache looks at no clock
	}
	h := &r.health
	now := h.notes(r)
	tick := r.moment().tick
	h.ends(f, now)
	switch {
	case err == nil || isRefusal(err):
		if h.failure > h.answer {
			h.back = now
		}
		h.answered, h.answer, h.suspect, h.down = now, tick, "", 0
		delete(h.mute, key)
		return
	}
	since := h.hasNone(key, f, now)
	switch {
	case errors.Is(err, secret.ErrThrottled):
		h.failed, h.failure = now, tick
		return
	case !errors.Is(err, secret.ErrUnavailable) && !errors.Is(err, secret.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded):
		return
	}
	h.failed, h.failure = now, tick
	if r.noHealth || since <= h.answered || now < h.unsure || h.down != 0 {
		return
	}
	if h.suspect != "" && h.suspect != key {
		h.down, h.ended, h.probe = now, now, nil
	}
	h.suspect = key
}

// hasNone notes that f had no answer, and returns since when its secret has had none.
func (h *sourceHealth) hasNone(key string, f *fetch, now time.Duration) time.Duration {
	if since, isMute := h.mute[key]; isMute {
		return since
	}
	if h.mute == nil {
		h.mute = map[string]time.Duration{}
	}
	h.mute[key] = now
	return f.since
}

// ends records that f has ended. A probe that takes longer than others holds up the next one for no
// longer than they do.
func (h *sourceHealth) ends(f *fetch, now time.Duration) {
	if f == h.probe {
		h.ended = min(now, f.since+health.ProbeTimeout)
	}
}

// abandons records a fetch that has not returned in time.
func (h *sourceHealth) abandons(r *run, key string, f *fetch) {
	h.failed, h.failure = h.notes(r), f.ended.tick
	h.hasNone(key, f, h.failed)
	h.ends(f, h.failed)
}

// preloaderPace is for how long a request that may begin is held back by a Preloader's pace.
const preloaderPace = time.Second + slack

// judgeProbe checks that a source which is down is asked by one probe at a time.
func (r *run) judgeProbe(key string, f *fetch) {
	h := &r.health
	now := h.notes(r)
	f.since = now
	if h.down == 0 || now <= h.down+preloaderPace || r.noHealth || r.closed {
		return
	}
	r.checked(oneProbe)
	isUnderWay := h.probe != nil && h.probe.ended.tick == 0 && r.jumped <= h.probe.since &&
		now < h.probe.since+health.ProbeTimeout // a few may take longer
	wait := now - h.ended
	if r.mutated == Flood {
		wait -= time.Second
	}
	if isUnderWay || wait < time.Second && r.jumped <= h.ended {
		r.violated(oneProbe, fmt.Sprintf("%s was fetched %v after the last probe, under way: %v", key, wait, isUnderWay))
	}
	h.probe = f
}

// mayBeDown reports whether the source may be down for the cache during a reading, or was so
// lately that the pace may hold a fetch back.
func (r *run) mayBeDown(d *reading) bool {
	h := &r.health
	if h.failure == 0 || r.mutated == Starve {
		return false
	}
	since := time.Since(r.start) - d.took - recovery
	return h.failure > h.answer || h.failure > d.began.tick || h.failed > since || h.back > max(0, since)
}

// triedInOutage reports whether a value may be returned at once since the source is down, or was
// when the value was read before. In the second case a fetch of it begins at once.
func (r *run) triedInOutage(k *known, d *reading) bool {
	if r.mayBeDown(d) {
		k.inOutage, k.tried = true, 0
		return true
	}
	if !k.inOutage {
		return false
	}
	now := time.Since(r.start)
	if k.tried == 0 {
		k.tried = now
	}
	isUnderWay := slices.ContainsFunc(k.fetches, func(f *fetch) bool { return f.ended.tick == 0 })
	return now-k.tried <= slack || isUnderWay
}
