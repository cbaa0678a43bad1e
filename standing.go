package typedsecret

import (
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/internal/engine"
)

// A standing is what a gate knows of one version.
type standing struct {
	snap     *engine.Snapshot
	held     bool
	lone     bool      // one call was refused, and another may try at once
	hopeless bool      // the budget of a call has ended without another version
	refusals int       // since the version was last accepted
	tries    int       // the refusals that were not made at the same time as another
	last     time.Time // of the refusals
	next     time.Time // when the version may be tried again
	// The gate's count of refusals when the version was last refused and last accepted.
	refusedAt, acceptedAt int
	err                   error // of the last refusal
}

// pauses lie between two tries of a version that is held.
var pauses = backoff.Policy{Base: time.Second, Growth: 1.5, Max: 30 * time.Second, Jitter: backoff.NoJitter}

// lapse is the age from which a refusal says nothing of how long the next one will last.
const lapse = time.Minute

// mostVersions bounds what a gate remembers.
const mostVersions = 8

// leave notes that the call ended, and not with a refusal.
func (p pass) leave(what outcome) {
	g := p.gate
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underWay--
	s := g.find(p.snap)
	switch {
	case what == accepted:
		g.accept(p, s)
	case s == nil:
	case what == broken && p.most > 0 && s.refusals > 0:
		g.refusals++ // it was most likely refused too
	case what == silent && p.turn:
		s.next = time.Now()
	}
	g.change()
}

// refused notes that a call was refused, and returns what its next try waits for.
func (g *gate) refused(p pass, doubted bool, err error) *hold {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.gate != nil {
		g.underWay--
		g.change()
	}
	g.follow(p.request)
	s := g.refuse(p, g.find(p.snap), doubted, err)
	return g.hold(s, true, time.Until(s.next))
}

// accept notes that a call was accepted. Called with mu held.
func (g *gate) accept(p pass, s *standing) {
	g.forgiven = max(g.forgiven, p.begun)
	if s != nil && s.refusedAt > p.begun {
		return // the call began before a refusal, so it says nothing of the time after
	}
	if !p.pending {
		g.vain.Store(false)
	}
	switch {
	case s == nil:
		return
	case s.held:
		s.refusals, s.acceptedAt = 0, g.refusals
	}
	s.held, s.lone, s.hopeless = false, false, false
	if !p.pending {
		// The standings of older versions stay, for calls that have read one of them.
		g.closed.Store(false)
	}
}

// refuse notes that a call was refused. Called with mu held.
func (g *gate) refuse(p pass, s *standing, doubted bool, err error) *standing {
	now := time.Now()
	g.refusals++
	if s == nil {
		s = g.add(&standing{snap: p.snap})
	}
	ofOneCall := doubted || p.refusedAt > 0 && !s.held && s.tries > 0
	switch isAnew := s.tries == 0 || !s.held && !ofOneCall || now.Sub(s.last) > lapse; {
	case isAnew:
		// With WithPending the next try is of the version that bears AWSPENDING.
		lone := p.refusedAt == 0 && !p.alternate
		*s = standing{snap: s.snap, held: s.held, lone: lone, next: s.next, acceptedAt: s.acceptedAt}
	case p.refusedAt == 0:
		s.lone = false
	}
	if p.turn || s.tries == 0 {
		s.tries++
		s.next = now.Add(pauses.Delay(s.tries))
	}
	s.refusals++
	s.last, s.err, s.refusedAt = now, err, g.refusals
	if !ofOneCall {
		s.held = true
		g.closed.Store(true)
	}
	g.isolate(s)
	return s
}

// isolate ends all doubt about whether a refusal was the fault of one call, if s was refused
// and another version was too, with no call accepted in between. Called with mu held.
func (g *gate) isolate(s *standing) {
	for _, other := range g.versions {
		if other != s && other.held && other.refusedAt > g.forgiven {
			other.lone, s.lone = false, false
		}
	}
}

// giveUp notes that a call's budget has ended without another version.
func (g *gate) giveUp(snap *engine.Snapshot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.find(snap); s != nil && s.refusals > 0 {
		s.hopeless = true
		g.vain.Store(true) // so that the gate learns of a call that is accepted
	}
}

// knows returns the standing of a version; the zero standing if the gate has none.
func (g *gate) knows(snap *engine.Snapshot) standing {
	if g == nil {
		return standing{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.find(snap); s != nil {
		return *s
	}
	return standing{}
}

// isHopeless reports whether waiting for another version was in vain lately.
func (s *standing) isHopeless() bool { return s.hopeless && time.Since(s.last) <= lapse }

// find returns what is known of a version, or nil. Called with mu held.
func (g *gate) find(snap *engine.Snapshot) *standing {
	for _, s := range g.versions {
		if s.snap.Same(snap) {
			return s
		}
	}
	return nil
}

// add adds a version. Called with mu held.
func (g *gate) add(s *standing) *standing {
	if len(g.versions) == mostVersions {
		g.versions = slices.Delete(g.versions, 0, 1)
	}
	g.versions = append(g.versions, s)
	return s
}

// rejections returns how often in a row the version of snap was refused.
func (g *gate) rejections(snap *engine.Snapshot) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.find(snap); s != nil {
		return s.refusals
	}
	return 0
}
