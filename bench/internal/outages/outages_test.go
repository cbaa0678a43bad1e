package outages_test

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/outages"
	"github.com/typedsecret/typedsecret/cache"
)

// TestAnOutageBreaksNoPromise: readers with a last good value get it, and soon; the service
// is asked at a pace; what the outage does not touch goes on; all is fresh again soon after.
func TestAnOutageBreaksNoPromise(t *testing.T) {
	plan := outages.Plan{Secrets: 12, Lasts: 8 * time.Minute, TTL: 3 * time.Minute, FetchTimeout: cache.DefaultFetchTimeout}
	for _, o := range outages.All() {
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, err := outages.Play(t, o, outages.Ours, plan)
				if err != nil {
					t.Fatal(err)
				}
				for _, broken := range o.Broken(plan, r) {
					t.Error(broken)
				}
				if r.Touched.Calls == 0 || r.Touched.Warm.Reads == 0 || r.Touched.Cold.Reads == 0 || r.Spared.Warm.Reads == 0 != (o.Rest == "") {
					t.Errorf("too little was played: %+v", r)
				}
			})
		})
	}
}

// TestBrokenPromisesAreFound in what AWS's client shows, which makes none of them.
func TestBrokenPromisesAreFound(t *testing.T) {
	plan := outages.Plan{Secrets: 8, Lasts: 7 * time.Minute, TTL: 3 * time.Minute, FetchTimeout: cache.DefaultFetchTimeout}
	for _, o := range outages.All() {
		if !o.CanPlay(outages.AWS) || o.Name == "fails for 3 s, answers for 3 s" {
			continue
		}
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, err := outages.Play(t, o, outages.AWS, plan)
				if err != nil {
					t.Fatal(err)
				}
				if len(o.Broken(plan, r)) == 0 {
					t.Errorf("nothing was found: %+v", r)
				}
			})
		})
	}
}

// TestThePageHasTheTable that the command prints: its head, and the names of its rows.
func TestThePageHasTheTable(t *testing.T) {
	text, err := os.ReadFile("../../../docs/outages.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []outages.Row
	for _, o := range outages.All() {
		rows = append(rows, outages.Row{Outage: o})
	}
	page := string(text)
	for i, line := range strings.Split(strings.TrimSpace(outages.Table(rows, outages.Plan{Lasts: time.Hour})), "\n") {
		cells := strings.Split(line, "|")
		want := "\n| " + strings.TrimSpace(cells[1]) + " |"
		if i == 0 {
			want = "\n|"
			for _, cell := range cells[1 : len(cells)-1] {
				want += " " + strings.TrimSpace(cell) + " |"
			}
		}
		_, rest, found := strings.Cut(page, want)
		if i == 1 { // the rule
			continue
		}
		if !found {
			t.Errorf("docs/outages.md has no row %s after the one before; run go run ./cmd/outages", want)
			continue
		}
		page = rest
	}
}
