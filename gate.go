package typedsecret

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
)

// WithMaxRejections bounds how many wrong logins in a row a service sees, for services that
// lock an account after a few. At most n calls of [Secret.Do] by this handle are refused
// without an accepted one in between. That holds for any number of goroutines, versions and
// pools. Set n lower than the service's limit: 4 if it locks after 5. The service counts
// all processes together, so divide by their number.
//
// To keep the bound:
//
//   - At most n-1 calls run at once, since all of them could be refused. The others wait
//     for a place.
//   - After n-1 refusals no version is tried that was refused before: the last try is kept
//     for the version that becomes current next. With [WithPending] and n above 2, one more
//     try is kept for the version with the stage AWSPENDING.
//   - Do goes on to wait for another version within its budget. When a budget has ended
//     in vain, later calls refresh the secret and return the error at once.
//   - A version that becomes current is tried once in any case, even beyond n. Otherwise a
//     rotation could not help.
//
// A database replica that lags may refuse a good version. Do may then give up that version
// until the next one comes. If that can happen, set n higher, or move AWSCURRENT later.
//
// n must be at least 2; by default there is no bound. A call whose context ends before the
// service has answered may have been refused unnoticed. Do counts such a call as refused if
// the version is known to be refused. So give logins more time than they take. A function
// given to Do must not call Do of the same handle then: that call may wait for the place of
// its own caller.
func WithMaxRejections(n int) Option {
	return func(set *settings) {
		if n < 2 {
			set.refuse("the most rejections are %d; it must be at least 2: one of the version that a rotation replaces, and one of the next", n)
		}
		set.most = n
	}
}

// A gate keeps the calls of Do from trying a version that is known to be refused: each
// such try is a wrong login, and some services lock an account after a few. A handle has
// one gate for all pools and goroutines that use it, since they share the account. It is
// made at the first refusal, or at the first call with [WithMaxRejections].
//
// As long as no call is refused, calls pass without a lock. A refusal makes the gate hold
// the version:
//
//   - One call at a time tries a version that is held, after pauses that grow from 1 s to
//     30 s. The other calls wait for that call's result, for another version or for the
//     end of their budgets.
//   - One refusal may be the fault of that one call. So the next call that was not itself
//     refused tries at once; only a second refusal makes all calls wait.
//   - While a version is held, another version that no call has tried yet is tried by one
//     call first.
//   - A call that is accepted opens the gate. If its version was that of AWSPENDING, it
//     opens the gate for that version alone.
//
// A refusal by [MaybeRejected] holds back only repeated tries; the first try of each call
// passes. The same holds for a call that is refused again although other calls were
// accepted in between, since its refusal is not the credential's fault.
type gate struct {
	closed atomic.Bool // whether some version is held; read without the lock
	vain   atomic.Bool // whether some version is hopeless; read without the lock

	mu       sync.Mutex       // guards the fields below
	current  *engine.Snapshot // the newest that a call has used or wanted to use
	versions []*standing
	changed  chan struct{} // closed when a waiting call may go on; nil if none waits

	// These counts are for WithMaxRejections.
	refusals int // all refusals so far
	forgiven int // the refusals before the last accepted call began
	underWay int // calls
}

// isOpen reports whether each version may be tried without the gate.
func (s *Secret[T]) isOpen() bool {
	g := s.gate.Load()
	return s.dec.set.most == 0 && (g == nil || !g.closed.Load() && !g.vain.Load())
}

// theGate returns the gate of the handle. It makes one if there is none.
func (s *Secret[T]) theGate() *gate {
	if g := s.gate.Load(); g != nil {
		return g
	}
	s.gate.CompareAndSwap(nil, new(gate))
	return s.gate.Load()
}

// A request is a call that wants to try a version.
type request struct {
	snap      *engine.Snapshot
	pending   bool // whether the version has the stage AWSPENDING
	refusedAt int  // the gate's count of refusals when the version was last refused to the call, or 0
	alternate bool // whether the handle tries both AWSCURRENT and AWSPENDING
	most      int  // the bound of WithMaxRejections; 0 means none
}

// kept returns how many of the allowed refusals are kept for other versions: one for the
// version that comes next, and one for AWSPENDING.
func (r request) kept() int {
	if r.alternate && !r.pending && r.most > 2 {
		return 2
	}
	return 1
}

// repeats reports whether the version was refused to this call, and no call was accepted
// since.
func (r request) repeats(s *standing) bool { return r.refusedAt > s.acceptedAt }

// A pass is the permission for one call to try a version. A call without a gate has the
// zero pass.
type pass struct {
	gate *gate
	request
	begun int  // the gate's refusals when the call began
	turn  bool // whether other calls wait for this call's result
}

// A hold says why a request got no pass, and when to request one again.
type hold struct {
	known   standing      // a copy; zero if nothing is known about the version
	spent   bool          // whether WithMaxRejections allows no other try of this version
	refused bool          // if false, the version waits for the result of another call, or for a place
	until   time.Duration // when to request again; 0 means when changed is closed
	changed <-chan struct{}
}

// wait waits until a new request makes sense. It reports false if ctx ended before.
func (h *hold) wait(ctx context.Context) bool {
	var over <-chan time.Time
	if h.until > 0 {
		over = time.After(h.until)
	}
	select {
	case <-h.changed:
	case <-over:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// outcome says how a service answered a call.
type outcome int

const (
	silent outcome = iota // the answer says nothing about the credential
	broken                // there is no answer, since the call's context ended before
	accepted
	rejected
	doubted // MaybeRejected
)

// enter requests a pass.
func (g *gate) enter(r request) (pass, *hold) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.follow(r)
	now, s := time.Now(), g.find(r.snap)
	if h := g.isFull(r, s); h != nil {
		return pass{}, h
	}
	p := pass{gate: g, request: r, begun: g.refusals}
	switch {
	case s == nil && !g.closed.Load(), s != nil && !s.held && !r.repeats(s):
		// All calls may try the version.
	case s == nil:
		s = g.add(&standing{snap: r.snap, held: true})
		p.turn = true
	case s.lone && !r.repeats(s):
		s.lone = false
		p.turn = true
	case now.Before(s.next):
		return pass{}, g.hold(s, s.refusals > 0, s.next.Sub(now))
	default:
		p.turn = true
	}
	if p.turn {
		s.next = now.Add(pauses.Delay(max(1, s.tries)))
	}
	g.underWay++
	return p, nil
}

// follow records which version is current. A version that has become current may be good
// now, although it was refused while it had AWSPENDING, or before a rotation that was
// undone. A call that has read an older version changes nothing. The caller holds mu.
func (g *gate) follow(r request) {
	if r.pending || g.current != nil && r.snap.Before(g.current) {
		return
	}
	before := g.current
	g.current = r.snap
	if s := g.find(r.snap); s != nil && s.refusals > 0 && !r.snap.Same(before) {
		*s = standing{snap: r.snap, held: s.held, acceptedAt: s.acceptedAt}
	}
}

// isFull returns a hold if one more call could exceed the bound of WithMaxRejections, on
// the assumption that all calls under way are refused. The request then waits, or gives up
// if the hold is spent. The last refusal that the bound allows is kept for a version that
// comes later, and each such version is tried once in any case. The caller holds mu.
func (g *gate) isFull(r request, s *standing) *hold {
	counted := g.refusals - g.forgiven
	isNew := counted > 0 && !r.pending && (s == nil || s.refusals == 0)
	switch {
	case r.most == 0:
		return nil
	case isNew && (counted+g.underWay < r.most || g.underWay == 0):
		return nil
	case counted+g.underWay < r.most-r.kept():
		return nil
	case counted < r.most-r.kept() || isNew:
		return g.hold(s, false, 0) // the request waits for a place
	}
	h := g.hold(s, true, 0)
	h.spent = true
	return h
}

// hold makes a hold. The caller holds mu.
func (g *gate) hold(s *standing, refused bool, until time.Duration) *hold {
	h := &hold{refused: refused, until: until, changed: g.watch()}
	if s != nil {
		h.known = *s
	}
	return h
}

// watch returns a channel that is closed at the next change. The caller holds mu.
func (g *gate) watch() <-chan struct{} {
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}

// change wakes the calls that wait. The caller holds mu.
func (g *gate) change() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}
