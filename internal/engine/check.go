package engine

import (
	"context"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/world"
	"github.com/typedsecret/typedsecret/notify"
)

// The budget of the events about one secret: a burst of fetches, and then one an interval.
const (
	eventBurst    = 5
	eventInterval = time.Minute
)

// maxAgain is how often a secret is fetched again if a fetch for an event did not bring the version
// that the event announced: after 1, 2 and 4 s.
const maxAgain = 3

// heard is what events have said of an entry's secret. Cache.mu guards it.
type heard struct {
	last  instant       // when the last event came
	paid  time.Duration // when the whole burst of fetches may be made again, by the monotonic clock
	check *check        // nil if none waits or is under way
}

// A check is a fetch in the background that an event asked for. It never makes a value invalid: an
// event may be forged.
type check struct {
	ctx      context.Context // of the event, for its values
	kind     notify.Kind
	version  string        // that the event announced; "" if it did not say
	at       time.Time     // when it happened, by AWS's clock or, if the event did not say, by ours
	came     instant       // when the event came
	within   time.Duration // over which its moment is drawn
	mustLook bool          // a fetch that began before came is not enough, whatever it brings
	again    int           // counts the fetches that did not bring what was announced
	isDue    bool          // it waits no longer for its moment, but for a fetch under way
	timer    *time.Timer
}

// announce gives e a check at a random moment within a time, unless e has the announced version
// already. If e has a check, that one serves n too. Called with mu held.
func (c *Cache) announce(e *Entry, n *announcement, within time.Duration) {
	s := e.snap.Load()
	if c.closed || s == nil && e.inFlight() == nil {
		return
	}
	p := e.remembered()
	if p.heard == nil {
		p.heard = &heard{}
	}
	t, version := p.heard, n.version(e)
	t.last = n.came
	if s != nil && version != "" && s.VersionID() == version {
		return
	}
	k := t.check
	switch {
	case k == nil:
		k = &check{version: version}
		t.check = k
		c.checks[e] = struct{}{}
		c.setCheck(e, world.UpTo(within))
	case n.Kind == notify.Missed, version == "" && k.version != "":
		k.mustLookAfter(n) // what is known of the rotation stays
		return
	case k.kind == notify.Missed:
		if !k.isDue {
			c.setCheck(e, world.UpTo(within)) // its moment may be hours away
		}
	case n.Time.Before(k.at) && (version == "" || k.version != ""):
		k.mustLookAfter(n) // its time may be right, and that of the former forged
		return
	}
	*k = check{
		ctx: n.ctx, kind: n.Kind, version: version, at: n.Time, came: n.came, within: within,
		mustLook: k.mustLook || k.version != version, isDue: k.isDue, timer: k.timer,
	}
}

// mustLookAfter has the check go on until a fetch that begins after n came.
func (k *check) mustLookAfter(n *announcement) {
	k.came, k.again, k.mustLook = n.came, 0, true
}

// setCheck has the check of e run after a time. Called with mu held.
func (c *Cache) setCheck(e *Entry, in time.Duration) {
	k := e.past.heard.check
	k.isDue = false
	if k.timer == nil {
		k.timer = time.AfterFunc(in, func() { c.runCheck(e) })
	} else {
		k.timer.Reset(in)
	}
}

// endCheck ends the check of e. Called with mu held.
func (c *Cache) endCheck(e *Entry) {
	e.past.heard.check.timer.Stop()
	e.past.heard.check = nil
	delete(c.checks, e)
}

// runCheck begins the fetch that an event asked for, if it may begin now.
func (c *Cache) runCheck(e *Entry) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || e.checking() == nil {
		return
	}
	if e.snap.Load() == nil && e.inFlight() == nil {
		c.endCheck(e) // it was evicted
		return
	}
	t := e.past.heard
	k := t.check
	k.isDue = true
	if f := e.inFlight(); f != nil && f.list != nil {
		c.queueUp(f) // an event does not wait for the pace of a Preloader
	}
	in := c.policy.announced(c.stateOf(e, now))
	if in != never {
		in = max(in, t.payIn(now))
	}
	if in <= 0 {
		if _, in = c.begin(k.ctx, e, recent, now); in <= 0 {
			t.pay(now)
			return
		}
	}
	if in != never {
		in = min(in, eventInterval) // another fetch may end the back-off
		c.setCheck(e, in+k.spread(in))
	}
}

// spread returns how much longer than in a check waits, so that the checks of a fleet do not begin
// at the same moment. Checks after notify.Missed keep their pace.
func (k *check) spread(in time.Duration) time.Duration {
	if k.kind == notify.Missed {
		return world.UpTo(k.within)
	}
	return world.UpTo(min(in, k.within))
}

// checking returns the check of e, or nil.
func (e *Entry) checking() *check {
	if e.past == nil || e.past.heard == nil {
		return nil
	}
	return e.past.heard.check
}

// payIn returns how long it takes until the budget allows a fetch for an event. It goes by the
// monotonic clock alone: each jump of the wall clock would allow another burst.
func (h *heard) payIn(now instant) time.Duration {
	return max(0, h.paid-time.Duration(now.mono)-(eventBurst-1)*eventInterval)
}

// pay takes a fetch for an event from the budget.
func (h *heard) pay(now instant) {
	h.paid = max(h.paid, time.Duration(now.mono)) + eventInterval
}

// noteFetched ends the check of an entry, or sets it anew, by what a fetch has brought. It returns
// the event for the observer if that is the announced version. Called with mu held.
func (c *Cache) noteFetched(f *fetch, s *Snapshot, isMoved bool, now instant) (events []hook.Event) {
	e, k := f.entry, f.entry.checking()
	if k == nil {
		return nil
	}
	switch isLook := f.forced && f.began.mono >= k.came.mono; {
	case isLook && k.version == "", k.version != "" && s.VersionID() == k.version && (isLook || !k.mustLook):
		if isMoved {
			events = append(events, hook.Announced{Secret: s.event(), Lag: max(0, time.Unix(0, now.wall).Sub(k.at))})
		}
		c.endCheck(e)
	case isLook && k.isDue:
		c.checkAgain(e)
	case k.isDue:
		c.setCheck(e, 0) // that fetch began before the event came
	}
	return events
}

// noteUnfetched ends the check of an entry, or sets it anew, when a fetch has failed or was given
// up. Called with mu held.
func (c *Cache) noteUnfetched(f *fetch, isRefusal bool) {
	e, k := f.entry, f.entry.checking()
	switch {
	case k == nil || !k.isDue:
	case isRefusal && k.kind == notify.Deleted:
		c.endCheck(e)
	case isRefusal:
		c.checkAgain(e)
	default:
		c.setCheck(e, time.Second) // or later, as the back-off says
	}
}

// checkAgain sets the check of e anew, or ends it after maxAgain times. Called with mu held.
func (c *Cache) checkAgain(e *Entry) {
	k := e.past.heard.check
	if k.again == maxAgain {
		c.endCheck(e)
		return
	}
	c.setCheck(e, time.Second<<k.again)
	k.again++
}
