package health

import (
	"time"

	"github.com/typedsecret/typedsecret/internal/world"
)

const (
	// ProbeTimeout bounds a probe.
	ProbeTimeout = 3 * time.Second
	// patientProbe is the number of probes of which one may take as long as any request: a
	// source that answers after 4 s would stay down for good without it.
	patientProbe = 4

	// The delay before a probe is drawn from two thirds of a bound to all of it. The bound
	// doubles up to the last one. With less to draw from, a fleet whose outage began at one
	// moment goes on in step: TestAFleetComesBackWithoutAPeak.
	firstBound = 1500 * time.Millisecond
	lastBound  = 5 * time.Second
	leastDelay = firstBound * 2 / 3

	// turn is how long the Ref whose turn it is may take to become the probe.
	turn = time.Second
)

// An outage is the time from when the source went down until it answers.
type outage struct {
	is     bool
	began  Instant
	failed int     // probes without an answer
	ended  Instant // when the last of them failed, or the outage began
	due    Instant // when the next one may begin

	probes  uint64  // numbers the probes of all outages
	probing bool    // the last of them is under way
	isExtra bool    // that one is a forced fetch which takes no Ref's turn
	until   Instant // when it ends at the latest, or is not waited for any longer
	patient bool    // it may take longer than until
	last    string  // its Ref

	next      string  // the Ref of the next probe; "" if none has asked since the last one began
	nextTried Instant // when that failed last
}

func (o *outage) begin(now Instant) {
	*o = outage{is: true, began: now, ended: now, due: now + delay(0), probes: o.probes}
}

// delay draws the delay before a probe, after so many that failed.
func delay(failed int) time.Duration {
	bound := min(firstBound<<min(failed, 2), lastBound)
	least := bound * 2 / 3
	return least + world.UpTo(bound-least)
}

// ask makes a Want the probe, if it may be.
func (o *outage) ask(now Instant, w Want) Permit {
	if o.probing && o.patient && now >= o.until {
		o.goOn(o.until) // the source may be up since: the next probe finds out
	}
	if o.probing {
		if w.Key != o.last {
			o.note(w.Key, w.Tried)
		}
		return Permit{Verdict: Down, In: max(o.until-now, leastDelay/10)}
	}
	tried := w.Tried
	if w.Key == o.last {
		tried = o.ended
	}
	o.note(w.Key, tried)
	isTurn := o.next == w.Key
	turnAt := max(o.due, o.ended+leastDelay) // the last probe may have taken no turn
	due := turnAt
	if w.Purpose == Forced {
		due = o.ended + leastDelay
	}
	switch {
	case now < due:
		return Permit{Verdict: Down, In: due - now}
	case !isTurn && turnAt <= now && now < turnAt+turn:
		return Permit{Verdict: Down, In: turnAt + turn - now, Next: o.next}
	}
	o.isExtra = w.Purpose == Forced && !isTurn
	if !o.isExtra {
		o.next = ""
	}
	return o.start(now, w)
}

// note has the Ref wait for its turn that failed the longest ago of those that asked.
func (o *outage) note(key string, tried Instant) {
	if o.next == "" || tried < o.nextTried {
		o.next, o.nextTried = key, tried
	}
}

func (o *outage) start(now Instant, w Want) Permit {
	p := Permit{Verdict: Probe, Timeout: ProbeTimeout, key: w.Key, began: now, since: w.Since, isBatch: w.Batch}
	o.patient = o.failed%patientProbe == patientProbe-1 && !o.isExtra // which is not counted
	if o.patient {
		p.Timeout = 0
	}
	o.probes++
	p.probe = o.probes
	o.probing, o.last, o.until = true, w.Key, now+ProbeTimeout
	return p
}

// ends reports whether p is the probe under way, which ends. If it has no answer, another one
// follows after a delay.
func (o *outage) ends(now Instant, p Permit) bool {
	if !o.probing || p.probe != o.probes {
		return false
	}
	o.goOn(now)
	return true
}

// goOn has another probe follow, after a delay, but not sooner than was said: a forced fetch may have
// been the probe before it was due.
func (o *outage) goOn(now Instant) {
	o.probing, o.ended = false, now
	if !o.isExtra {
		o.failed++
		o.due = max(o.due, now+delay(o.failed))
	}
}
