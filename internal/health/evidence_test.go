package health_test

import (
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/health"
)

// start is some instant.
const start health.Instant = time.Hour

// A request of a table: it begins and ends at these seconds.
type request struct {
	key        string
	from, till int
	kind       health.Kind
	since      int // when the Ref began to fail, in seconds; 0: it does not
	batch      bool
	purpose    health.Purpose
	unasked    bool // it is made with no Permit
}

const (
	nothing = health.Nothing
	cant    = health.CantAnswer
	much    = health.TooMuch
	no      = health.Refused
	ok      = health.Answered
)

func at(second int) health.Instant { return start + time.Duration(second)*time.Second }

// play has all requests begin and end in the order of their times, of two at a time the end
// first, and returns the index of the request that brought the source down, or -1.
func play(t *testing.T, h *health.Health, requests []request) int {
	t.Helper()
	permits := make([]health.Permit, len(requests))
	for second := range 1000 {
		for i, r := range requests {
			if r.till == second && r.from < second && h.Report(at(second), permits[i], r.kind) == health.WentDown {
				return i
			}
		}
		for i, r := range requests {
			if r.from != second {
				continue
			}
			if !r.unasked {
				w := health.Want{Key: r.key, Purpose: r.purpose, Batch: r.batch}
				if r.since != 0 {
					w.Since = at(r.since)
				}
				if permits[i] = h.Ask(at(second), w); permits[i].Verdict != health.Go {
					t.Fatalf("request %d: %+v", i, permits[i])
				}
			}
			if r.till == second && h.Report(at(second), permits[i], r.kind) == health.WentDown {
				return i
			}
		}
	}
	return -1
}

func TestEvidence(t *testing.T) {
	for name, c := range map[string]struct {
		requests []request
		down     int // the request that brings the source down; -1: none
	}{
		"two Refs":                                   {[]request{{key: "a", from: 1, till: 1, kind: ok}, {key: "b", from: 1, till: 1, kind: ok}, {key: "a", from: 2, till: 3, kind: cant}, {key: "b", from: 3, till: 4, kind: cant}}, 3},
		"two Refs, at a start":                       {[]request{{key: "a", from: 1, till: 2, kind: cant}, {key: "b", from: 1, till: 2, kind: cant}}, 1},
		"one of several, again and again":            {[]request{{key: "a", from: 1, till: 1, kind: ok}, {key: "b", from: 1, till: 1, kind: ok}, {key: "a", from: 2, till: 3, kind: cant}, {key: "a", from: 4, till: 5, kind: cant, since: 3}, {key: "a", from: 6, till: 7, kind: cant, since: 3}}, -1},
		"the only one":                               {[]request{{key: "a", from: 1, till: 1, kind: ok}, {key: "a", from: 2, till: 3, kind: cant}, {key: "a", from: 4, till: 5, kind: cant, since: 3}}, 2},
		"the only one, at a start":                   {[]request{{key: "a", from: 1, till: 2, kind: cant}, {key: "a", from: 3, till: 4, kind: cant, since: 2}}, 1},
		"the only one, beside a typo":                {[]request{{key: "a", from: 1, till: 1, kind: ok}, {key: "typo", from: 2, till: 2, kind: no, purpose: health.New}, {key: "a", from: 3, till: 4, kind: cant}, {key: "a", from: 5, till: 6, kind: cant, since: 4}}, 3},
		"the first of several, at a start":           {[]request{{key: "a", from: 1, till: 2, kind: cant}, {key: "b", from: 3, till: 4, kind: ok}, {key: "a", from: 5, till: 6, kind: cant, since: 2}}, -1},
		"the only ID that nothing vouches for":       {[]request{{key: "a", from: 1, till: 2, kind: cant, purpose: health.New}, {key: "a", from: 3, till: 4, kind: cant, purpose: health.New, since: 2}}, -1},
		"two IDs, at a start":                        {[]request{{key: "a", from: 1, till: 2, kind: cant, purpose: health.New}, {key: "b", from: 2, till: 3, kind: cant, purpose: health.New}}, 1},
		"a success between":                          {[]request{{key: "a", from: 1, till: 2, kind: cant}, {key: "c", from: 2, till: 3, kind: ok}, {key: "b", from: 4, till: 5, kind: cant}}, -1},
		"a refusal between, which is an answer":      {[]request{{key: "a", from: 1, till: 2, kind: cant}, {key: "c", from: 2, till: 3, kind: no}, {key: "b", from: 4, till: 5, kind: cant}}, -1},
		"throttling between, which is none":          {[]request{{key: "a", from: 1, till: 2, kind: cant}, {key: "c", from: 2, till: 3, kind: much}, {key: "b", from: 4, till: 5, kind: cant}}, 2},
		"one that was cancelled between":             {[]request{{key: "a", from: 1, till: 2, kind: cant}, {key: "c", from: 2, till: 3, kind: nothing}, {key: "b", from: 4, till: 5, kind: cant}}, 2},
		"throttling of all":                          {[]request{{key: "a", from: 1, till: 2, kind: much}, {key: "b", from: 5, till: 6, kind: much}, {key: "c", from: 10, till: 11, kind: much}}, -1},
		"refusals of all":                            {[]request{{key: "a", from: 1, till: 2, kind: no}, {key: "b", from: 2, till: 3, kind: no}, {key: "c", from: 3, till: 4, kind: no}}, -1},
		"cancelled, all":                             {[]request{{key: "a", from: 1, till: 2, kind: nothing}, {key: "b", from: 2, till: 3, kind: nothing}}, -1},
		"a batch":                                    {[]request{{key: "a", from: 1, till: 2, kind: cant, batch: true}}, -1},
		"a batch, twice":                             {[]request{{key: "a", from: 1, till: 2, kind: cant, batch: true}, {key: "a", from: 3, till: 4, kind: cant, batch: true}}, -1},
		"a batch, and another Ref":                   {[]request{{key: "a", from: 1, till: 2, kind: cant, batch: true}, {key: "d", from: 3, till: 4, kind: cant}}, 1},
		"one that began before another was answered": {[]request{{key: "a", from: 1, till: 11, kind: cant}, {key: "b", from: 1, till: 11, kind: cant}, {key: "c", from: 5, till: 6, kind: ok}}, -1},
		"Refs that fail while others are answered": {[]request{
			{key: "c", from: 1, till: 1, kind: ok},
			{key: "a", from: 1, till: 2, kind: cant},
			{key: "c", from: 3, till: 4, kind: ok},
			{key: "b", from: 4, till: 5, kind: cant},
			{key: "c", from: 6, till: 7, kind: ok},
			{key: "a", from: 8, till: 9, kind: cant, since: 2},
			{key: "b", from: 8, till: 9, kind: cant, since: 5},
		}, -1},
		"one that fails on, and one that was good": {[]request{
			{key: "a", from: 1, till: 2, kind: cant},
			{key: "b", from: 3, till: 4, kind: ok},
			{key: "c", from: 3, till: 4, kind: ok},
			{key: "a", from: 5, till: 6, kind: cant, since: 2},
			{key: "b", from: 6, till: 7, kind: cant},
			{key: "c", from: 8, till: 9, kind: cant},
		}, 5},
		"made without asking": {[]request{{key: "a", from: 1, till: 2, kind: cant, unasked: true}, {key: "b", from: 2, till: 3, kind: cant, unasked: true}}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			if down := play(t, &health.Health{}, c.requests); down != c.down {
				t.Errorf("request %d brings the source down, want %d", down, c.down)
			}
		})
	}
}

// wentDown returns a Health that went down, at start.
func wentDown(t *testing.T) *health.Health {
	t.Helper()
	h := &health.Health{}
	for _, key := range []string{"a", "b"} {
		h.Report(start, ask(t, h, start, health.Want{Key: key}, health.Go), health.CantAnswer)
	}
	if since, is := h.Down(); !is || since != start {
		t.Fatal("not down")
	}
	return h
}

// ask is Ask, whose Verdict it checks.
func ask(t *testing.T, h *health.Health, now health.Instant, w health.Want, want health.Verdict) health.Permit {
	t.Helper()
	p := h.Ask(now, w)
	if p.Verdict != want {
		t.Fatalf("%v after the start, %+v has the verdict %d, want %d: %+v", now-start, w, p.Verdict, want, p)
	}
	if (p.In > 0) != (want == health.Later || want == health.Down) {
		t.Fatalf("%v after the start, %+v is to wait for %v: %+v", now-start, w, p.In, p)
	}
	return p
}
