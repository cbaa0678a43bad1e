package health_test

import (
	"slices"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/health"
	"github.com/typedsecret/typedsecret/internal/world"
)

// begin begins as many requests as the pace allows in that time, and returns how many that
// are in each second.
func begin(t *testing.T, h *health.Health, from health.Instant, seconds int, end func(health.Instant, health.Permit)) []int {
	t.Helper()
	counts := make([]int, seconds)
	keys, n := []string{"x", "y"}, 0
	for now := from; now < from+time.Duration(seconds)*time.Second; now += time.Millisecond {
		for {
			n++
			p := h.Ask(now, health.Want{Key: keys[n%2]})
			if p.Verdict == health.Later {
				break
			}
			if counts[(now-from)/time.Second]++; counts[(now-from)/time.Second] > 10_000 {
				break
			}
			end(now, p)
		}
	}
	return counts
}

// cameBack returns a Health whose outage of that length has just ended.
func cameBack(t *testing.T, outage time.Duration) (*health.Health, health.Instant) {
	t.Helper()
	h, now := wentDown(t), start+outage
	if h.Report(now, ask(t, h, now, health.Want{Key: "a"}, health.Probe), health.Answered) != health.CameBack {
		t.Fatal("not back")
	}
	return h, now
}

// noChance makes each draw the least there is.
func noChance(t *testing.T) {
	t.Helper()
	t.Cleanup(world.Simulate(&world.Simulation{Chance: func() uint64 { return 0 }}))
}

func TestThePaceDoublesUntilItEnds(t *testing.T) {
	noChance(t)
	h, now := cameBack(t, time.Hour)
	counts := begin(t, h, now, 8, func(now health.Instant, p health.Permit) { h.Report(now, p, health.Answered) })
	for i, want := range []int{10, 20, 40, 80, 160, 320, 640} {
		if got := counts[i]; got < want-1 || got > want+want/8+1 {
			t.Errorf("%d requests in second %d, want %d", got, i+1, want)
		}
	}
	if counts[7] < 5000 {
		t.Errorf("the pace goes on: %d", counts[7])
	}
}

func TestThePaceIsHalvedByThrottling(t *testing.T) {
	noChance(t)
	h, now := cameBack(t, time.Hour)
	counts := begin(t, h, now, 60, func(now health.Instant, p health.Permit) { h.Report(now, p, health.TooMuch) })
	if counts[0] < 2 || counts[0] > 4 {
		t.Errorf("%d requests in the first second", counts[0])
	}
	if slices.Max(counts[1:]) > 2 || slices.Min(counts[1:]) < 1 {
		t.Errorf("not 1 or 2 requests a second: %v", counts)
	}
}

// TestThrottlingBeginsAPace, once for all requests that were under way.
func TestThrottlingBeginsAPace(t *testing.T) {
	h := &health.Health{}
	var under []health.Permit
	for i := range 64 {
		under = append(under, ask(t, h, start, health.Want{Key: string(rune('a' + i))}, health.Go))
	}
	for _, p := range under {
		if change := h.Report(start+1, p, health.TooMuch); change != health.Same {
			t.Fatal(change)
		}
	}
	counts := begin(t, h, start+1, 2, func(now health.Instant, p health.Permit) { h.Report(now, p, health.Answered) })
	if counts[0] < 9 || counts[0] > 11 || counts[1] < 19 || counts[1] > 22 {
		t.Errorf("a pace of %v", counts)
	}
	if _, down := h.Down(); down {
		t.Error("throttling brings the source down")
	}
}

// TestOneThrottledRefSlowsNoOther: its KMS key may be throttled alone. A batch may not.
func TestOneThrottledRefSlowsNoOther(t *testing.T) {
	h := &health.Health{}
	for range 100 {
		h.Report(start, ask(t, h, start, health.Want{Key: "a"}, health.Go), health.TooMuch)
	}
	ask(t, h, start, health.Want{Key: "b"}, health.Go)
	h.Report(start, ask(t, h, start, health.Want{Key: "a", Batch: true}, health.Go), health.TooMuch)
	ask(t, h, start, health.Want{Key: "b"}, health.Later)
}

// TestYoungerKeepsItsSchedule, and what the user asks for is not held back.
func TestYoungerKeepsItsSchedule(t *testing.T) {
	h, now := cameBack(t, time.Hour)
	for range 100 {
		for _, purpose := range []health.Purpose{health.Ahead, health.Forced} {
			h.Report(now, ask(t, h, now, health.Want{Key: "a", Purpose: purpose}, health.Go), health.TooMuch)
		}
	}
	p := ask(t, h, now, health.Want{Key: "a"}, health.Later)
	if p.In > 6*time.Second {
		t.Errorf("it is to wait for %v", p.In)
	}
}

// TestAShortOutageHoldsNobodyBack: a service that was restarted, say.
func TestAShortOutageHoldsNobodyBack(t *testing.T) {
	for outage, most := range map[time.Duration]time.Duration{
		2 * time.Second: 200 * time.Millisecond, 10 * time.Second: time.Second, 24 * time.Hour: 5 * time.Second,
	} {
		for range 100 {
			h, now := cameBack(t, outage)
			if p := h.Ask(now, health.Want{Key: "a"}); p.In > most {
				t.Errorf("after an outage of %v, the first is to wait for %v", outage, p.In)
			}
		}
	}
}

func TestIDsThatDontExistAreAskedForAtARate(t *testing.T) {
	h := &health.Health{}
	type call struct {
		health.Permit
		ends health.Instant
	}
	var under []call
	var began []health.Instant
	for now := start; now < start+10*time.Second; now += time.Millisecond {
		under = slices.DeleteFunc(under, func(c call) bool {
			if c.ends > now {
				return false
			}
			h.Report(now, c.Permit, health.Refused)
			return true
		})
		for {
			p := h.Ask(now, health.Want{Key: "x", Purpose: health.New})
			if p.Verdict == health.Later {
				if p.In <= 0 || p.In > time.Second {
					t.Fatalf("%+v", p)
				}
				break
			}
			began = append(began, now)
			under = append(under, call{p, now + time.Duration(len(began)%7*50)*time.Millisecond})
		}
	}
	for i := range began {
		if j := i + 50; j < len(began) && began[j]-began[i] < time.Second {
			t.Fatalf("51 requests in %v", began[j]-began[i])
		}
	}
	if len(began) < 300 {
		t.Errorf("%d requests in 10 s", len(began))
	}
	ask(t, h, start+10*time.Second, health.Want{Key: "known"}, health.Go)
}

// TestIDsThatExistCostNothing: a start with 1,000 tenants.
func TestIDsThatExistCostNothing(t *testing.T) {
	h, now := &health.Health{}, start
	for range 20 {
		var under []health.Permit
		for range 50 {
			under = append(under, ask(t, h, now, health.Want{Key: "x", Purpose: health.New}, health.Go))
		}
		ask(t, h, now, health.Want{Key: "x", Purpose: health.New}, health.Later)
		now += 20 * time.Millisecond
		for _, p := range under {
			h.Report(now, p, health.Answered)
		}
	}
}
