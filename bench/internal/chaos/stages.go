package chaos

import (
	"slices"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/hook"
)

// previous is the other stage whose handles some sequences have.
const previous = "AWSPREVIOUS"

// makeStages makes handles of AWSPREVIOUS.
func (r *run) makeStages() {
	for _, id := range r.ids {
		h := handleOf(r, "previous "+id, typedsecret.New[creds](id, typedsecret.WithCache(r.c), typedsecret.WithStage(previous)), func(c *creds) creds { return *c })
		h.key, h.isPrevious = keyOf(id, previous), true
		r.handles = append(r.handles, h)
	}
}

// previous returns which versions bore AWSPREVIOUS: each that bore AWSCURRENT before another.
func (h history) previous() history { return h[:max(0, len(h)-1)] }

// historyOf returns which versions the secret of a handle was.
func (r *run) historyOf(h *handle) history {
	moves := r.svc.history(h.id)
	if h.isPrevious {
		return moves.previous()
	}
	return moves
}

// moves notes that the cache has seen a stage move: so the other stage counts as invalidated
// since the fetch ended that saw it. That is not sure of AWSCURRENT if the fetch was itself made
// because that had moved, a moment before.
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

// movesAside calls f as if no stage had moved. Called with r.mu held.
func (r *run) movesAside(f func() bool) bool {
	r.ignoresMoves = true
	defer func() { r.ignoresMoves = false }()
	return f()
}

// counts reports whether a value that was fetched before in is to be fetched again.
func (r *run) counts(in invalidated) bool { return !in.isUnsure && !(in.isMove && r.ignoresMoves) }

// stray returns the version that a stage had before the other one moved, for a mutation.
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
