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
	fails      int // since when the Ref fails, in seconds; 0: it does not
	batch      bool
	purpose    health.Purpose
	isUnasked  bool // it is made with no Permit
}

func on(key string, from, till int, kind health.Kind) request {
	return request{key: key, from: from, till: till, kind: kind}
}

func (r request) since(second int) request { r.fails = second; return r }
func (r request) ofBatch() request         { r.batch = true; return r }
func (r request) ofNew() request           { r.purpose = health.New; return r }
func (r request) unasked() request         { r.isUnasked = true; return r }

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
			if !r.isUnasked {
				w := health.Want{Key: r.key, Purpose: r.purpose, Batch: r.batch}
				if r.fails != 0 {
					w.Since = at(r.fails)
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
		"two Refs":                                   {[]request{on("a", 1, 1, ok), on("b", 1, 1, ok), on("a", 2, 3, cant), on("b", 3, 4, cant)}, 3},
		"two Refs, at a start":                       {[]request{on("a", 1, 2, cant), on("b", 1, 2, cant)}, 1},
		"one of several, again and again":            {[]request{on("a", 1, 1, ok), on("b", 1, 1, ok), on("a", 2, 3, cant), on("a", 4, 5, cant).since(3), on("a", 6, 7, cant).since(3)}, -1},
		"the only one":                               {[]request{on("a", 1, 1, ok), on("a", 2, 3, cant), on("a", 4, 5, cant).since(3)}, 2},
		"the only one, at a start":                   {[]request{on("a", 1, 2, cant), on("a", 3, 4, cant).since(2)}, 1},
		"the only one, beside a typo":                {[]request{on("a", 1, 1, ok), on("typo", 2, 2, no).ofNew(), on("a", 3, 4, cant), on("a", 5, 6, cant).since(4)}, 3},
		"the first of several, at a start":           {[]request{on("a", 1, 2, cant), on("b", 3, 4, ok), on("a", 5, 6, cant).since(2)}, -1},
		"the only ID that nothing vouches for":       {[]request{on("a", 1, 2, cant).ofNew(), on("a", 3, 4, cant).ofNew().since(2)}, -1},
		"two IDs, at a start":                        {[]request{on("a", 1, 2, cant).ofNew(), on("b", 2, 3, cant).ofNew()}, 1},
		"a success between":                          {[]request{on("a", 1, 2, cant), on("c", 2, 3, ok), on("b", 4, 5, cant)}, -1},
		"a refusal between, which is an answer":      {[]request{on("a", 1, 2, cant), on("c", 2, 3, no), on("b", 4, 5, cant)}, -1},
		"throttling between, which is none":          {[]request{on("a", 1, 2, cant), on("c", 2, 3, much), on("b", 4, 5, cant)}, 2},
		"one that was cancelled between":             {[]request{on("a", 1, 2, cant), on("c", 2, 3, nothing), on("b", 4, 5, cant)}, 2},
		"throttling of all":                          {[]request{on("a", 1, 2, much), on("b", 5, 6, much), on("c", 10, 11, much)}, -1},
		"refusals of all":                            {[]request{on("a", 1, 2, no), on("b", 2, 3, no), on("c", 3, 4, no)}, -1},
		"cancelled, all":                             {[]request{on("a", 1, 2, nothing), on("b", 2, 3, nothing)}, -1},
		"a batch":                                    {[]request{on("a", 1, 2, cant).ofBatch()}, -1},
		"two batches, each of several Refs":          {[]request{on("a", 1, 2, cant).ofBatch(), on("a", 3, 4, cant).ofBatch()}, 1},
		"a batch, and another Ref":                   {[]request{on("a", 1, 2, cant).ofBatch(), on("d", 3, 4, cant)}, 1},
		"one that began before another was answered": {[]request{on("a", 1, 11, cant), on("b", 1, 11, cant), on("c", 5, 6, ok)}, -1},
		"Refs that fail while others are answered": {[]request{
			on("c", 1, 1, ok),
			on("a", 1, 2, cant),
			on("c", 3, 4, ok),
			on("b", 4, 5, cant),
			on("c", 6, 7, ok),
			on("a", 8, 9, cant).since(2),
			on("b", 8, 9, cant).since(5),
		}, -1},
		"one that fails on, and one that was good": {[]request{
			on("a", 1, 2, cant),
			on("b", 3, 4, ok),
			on("c", 3, 4, ok),
			on("a", 5, 6, cant).since(2),
			on("b", 6, 7, cant),
			on("c", 8, 9, cant),
		}, 5},
		"made without asking": {[]request{on("a", 1, 2, cant).unasked(), on("b", 2, 3, cant).unasked()}, -1},
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
