package health

import "time"

// An Instant is the time since a fixed moment in the past. It is positive and never goes back.
type Instant = time.Duration

// A Health is what is known of one backend. The zero Health is up. It is not safe for
// concurrent use: its caller's lock guards it.
type Health struct {
	answered Instant // when the last answer came
	suspect  string  // the Ref that could not be answered since then; "" if there is none
	only     string  // the first Ref that was asked for or answered
	several  bool    // another one was

	down      outage
	back      Instant // when the last outage ended
	pace      pace
	throttled string // the Ref that was throttled last; "" if none was
	fresh     newcomers
}

// A Kind is what the end of a request says about the source. They are in the order of their
// weight: a request for several secrets is reported with the greatest of theirs.
type Kind uint8

const (
	Nothing    Kind = iota // the request says nothing about the source
	CantAnswer             // the source could not be reached, or could not answer
	TooMuch                // the source throttles
	Refused                // the source refuses this Ref
	Answered               // a value came
)

// A Purpose says why a Ref is to be fetched.
type Purpose uint8

const (
	Late   Purpose = iota // its value is past its TTL, or it has none
	Ahead                 // its value is due, and younger than its TTL
	Forced                // the user's own Refresh or Invalidate asks for it
	New                   // its ID was never known, and no handle names it
)

// A Want is a request that a caller would make.
type Want struct {
	Key     string // of the Ref, not empty; of a batch, that of any of its Refs
	Purpose Purpose
	Batch   bool // the request is for several Refs
	// Since is when the first of the fetches failed that had no answer since the Ref's last
	// one; 0 if its last fetch was answered.
	Since Instant
	// Tried is when the last of them failed; 0 if there is none.
	Tried Instant
}

// A Verdict says whether a request may be made.
type Verdict uint8

const (
	Go    Verdict = iota // make the request
	Probe                // make it, within Timeout
	Later                // the pace or the rate holds it back: keep it in its queue
	Down                 // the source is down
)

// A Permit is the answer to a Want. After Go and Probe the caller makes the request, and
// reports the Permit exactly once, also if the request was never sent.
type Permit struct {
	Verdict Verdict
	// Timeout bounds a Probe; 0 means the timeout of any request.
	Timeout time.Duration
	// In says when to ask again after Later and Down; after Down also when a probe ends.
	In time.Duration
	// Next is another Ref that is to be the probe now. It is set after Down alone. A caller
	// that can fetch it asks for it. If nobody does, any Ref may be the probe after In.
	Next string

	key     string
	began   Instant
	since   Instant
	probe   uint64 // the number of the probe; 0 if it is none
	isNew   bool   // it counts for the newcomers
	isBatch bool
}

// A Change is what a Report changed. Readers that wait for a probe ask again after Failed and
// CameBack.
type Change uint8

const (
	Same     Change = iota
	WentDown        // the source is down now
	Failed          // a probe had no answer
	CameBack        // the source is up again
)

// Ask says whether a request may be made now. If it may, the request has begun.
func (h *Health) Ask(now Instant, w Want) Permit {
	if !h.several && (w.Purpose != New || w.Batch) {
		h.know(w.Key, w.Batch)
	}
	if h.down.is {
		return h.down.ask(now, w)
	}
	p := Permit{key: w.Key, began: now, since: w.Since, isBatch: w.Batch}
	if w.Purpose == Ahead || w.Purpose == Forced {
		return p
	}
	if w.Purpose == New {
		if in := h.fresh.waitAt(now); in > 0 {
			return Permit{Verdict: Later, In: in}
		}
	}
	if h.pace.gap != 0 {
		if in := h.pace.take(now); in > 0 {
			return Permit{Verdict: Later, In: in}
		}
	}
	if w.Purpose == New {
		h.fresh.asking++
		p.isNew = true
	}
	return p
}

// Report says how a request ended. The zero Permit is that of a request that was made without
// asking: it may end an outage, and can't begin one.
func (h *Health) Report(now Instant, p Permit, k Kind) Change {
	if p.isNew {
		h.fresh.end(now, k)
	}
	isProbe := h.down.ends(now, p)
	switch {
	case k >= Refused:
		return h.answer(now, p, k)
	case k == TooMuch:
		h.throttle(now, p)
	}
	switch {
	case isProbe:
		return Failed
	case k == CantAnswer && !h.down.is && h.isEvidence(p):
		return h.suspectFrom(now, p)
	}
	return Same
}

func (h *Health) answer(now Instant, p Permit, k Kind) Change {
	h.answered, h.suspect = now, ""
	if !h.several && k == Answered && p.key != "" {
		h.know(p.key, false)
	}
	if !h.down.is {
		return Same
	}
	h.pace.begin(now, now-h.down.began)
	h.down, h.back = outage{probes: h.down.probes}, now
	return CameBack
}

// throttle slows the pace, unless the same Ref was throttled last: that may be its key's alone.
func (h *Health) throttle(now Instant, p Permit) {
	isOther := h.throttled != "" && h.throttled != p.key
	h.throttled = p.key
	if isOther || p.isBatch {
		h.pace.slow(now, p.began)
	}
}

// know notes a Ref that exists, as far as is known, or several of them.
func (h *Health) know(key string, several bool) {
	if h.only == "" {
		h.only = key
	}
	h.several = several || h.only != key
}

// isEvidence reports whether a failure may be the source's: whether nothing was answered
// while the Ref failed.
func (h *Health) isEvidence(p Permit) bool {
	since := p.began
	if p.since != 0 {
		since = p.since
	}
	return p.began != 0 && h.answered <= since
}

func (h *Health) suspectFrom(now Instant, p Permit) Change {
	isOnly := !h.several && h.only == p.key
	if h.suspect == "" || h.suspect == p.key && !isOnly && !p.isBatch {
		h.suspect = p.key
		return Same
	}
	h.suspect = ""
	h.down.begin(now)
	return WentDown
}

// Down reports whether the source is down, and since when.
func (h *Health) Down() (since Instant, is bool) { return h.down.began, h.down.is }

// ProbeIn returns for how long no probe begins, but a forced fetch; 0 if the source is up.
func (h *Health) ProbeIn(now Instant) time.Duration {
	if !h.down.is {
		return 0
	}
	return max(0, h.down.due-now)
}

// Forgives reports whether the back-off of a Ref that got no answer at that instant is void,
// because the source was down then, or went down later, and has come back.
func (h *Health) Forgives(failed Instant) bool { return failed <= h.back }
