package engine_test

import (
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
)

// A model is what a user may expect of a cache, by its documentation: one
// goroutine, fetches that take no time, a fixed back-off, no StaleIfError.
type model struct {
	ttl, minRefresh time.Duration
	backoff         backoff.Policy
	ahead           bool
	size            int
	exact           bool // each read takes the lock (CheckClock), so the LRU order is exact

	now     time.Duration
	closed  bool
	secrets map[string]*remembered
	order   []string // IDs of those that have a value, the youngest last
}

// remembered is what there is of one secret.
type remembered struct {
	version   string // empty: no value
	at        time.Duration
	invalid   bool // Invalidate was called since the last success
	wanted    bool // and since the last fetch that the source answered
	inStep    bool // it was not fetched in the background while young
	failures  int
	firstAt   time.Duration // when the first of them was
	refused   bool          // the last failure was no outage
	forcing   bool          // a forced fetch was asked for since the last success
	asked     int           // how many Refresh or Invalidate asked for
	askedAt   time.Duration // when the last of these began
	tried     bool          // a failure came after the value's end
	retryAt   time.Duration // if failures > 0
	forcedAt  time.Duration // when the last forced fetch began; -1: never
	renewedAt time.Duration // when the last one began that Invalidate asked for; -1: never
}

// An expectation is what one operation may do.
type expectation struct {
	waits              time.Duration // for the end of MinRefreshInterval
	minCalls, maxCalls int
	values             []string // one of these; empty: an error
}

// get says what a Get gets; there is what the source would answer, empty for an
// error.
func (m *model) get(id, there string) expectation {
	r := m.of(id)
	resting := r.failures > 0 && m.now < r.retryAt && !(r.wanted && m.passes(r))
	switch age := m.now - r.at; {
	case r.version == "" && resting:
		return expectation{}
	case r.version == "":
		return expectation{0, 1, 1, answers(there)}
	case !r.invalid && age < m.ttl:
		e := expectation{0, 0, 0, answers(r.version)}
		earliest := m.ttl / 10 * 7
		if r.inStep {
			earliest = m.ttl / 60
		}
		if m.ahead && age >= earliest && !resting {
			e.maxCalls = 1
		}
		return e
	case resting:
		return expectation{0, 0, 0, answers(r.version)}
	case r.tried: // the fetch may be in the background
		return expectation{0, 1, 1, answers(there, r.version)}
	}
	e := expectation{0, 1, 1, answers(there)}
	if there == "" {
		e.values = answers(r.version)
	}
	if r.invalid && r.failures == 0 {
		e.waits = m.untilEndOf(r.renewedAt)
	}
	return e
}

// refresh says what a Refresh gets.
func (m *model) refresh(id, there string) expectation {
	r := m.of(id)
	switch {
	case r.failures > 0 && m.now < r.retryAt && !m.passes(r):
		r.forcing = true
		return expectation{}
	default:
		return expectation{m.untilEndOf(r.forcedAt), 1, 1, answers(there)}
	}
}

// passes reports whether the user's own fetches pass the back-off: that of a refusal, once
// in 1, 2, 4 … 30 s.
func (m *model) passes(r *remembered) bool {
	own := time.Duration(0)
	if r.asked > 0 {
		own = min(time.Second<<min(r.asked-1, 10), 30*time.Second)
	}
	return r.refused && (r.asked == 0 || m.now >= r.askedAt+own)
}

func (m *model) invalidate(id string) {
	r := m.of(id)
	r.invalid, r.wanted, r.tried = true, true, false
	m.secrets[id] = r
}

// fetched has the model know of a fetch, and returns which secret is evicted.
func (m *model) fetched(id, there string, forced, isOutage bool) (evicted string) {
	r := m.of(id)
	m.secrets[id] = r
	isOwn := forced || r.wanted
	forced = forced || r.invalid || r.forcing
	if forced {
		r.forcedAt = m.now
	}
	if r.invalid {
		r.renewedAt = m.now
	}
	if there == "" {
		r.tried = r.invalid || m.now-r.at >= m.ttl
		if r.failures == 0 {
			r.firstAt = m.now
		}
		r.failures++
		r.retryAt = m.now + m.backoff.DelayAfter(r.failures, m.now-r.firstAt)
		r.refused, r.forcing = !isOutage, forced
		if isOwn {
			r.asked++
			r.askedAt = m.now
		}
		r.wanted = r.wanted && isOutage
		return ""
	}
	if r.version == "" && len(m.order) == m.size {
		evicted = m.order[0]
	}
	r.inStep = r.version == "" || forced || r.failures > 0 || m.now-r.at >= m.ttl
	r.version, r.at, r.invalid, r.failures, r.tried = there, m.now, false, 0, false
	r.wanted, r.refused, r.forcing, r.asked = false, false, false, 0
	return evicted
}

// read notes a use.
func (m *model) read(id string) {
	m.order = append(without(m.order, id), id)
}

// evict drops a value; failures and Invalidate are remembered.
func (m *model) evict(id string) {
	m.order = without(m.order, id)
	r := m.secrets[id]
	r.version = ""
	if r.failures == 0 && !r.invalid {
		delete(m.secrets, id)
	}
}

func (m *model) of(id string) *remembered {
	if r, ok := m.secrets[id]; ok {
		return r
	}
	return &remembered{forcedAt: -1, renewedAt: -1}
}

// untilEndOf returns what is left of the MinRefreshInterval after a fetch.
func (m *model) untilEndOf(fetch time.Duration) time.Duration {
	if fetch < 0 {
		return 0
	}
	return max(0, fetch+m.minRefresh-m.now)
}

func answers(versions ...string) []string {
	return slices.DeleteFunc(versions, func(v string) bool { return v == "" })
}

func without(ids []string, id string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(s string) bool { return s == id })
}
