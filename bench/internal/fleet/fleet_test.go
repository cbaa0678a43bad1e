package fleet_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/fleet"
)

func play(t *testing.T, n int) (records []*fleet.Record) {
	for _, p := range fleet.Policies() {
		synctest.Test(t, func(*testing.T) { records = append(records, fleet.Play(p, n)) })
	}
	return records
}

func TestASmallFleetKeepsToWhatIsPromised(t *testing.T) {
	records := play(t, 100)
	ours := records[0]
	for _, s := range ours.Seconds {
		if s.Calls > fleet.Quota {
			t.Errorf("%d calls in a second", s.Calls)
		}
	}
	if ours.Outage.Most > time.Minute || ours.Outage.All > time.Minute+5*time.Second {
		t.Errorf("recovered after %+v", ours.Outage)
	}
	for _, r := range records {
		if len(r.Ready) != 100 || len(r.Staleness)+r.Unseen != 100 || r.Unseen != 0 {
			t.Errorf("%s: %d processes ready, %d saw the rotation", r.Policy, len(r.Ready), len(r.Staleness))
		}
		for i := range r.Ready {
			if r.Ready[i] == 0 || r.Staleness[i] <= 0 || r.Staleness[i] > time.Hour+time.Minute {
				t.Errorf("%s: process %d was ready after %v and saw the rotation after %v", r.Policy, i, r.Ready[i], r.Staleness[i])
			}
		}
	}
	if ours.Refused == nil || records[1].Refused != nil {
		t.Error("only ours has something for a login that is refused")
	}
	for _, took := range ours.Refused {
		if took > 15*time.Second {
			t.Errorf("a login with the new password after %v", took)
		}
	}
	for _, p := range fleet.Plots() {
		checkXML(t, p.File, string(p.SVG(records)))
	}
	text := fleet.Table(records) + fleet.Refusals(records) + fleet.Reasons(records)
	for _, want := range []string{"typedsecret", "AWS caching client for Go", "outage of 1 h", "Secret.Do", "better"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if targets := fleet.Targets(records); len(targets) < 4 {
		t.Errorf("only %d targets were judged", len(targets))
	}
}

func checkXML(t *testing.T, name, text string) {
	t.Helper()
	for dec := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

func TestPeakToMeanIsThatOfAMinute(t *testing.T) {
	r := &fleet.Record{Seconds: make([]fleet.Second, 180)}
	for i := range r.Seconds {
		r.Seconds[i].Calls = 1
	}
	r.Seconds[0].Calls = 61 // 120 in the first minute, 60 in each other
	if got := r.PeakToMean(0, 3*time.Minute); got != 1.5 {
		t.Errorf("got %v, want 1.5", got)
	}
}
