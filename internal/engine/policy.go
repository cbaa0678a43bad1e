package engine

import (
	"math"
	"time"
)

// A state is what is known of one secret at one moment. It is all that the policy goes by.
type state struct {
	hasValue  bool
	isInvalid bool          // Invalidate was called, or another stage has moved, since it was fetched
	isAsked   bool          // the same, since the last fetch began
	age       time.Duration // of the value
	due       time.Duration // the age at which refresh-ahead begins

	inFlight bool          // a fetch is under way
	isHeld   bool          // it waits for the pace of its backend, or is the probe of one that is down
	awaited  time.Duration // for how long readers have been waiting for that fetch

	failed      bool          // the last fetch failed
	isTried     bool          // it began when the value was past its TTL already, and no outage has ended since
	isRefusal   bool          // it failed because the source refused the secret
	delay       time.Duration // what is left of the back-off
	forcedDelay time.Duration // what is left of the user's own back-off, which passes that of a refusal

	downIn   time.Duration // the backend is down, and may be asked about this secret after so long; else 0
	isProbed bool          // a probe has failed since the reader began to wait for one

	renewIn  time.Duration // until a read may begin the fetch that Invalidate asked for
	forcedIn time.Duration // until Refresh may begin a fetch
}

// A verdict says what a reader gets.
type verdict int

const (
	absent  verdict = iota // there is no value; the reader waits for a fetch
	refused                // there is no value, and none may be fetched now
	fresh                  // the value is younger than its TTL
	expired                // the value is past its TTL; the reader waits for a fetch, but not for long
	stale                  // the value is past its TTL; the reader gets it, if StaleIfError allows
)

// A ruling is what the policy says about one state.
type ruling struct {
	verdict verdict
	lookIn  time.Duration // how long the value may be read without another look
	fetchIn time.Duration // until a fetch is to begin; 0 or less: now; never: not by this state
}

const never = time.Duration(math.MaxInt64)

// A policy is the settings that the rules depend on.
type policy struct {
	ttl, maxWait, fetchTimeout time.Duration
}

// isGood reports whether a value of this age is younger than its TTL.
func (p *policy) isGood(isInvalid bool, age time.Duration) bool { return !isInvalid && age < p.ttl }

// read says what a reader gets. A reader is hasty if it has waited long enough, or for a fetch
// that failed.
func (p *policy) read(s state, hasty bool) ruling {
	switch {
	case s.hasValue && p.isGood(s.isInvalid, s.age):
		return ruling{fresh, p.lookIn(s), s.fetchIn(max(s.delay, s.downIn, s.due-s.age))}
	case s.rest() > 0:
		switch {
		case s.hasValue:
			return ruling{stale, s.rest(), s.fetchIn(s.rest())}
		case s.downIn > 0 && !s.isProbed:
			return ruling{absent, 0, s.fetchIn(s.rest())} // waits for the next probe
		}
		return ruling{refused, 0, s.fetchIn(s.rest())}
	case !s.hasValue:
		return ruling{absent, 0, s.fetchIn(0)}
	case s.failed && s.isTried, s.inFlight && (s.isHeld || s.awaited >= p.maxWait):
		return ruling{stale, p.whileInFlight(s), s.fetchIn(s.renewIn)}
	case hasty:
		return ruling{stale, 0, s.fetchIn(s.renewIn)}
	case !s.inFlight && s.renewIn > p.maxWait: // no fetch begins while the reader would wait
		return ruling{stale, s.renewIn - p.maxWait, s.fetchIn(s.renewIn)}
	}
	return ruling{expired, 0, s.fetchIn(s.renewIn)}
}

// rest returns what is left of the back-off delay for the next read, the secret's own or that
// of a backend that is down; 0 or less: nothing. The one fetch that Invalidate asked for passes
// the delay of a refusal. While a fetch is under way, readers wait for that.
func (s *state) rest() time.Duration {
	switch {
	case s.inFlight:
		return 0
	case s.downIn > 0:
		return s.downIn
	}
	if s.isRefusal && s.isAsked {
		return min(s.delay, s.forcedDelay)
	}
	return s.delay
}

// fetchIn returns d, the time until a fetch is to begin, or never if one is under way.
func (s *state) fetchIn(d time.Duration) time.Duration {
	if s.inFlight {
		return never
	}
	return d
}

// lookIn returns for how long a fresh value may be read without another look.
func (p *policy) lookIn(s state) time.Duration {
	left := p.ttl - s.age
	switch {
	case s.age < s.due:
		return s.due - s.age
	case s.inFlight:
		return left
	}
	return min(left, max(s.delay, s.downIn))
}

// whileInFlight returns for how long a stale value may be read without another look: until the
// fetch under way ends, which expires the value at once; without a fetch, not at all.
func (p *policy) whileInFlight(s state) time.Duration {
	if s.inFlight {
		return p.fetchTimeout
	}
	return 0
}

// A kind says which fetch a caller asks for.
type kind int

const (
	read    kind = iota // one that makes the value good for a Get
	recent              // a forced one, or what another brought within MinRefreshInterval
	renewal             // a forced one that begins after the call
)

// announced returns how long it takes until the fetch that an event asks for may begin, since it
// passes no back-off. While a fetch is under way the result is never: the caller asks again after
// its end.
func (p *policy) announced(s state) time.Duration {
	if s.inFlight {
		return never
	}
	return max(0, s.delay, s.downIn, s.forcedIn)
}

// forced says what a caller of a forced refresh gets: the value (fresh), an error (refused),
// or a fetch to wait for (expired). If isDone, another caller's forced fetch began after the
// call and has ended.
func (p *policy) forced(s state, asks kind, isDone bool) ruling {
	rest := s.delay
	if asks == renewal && s.isRefusal {
		rest = min(rest, s.forcedDelay)
	}
	switch {
	case s.inFlight:
		return ruling{expired, 0, never}
	case isDone && s.failed:
		return ruling{refused, 0, never}
	case isDone && s.hasValue:
		return ruling{fresh, 0, never}
	case s.downIn > 0 && (asks == recent || s.isProbed):
		return ruling{refused, 0, s.downIn}
	case s.downIn > 0:
		return ruling{expired, 0, s.downIn} // waits for the next probe
	case s.failed && rest > 0:
		return ruling{refused, 0, rest}
	case asks == recent && s.failed && s.forcedIn > 0:
		return ruling{refused, 0, s.forcedIn}
	case asks == recent && s.forcedIn > 0 && s.hasValue && p.isGood(s.isInvalid, s.age):
		return ruling{fresh, 0, never}
	case asks == renewal:
		return ruling{expired, 0, s.forcedIn}
	}
	return ruling{expired, 0, s.renewIn}
}
