package health_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/health"
)

// A sim is a cache over a source, reduced to what it needs a Health for: entries with a TTL
// and a back-off, 64 places, and for each backend a queue of known Refs and one of new ones.
// Its time goes by milliseconds.
type sim struct {
	t       *testing.T
	now     health.Instant
	ttl     time.Duration
	set     health.Set
	backend func(*entry) string
	// source says how long a request takes and how it ends.
	source func(now health.Instant, e *entry) (time.Duration, health.Kind)

	entries  []*entry
	byKey    map[string]*entry
	queues   map[*health.Health]*queues
	requests int
	ends     map[health.Instant][]underWay
	calls    []call
	wentDown int
	reads    int
	stale    int // reads of a value past its TTL
}

type queues struct{ known, fresh []*entry }

type call struct {
	at  health.Instant
	key string
}

type underWay struct {
	e    *entry
	p    health.Permit
	kind health.Kind
}

type entry struct {
	key     string
	isNew   bool
	fetched health.Instant // 0: no value
	due     time.Duration
	busy    bool // queued, or under way
	oldest  time.Duration

	tried, since, first health.Instant
	rests               health.Instant // until when its back-off lasts
	count               int
	isRefused           bool
}

const fetchTimeout = 10 * time.Second

func newSim(t *testing.T, ttl time.Duration, known, fresh int) *sim {
	s := &sim{
		t: t, now: start, ttl: ttl, byKey: map[string]*entry{}, queues: map[*health.Health]*queues{},
		ends:    map[health.Instant][]underWay{},
		backend: func(*entry) string { return "" },
		source: func(health.Instant, *entry) (time.Duration, health.Kind) {
			return 20 * time.Millisecond, health.Answered
		},
	}
	for i := range known + fresh {
		e := &entry{key: fmt.Sprint(i), isNew: i >= known}
		s.entries = append(s.entries, e)
		s.byKey[e.key] = e
	}
	return s
}

// have gives every known entry a value, of an age drawn from the TTL.
func (s *sim) have() {
	for _, e := range s.entries {
		if !e.isNew {
			s.publish(e)
			e.fetched -= rand.N(e.due)
		}
	}
	h := s.set.Of("")
	for _, e := range s.entries[:2] { // as if they had been fetched
		h.Report(s.now, h.Ask(s.now, health.Want{Key: e.key}), health.Answered)
	}
}

// run reads every entry once in that interval, evenly spread, until so much time has passed.
func (s *sim) run(d, interval time.Duration) {
	for end := s.now + d; s.now < end; s.now += time.Millisecond {
		for _, r := range s.ends[s.now] {
			s.end(r)
		}
		delete(s.ends, s.now)
		for h, q := range s.queues {
			s.pump(h, q)
		}
		at := int(s.now % interval / time.Millisecond)
		n, slots := len(s.entries), int(interval/time.Millisecond)
		for _, e := range s.entries[at*n/slots : (at+1)*n/slots] {
			s.read(e)
		}
	}
}

// read is a read of e: it begins the fetch that is due, or queues it.
func (s *sim) read(e *entry) {
	age := s.now - e.fetched
	hasValue := e.fetched != 0
	s.reads++
	if hasValue {
		e.oldest = max(e.oldest, age)
		if age >= s.ttl {
			s.stale++
		}
	}
	if hasValue && age < e.due || e.busy {
		return
	}
	h := s.set.Of(s.backend(e))
	_, down := h.Down()
	if s.now < e.rests && (e.isRefused || !down && !h.Forgives(e.tried)) {
		return
	}
	if down {
		if p := h.Ask(s.now, s.want(e)); p.Verdict == health.Probe {
			s.begin(e, p)
		} else if other := s.byKey[p.Next]; other != nil && !other.busy {
			if p := h.Ask(s.now, s.want(other)); p.Verdict == health.Probe {
				s.begin(other, p)
			}
		}
		return
	}
	q := s.queues[h]
	if q == nil {
		q = &queues{}
		s.queues[h] = q
	}
	e.busy = true
	if e.isNew && !hasValue {
		q.fresh = append(q.fresh, e)
	} else {
		q.known = append(q.known, e)
	}
	s.pump(h, q)
}

func (s *sim) want(e *entry) health.Want {
	w := health.Want{Key: e.key, Since: e.since, Tried: e.tried}
	switch {
	case e.fetched == 0 && e.isNew:
		w.Purpose = health.New
	case e.fetched != 0 && s.now-e.fetched < s.ttl:
		w.Purpose = health.Ahead
	}
	return w
}

// pump begins what the places and the Health allow, known Refs first.
func (s *sim) pump(h *health.Health, q *queues) {
	for _, list := range []*[]*entry{&q.known, &q.fresh} {
		for len(*list) > 0 && s.requests < 64 {
			e := (*list)[0]
			p := h.Ask(s.now, s.want(e))
			if p.Verdict == health.Later {
				break
			}
			*list = (*list)[1:]
			if p.Verdict == health.Down {
				e.busy = false
				continue
			}
			s.begin(e, p)
		}
	}
}

func (s *sim) begin(e *entry, p health.Permit) {
	e.busy = true
	s.requests++
	s.calls = append(s.calls, call{s.now, e.key})
	took, kind := s.source(s.now, e)
	timeout := fetchTimeout
	if p.Verdict == health.Probe && p.Timeout != 0 {
		timeout = p.Timeout
	}
	if took > timeout {
		took, kind = timeout, health.CantAnswer
	}
	end := s.now + max(took, time.Millisecond)
	s.ends[end] = append(s.ends[end], underWay{e, p, kind})
}

func (s *sim) end(r underWay) {
	e, h := r.e, s.set.Of(s.backend(r.e))
	s.requests--
	e.busy = false
	if h.Report(s.now, r.p, r.kind) == health.WentDown {
		s.wentDown++
	}
	if r.kind == health.Answered {
		s.publish(e)
		return
	}
	if e.tried == 0 || h.Forgives(e.tried) || e.isRefused != (r.kind == health.Refused) {
		e.count, e.first = 0, s.now
	}
	e.tried, e.isRefused = s.now, r.kind == health.Refused
	switch {
	case e.isRefused:
		e.since = 0
	case e.since == 0:
		e.since = s.now
	}
	e.count++
	longest := 40 * time.Second
	if e.isRefused {
		longest = 5 * time.Minute
	}
	bound := min(time.Second<<min(e.count-1, 10), longest, time.Second+s.now-e.first)
	e.rests = s.now + bound/2 + rand.N(bound/2)
	if r.kind == health.Nothing {
		e.rests = s.now
	}
}

func (s *sim) publish(e *entry) {
	*e = entry{key: e.key, isNew: e.isNew, oldest: e.oldest, fetched: s.now, due: s.ttl*70/100 + rand.N(s.ttl*13/100)}
}

// oldest returns the greatest age of a value that was read since forget.
func (s *sim) oldest(of func(*entry) bool) (oldest time.Duration) {
	for _, e := range s.entries {
		if of(e) {
			if e.fetched == 0 {
				s.t.Errorf("%s was never fetched", e.key)
			}
			oldest = max(oldest, e.oldest)
		}
	}
	return oldest
}

func (s *sim) forget() {
	for _, e := range s.entries {
		e.oldest = 0
	}
}

// callsOf counts the calls for those entries since an instant.
func (s *sim) callsOf(since health.Instant, of func(key string) bool) (n int) {
	for _, c := range s.calls {
		if c.at >= since && of(c.key) {
			n++
		}
	}
	return n
}

func all[T any](T) bool { return true }
