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

func play(t *testing.T, n, quota int) (records []*fleet.Record) {
	for _, p := range fleet.Policies() {
		synctest.Test(t, func(*testing.T) { records = append(records, fleet.Play(p, n, quota)) })
	}
	return records
}

// TestASmallFleetKeepsToWhatIsPromised uses a fleet of 100 with a hundredth of the quota,
// in place of 10,000 with the whole quota.
func TestASmallFleetKeepsToWhatIsPromised(t *testing.T) {
	const n, quota = 100, fleet.Quota / 100
	records := play(t, n, quota)
	ours, aws, fixed := records[0], records[1], records[2]
	const outage, throttling = 29 * 60 * 60, 33 * 60 * 60
	for i, s := range ours.Seconds[outage:throttling] {
		if s.Calls > quota || s.Refused > 0 {
			t.Errorf("%d calls %d s after the outage began", s.Calls, i)
		}
	}
	if o := ours.Outage; o.Failing != n*fleet.Secrets || o.Most > time.Minute || o.All > time.Minute+5*time.Second {
		t.Errorf("recovered after %+v", o)
	}
	for _, r := range records {
		if len(r.Ready) != n || len(r.Staleness) != n*fleet.Rotations || r.Unseen != 0 {
			t.Errorf("%s: %d processes ready, %d rotations seen and %d not", r.Policy, len(r.Ready), len(r.Staleness), r.Unseen)
		}
		for _, ready := range r.Ready {
			if ready <= 0 {
				t.Errorf("%s: a process was ready after %v", r.Policy, ready)
			}
		}
		for _, stale := range r.Staleness {
			if stale <= 0 || stale > time.Hour+time.Minute {
				t.Errorf("%s: a process saw the rotation after %v", r.Policy, stale)
			}
		}
	}
	checkLogins(t, ours, aws, fixed)
	for _, p := range fleet.Plots() {
		checkXML(t, p.File, string(p.SVG(records)))
	}
	text := fleet.Table(records) + fleet.Summary(records)
	for _, want := range []string{"typedsecret", "AWS caching client for Go", "outage of 1 h", "verdict", "target of", "better", "Targets met"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

func checkLogins(t *testing.T, ours, aws, fixed *fleet.Record) {
	t.Helper()
	for _, took := range ours.Refused {
		if took > 15*time.Second {
			t.Errorf("a login with the new password after %v", took)
		}
	}
	for _, took := range aws.Refused { // AWS's client sleeps for at most five seconds before a call
		if took > 20*time.Second {
			t.Errorf("AWS's client: a login with the new password after %v", took)
		}
	}
	if len(ours.Refused) != ours.Processes || len(aws.Refused) != aws.Processes || fixed.Refused != nil {
		t.Error("a fixed interval has nothing for a login that is refused, and the others have")
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
