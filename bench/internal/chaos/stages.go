package chaos

import (
	"slices"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/hook"
)

// previous is the second stage. Some sequences have handles of it.
const previous = "AWSPREVIOUS"

// makeStages makes handles of AWSPREVIOUS.
func (r *run) makeStages() {
	for _, id := range r.ids {
		h := handleOf(r, "previous "+id, typedsecret.New[creds](id, typedsecret.WithCache(r.c), typedsecret.WithStage(previous)), func(c *creds) creds { return *c })
		h.key, h.isPrevious = keyOf(id, previous), true
		r.handles = append(r.handles, h)
	}
}

// previous returns the versions that had AWSPREVIOUS: all that had AWSCURRENT, except the
// last.
func (h history) previous() history { return h[:max(0, len(h)-1)] }

// historyOf returns the history of a handle's secret and stage.
func (r *run) historyOf(h *handle) history {
	moves := r.svc.history(h.id)
	if h.isPrevious {
		return moves.previous()
	}
	return moves
}

// moves records that the cache has seen a stage move. The other stage counts as invalidated
// since the end of the fetch that saw the move. For AWSCURRENT that is uncertain if that
// fetch was itself made because AWSCURRENT had moved just before.
func (r *run) moves(e hook.Rotated) {
	r.mu.Lock()
	defer r.mu.Unlock()
	other := keyOf(e.ID, previous)
	if e.Stage == previous {
		other = e.ID
	}
	seen := r.knownOf(keyOf(e.ID, e.Stage)).lastGood()
	if seen == nil || !r.hasStages {
		return
	}
	k := r.knownOf(other)
	had := k.lastGood()
	follows := e.Stage == previous && seen.mayFollow && had != nil && r.arrived(had).to(seen.began) <= time.Second
	in := invalidated{began: seen.ended, ended: r.moment(), isMove: true, isUnsure: follows}
	k.last = in
	k.invalidated = append(k.invalidated, in)
	k.mayBeOwed, k.mayFollow, k.movedTick = true, true, in.ended.tick
}

// movesAside calls f as if no stage had moved. The caller holds r.mu.
func (r *run) movesAside(f func() bool) bool {
	r.ignoresMoves = true
	defer func() { r.ignoresMoves = false }()
	return f()
}

// counts reports whether a value that was fetched before in has to be fetched again.
func (r *run) counts(in invalidated) bool { return !in.isUnsure && !(in.isMove && r.ignoresMoves) }

// stray returns the version that a stage had before the other stage moved, for a mutation.
func (k *known) stray(n int) int {
	for _, in := range slices.Backward(k.invalidated) {
		if !in.isMove || in.isUnsure {
			continue
		}
		for _, f := range slices.Backward(k.fetches) {
			if f.began.tick < in.began.tick && f.told.tick > 0 && !f.failed {
				return f.version
			}
		}
	}
	return n
}
