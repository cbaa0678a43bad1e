package fleet

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/secret"
)

func TestRecoveryIsThatOfWhatWasFailing(t *testing.T) {
	seconds := func(n int, at ...time.Duration) (moments []time.Duration) {
		for range n - len(at) {
			moments = append(moments, time.Second)
		}
		for _, s := range at {
			moments = append(moments, s*time.Second)
		}
		return moments
	}
	for name, test := range map[string]struct {
		failing   int
		again     []time.Duration
		most, all time.Duration
	}{
		"none was":               {0, nil, 0, 0},
		"few of a large fleet":   {200, seconds(200, 5, 4, 3, 2), 3 * time.Second, 5 * time.Second},
		"fewer than a hundred":   {50, seconds(50, 2), 2 * time.Second, 2 * time.Second},
		"all of a sudden":        {200, seconds(200), time.Second, time.Second},
		"one in a hundred stays": {100, seconds(100, 3), time.Second, 3 * time.Second},
		"one for ever":           {100, seconds(99), time.Second, never},
		"two for ever":           {100, seconds(98), never, never},
	} {
		t.Run(name, func(t *testing.T) {
			if got := recovered(test.failing, test.again); got != (Recovery{Failing: test.failing, Most: test.most, All: test.all}) {
				t.Errorf("got %+v, want %v and %v", got, test.most, test.all)
			}
		})
	}
}

func TestASecretThatFailsAgainIsNotRecovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		region := newRegion(10)
		p := newProcess(region, fixedInterval, 0)
		fetch := func(k int, down bool) {
			region.set(func(r *Region) { r.down = down })
			p.fetch(t.Context(), p.ids[k])
			time.Sleep(time.Second - latency)
		}
		fetch(0, true)
		fetch(1, false)
		if failing, old := p.troubleEnds(); failing != 1 || old != 0 {
			t.Errorf("%d are failing and %d old, not the one whose last fetch failed", failing, old)
		}
		fetch(0, false)
		fetch(1, true) // this secret was not failing at the end of the trouble
		fetch(0, true)
		if again := p.again(nil); len(again) != 0 {
			t.Errorf("recovered at %v, but failing again", again)
		}
		fetch(0, false)
		fetch(0, false)
		fetch(1, false)
		if again := p.again(nil); len(again) != 1 || again[0] != 5*time.Second+latency {
			t.Errorf("recovered at %v, want the first fetch since it failed last", again)
		}
		time.Sleep(ttl)
		fetch(0, true)
		fetch(1, true)
		if failing, old := p.troubleEnds(); failing != 2 || old != 2 {
			t.Errorf("%d are failing, %d of them are older than the TTL", failing, old)
		}
	})
}

func TestAProcessThatNeverSeesTheRotationLowersNoMean(t *testing.T) {
	r := &Record{}
	r.noteSeen(2, rotationAt+time.Minute, 2, rotationAt)
	r.noteSeen(1, time.Second, 2, rotationAt)
	if len(r.Staleness) != 1 || mean(r.Staleness) != time.Minute || r.Unseen != 1 {
		t.Errorf("got %+v", r)
	}
	if got, want := r.meanStaleness(), (time.Minute+rotationEvery)/2; got != want {
		t.Errorf("the mean is %v, want %v: what is never seen takes at least until the next rotation", got, want)
	}
	if got := r.mostStaleness(); got != never {
		t.Errorf("the last process saw it after %v, but one never did", got)
	}
	if text := Table([]*Record{r, r}); !strings.Contains(text, "never saw it by the end") || !strings.Contains(text, "| never ") {
		t.Errorf("the table is\n%s", text)
	}
	for _, p := range Plots() {
		if svg := string(p.SVG([]*Record{r})); p.File == "stale.svg" && !strings.Contains(svg, "% of the processes") {
			t.Errorf("the plot of the rotation is %s", svg)
		}
	}
}

func TestAProcessThatNeverHasAllItsSecretsMakesNoDeployQuick(t *testing.T) {
	r := &Record{Processes: 2, Ready: []time.Duration{1500 * time.Millisecond}}
	if r.allReady() != never || r.deployed() != started {
		t.Errorf("ready after %v, counted until %v", r.allReady(), r.deployed())
	}
	r.Processes = 1
	if r.allReady() != 1500*time.Millisecond || r.deployed() != 2*time.Second {
		t.Errorf("ready after %v, counted until %v", r.allReady(), r.deployed())
	}
}

func TestTheVerdictIsThatOfTheFigures(t *testing.T) {
	value := func(r *Record) float64 { return float64(r.Unseen) }
	for want, unseen := range map[string][2]int{isBetter: {90, 100}, isAlike: {99, 100}, isWorse: {110, 100}} {
		records := []*Record{{Unseen: unseen[0]}, {Unseen: unseen[1]}}
		if got := (row{value: value}).verdict(records); got != want {
			t.Errorf("%v beside %v: %s", unseen[0], unseen[1], got)
		}
		if got := (row{value: value, fact: true}).verdict(records); got != "" {
			t.Errorf("a fact is judged as %s", got)
		}
	}
	zero := []*Record{{}, {}}
	if got := (row{value: value}).verdict(zero); got != isAlike {
		t.Errorf("none and none: %s", got)
	}
	records := []*Record{{Unseen: 1}, {Unseen: 2}}
	none := row{value: constant(math.NaN()), show: number}
	if got := none.verdict(records); got != "" {
		t.Errorf("what no policy has is judged as %s", got)
	}
	for limit, want := range map[float64]string{1: "target of 1 met; better", 0: "target of 0 **missed**; better"} {
		if got := (row{value: value, show: number, limit: constant(limit)}).verdict(records); got != want {
			t.Errorf("1 beside 2 and a limit of %v: %q, want %q", limit, got, want)
		}
	}
}

func TestOnlyTheSharedSecretIsRotated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		region := newRegion(10)
		region.set(func(r *Region) { r.version++ })
		p := newProcess(region, fixedInterval, 0)
		for k, want := range []int{2, 1, 1} {
			if version, err := p.fetch(t.Context(), p.ids[k]); version != want || err != nil {
				t.Errorf("%s has version %d, want %d (error %v)", p.ids[k], version, want, err)
			}
		}
	})
}

func TestAQuotaBelowOneLetsACallPassNowAndThen(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		region := newRegion(1)
		region.set(func(r *Region) { r.quota = left(500) }) // 0.25
		passed := 0
		for range 100 {
			_, err := region.call(context.Background(), shared)
			if err == nil {
				passed++
			} else if !errors.Is(err, secret.ErrThrottled) {
				t.Error(err)
			}
			time.Sleep(time.Second - latency)
		}
		if passed != 25 {
			t.Errorf("%d of 100 passed in as many seconds, want 25", passed)
		}
	})
}

func TestChanceIsThatOfPoisson(t *testing.T) {
	// The highest of 1,440 draws with a mean of 33 is about 3.3 deviations above it.
	if got := chance(33, 1440); got < 1.5 || got > 1.7 {
		t.Errorf("got %v", got)
	}
	if got := chance(663, 1440); got < 1.1 || got > 1.16 {
		t.Errorf("got %v", got)
	}
}

func TestRetriesDoNotWaitForAnEndOfTheDeploy(t *testing.T) {
	r := &Record{Processes: 1, Ready: []time.Duration{2*time.Minute + time.Second}, Seconds: make([]Second, 600)}
	r.Seconds[0], r.Seconds[121] = Second{3, 2}, Second{2, 0}
	for _, row := range deployRows()[:3] {
		want := map[string]float64{"calls": 5, "peak,": 3}[strings.Fields(strings.TrimPrefix(row.name, "deploy of all at once: "))[0]]
		if strings.Contains(row.name, "refused") {
			want = 2
		}
		if got := row.value(r); got != want {
			t.Errorf("%s: %v, want %v", row.name, got, want)
		}
	}
}

// made returns a record of a fleet of 100. It has perSecond calls in each second, and all
// secrets recover after the time recovered.
func made(perSecond int, recovered time.Duration) *Record {
	r := &Record{Processes: 100, Quota: Quota, Seconds: make([]Second, end/time.Second)}
	for i := range r.Seconds {
		r.Seconds[i].Calls = perSecond
	}
	r.Ready = slices.Repeat([]time.Duration{time.Second}, r.Processes)
	r.Outage = Recovery{Failing: 300, Old: 300, Most: recovered, All: recovered}
	return r
}

func TestTheSummarySaysWhatIsMissedAndWhy(t *testing.T) {
	ours, aws := made(1, 2*time.Minute), made(10, 10*time.Second)
	ours.Seconds[started/time.Second].Calls = 60 // a minute with 119 calls
	text := Summary([]*Record{ours, aws})
	for _, want := range []string{
		"missed**: steady day: peak/mean of a minute's calls: 1.98, not 1.30 or less",
		"outage of 1 h: until 99 % of the failing are fetched again: 2m0s, not 15s or less",
		"Alike**: deploy of all at once: until all have their secrets (1s and 1s)",
		"outage of 1 h: until all of them are (2m0s and 10s)",
		"every 30s, and ours every 5m0s", // 300 secrets with 10 and with 1 calls/s
		"10 calls/s in the outage, not 1",
		"too small for the target",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the summary lacks %q:\n%s", want, text)
		}
	}
	for i := range ours.Seconds {
		ours.Seconds[i].Calls = 100
	}
	ours.Outage = Recovery{}
	for i := range 60 {
		ours.Seconds[int(started/time.Second)+i].Calls = 200
	}
	if text := Summary([]*Record{ours, aws}); !strings.Contains(text, "calls in step") || strings.Contains(text, "fetches again sooner") {
		t.Errorf("the summary of what calls in step is\n%s", text)
	}
}
