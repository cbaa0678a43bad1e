package typedsecret

import (
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/internal/engine"
)

// A standing is what a gate knows about one version.
type standing struct {
	snap     *engine.Snapshot
	held     bool
	lone     bool      // only one call was refused, so another may try at once
	hopeless bool      // the budget of a call has ended without another version
	refusals int       // since the version was last accepted
	tries    int       // the refusals that were not made at the same time as another
	last     time.Time // the time of the last refusal
	next     time.Time // when the version may be tried again
	// These are the gate's counts of refusals when the version was last refused and last
	// accepted.
	refusedAt, acceptedAt int
	err                   error // the error of the last refusal
}

// pauses are the pauses between two tries of a version that is held.
var pauses = backoff.Policy{Base: time.Second, Growth: 1.5, Max: 30 * time.Second, Jitter: backoff.NoJitter}

// lapse is the age at which a refusal no longer counts for the next one.
const lapse = time.Minute

// mostVersions bounds the versions that a gate remembers.
const mostVersions = 8

// leave records that the call ended, but not with a refusal.
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

// refused records that a call was refused, and returns the hold for its next try.
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

// accept records that a call was accepted. The caller holds mu.
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
		// The standings of older versions are kept, for calls that have read one of them.
		g.closed.Store(false)
	}
}

// refuse records that a call was refused. The caller holds mu.
func (g *gate) refuse(p pass, s *standing, doubted bool, err error) *standing {
	now := time.Now()
	g.refusals++
	if s == nil {
		s = g.add(&standing{snap: p.snap})
	}
	ofOneCall := doubted || p.refusedAt > 0 && !s.held && s.tries > 0
	switch isAnew := s.tries == 0 || !s.held && !ofOneCall || now.Sub(s.last) > lapse; {
	case isAnew:
		// With WithPending, the next try uses the version with the stage AWSPENDING.
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

// isolate is called when s was refused. If another version was refused too, and no call was
// accepted in between, the refusals are not the fault of single calls. The caller holds mu.
func (g *gate) isolate(s *standing) {
	for _, other := range g.versions {
		if other != s && other.held && other.refusedAt > g.forgiven {
			other.lone, s.lone = false, false
		}
	}
}

// giveUp records that a call's budget has ended without another version.
func (g *gate) giveUp(snap *engine.Snapshot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.find(snap); s != nil && s.refusals > 0 {
		s.hopeless = true
		g.vain.Store(true) // accepted calls then report to the gate
	}
}

// knows returns the standing of a version, or the zero standing if the gate has none.
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

// find returns the standing of a version, or nil. The caller holds mu.
func (g *gate) find(snap *engine.Snapshot) *standing {
	for _, s := range g.versions {
		if s.snap.Same(snap) {
			return s
		}
	}
	return nil
}

// add adds a version. The caller holds mu.
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
