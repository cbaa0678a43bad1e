package backoff_test

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy backoff.Policy
		fails  string // part of the error's text; empty if the policy is valid
	}{
		{"zero value", backoff.Policy{}, ""},
		{"constant delay", backoff.Policy{Base: time.Second, Growth: 1, Max: time.Second}, ""},
		{"base above the default maximum", backoff.Policy{Base: 2 * time.Hour}, ""},
		{"longest of all", backoff.Policy{Base: math.MaxInt64, Growth: math.MaxFloat64, Jitter: backoff.EqualJitter}, ""},
		{"off", backoff.Policy{Base: -1}, ""},
		{"base without a unit", backoff.Policy{Base: 5}, "did you mean 5 * time.Second?"},
		{"maximum without a unit", backoff.Policy{Base: time.Millisecond, Max: 60}, "did you mean 60 * time.Second?"},
		{"negative maximum", backoff.Policy{Max: -time.Second}, "Max is -1s"},
		{"maximum under base", backoff.Policy{Base: time.Minute, Max: time.Second}, "Max must be at least Base"},
		{"maximum under the default base", backoff.Policy{Max: time.Millisecond}, "Base 1s"},
		{"growth under 1", backoff.Policy{Growth: 0.999}, "Growth is 0.999"},
		{"negative growth", backoff.Policy{Growth: -2}, "Growth is -2"},
		{"growth not a number", backoff.Policy{Growth: math.NaN()}, "Growth is NaN"},
		{"infinite growth", backoff.Policy{Growth: math.Inf(1)}, "Growth is +Inf"},
		{"infinitely negative growth", backoff.Policy{Growth: math.Inf(-1)}, "Growth is -Inf"},
		{"jitter unknown", backoff.Policy{Jitter: 3}, "Jitter is 3"},
		{"jitter negative", backoff.Policy{Jitter: -1}, "Jitter is -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.policy.Validate()
			switch {
			case c.fails == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.fails != "" && (!errors.Is(err, backoff.ErrInvalid) || !strings.Contains(err.Error(), c.fails)):
				t.Errorf("error is %v, want one that says %q", err, c.fails)
			}
		})
	}
}

func TestZeroPolicyIsTheDefaultOfTheAWSClients(t *testing.T) {
	var zero backoff.Policy
	explicit := backoff.Policy{Base: time.Second, Growth: 2, Max: time.Hour, Jitter: backoff.FullJitter}
	for failures := range 20 {
		if got, want := zero.Bound(failures), explicit.Bound(failures); got != want {
			t.Errorf("after %d failures the bound is %v, want %v", failures, got, want)
		}
	}
}

func TestANegativeBaseTurnsTheBackOffOff(t *testing.T) {
	p := backoff.Policy{Base: -1}
	for failures := range 100 {
		if d := p.DelayAfter(failures, time.Hour); d != 0 {
			t.Errorf("after %d failures the delay is %v", failures, d)
		}
	}
}

func TestBoundGrowsUpToMax(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy backoff.Policy
		want   []time.Duration // after 0, 1, 2 … failures
	}{
		{
			"doubling",
			backoff.Policy{Max: 10 * time.Second},
			[]time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second},
		},
		{
			"half as much again",
			backoff.Policy{Base: 100 * time.Millisecond, Growth: 1.5, Max: 200 * time.Millisecond},
			[]time.Duration{0, 100 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond},
		},
		{
			"constant",
			backoff.Policy{Base: time.Second, Growth: 1},
			[]time.Duration{0, time.Second, time.Second, time.Second},
		},
		{
			"base above the default maximum",
			backoff.Policy{Base: 2 * time.Hour},
			[]time.Duration{0, 2 * time.Hour, 2 * time.Hour},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for failures, want := range c.want {
				if got := c.policy.Bound(failures); got != want {
					t.Errorf("after %d failures the bound is %v, want %v", failures, got, want)
				}
			}
		})
	}
}

func TestNoFailureNoDelay(t *testing.T) {
	for _, failures := range []int{0, -1, math.MinInt} {
		if d := (backoff.Policy{Jitter: backoff.NoJitter}).Delay(failures); d != 0 {
			t.Errorf("after %d failures the delay is %v", failures, d)
		}
	}
}

func TestManyFailuresDoNotOverflow(t *testing.T) {
	policies := map[string]backoff.Policy{
		"default":       {},
		"slow growth":   {Growth: 1.0000001},
		"fast growth":   {Growth: math.MaxFloat64},
		"longest":       {Base: math.MaxInt64, Max: math.MaxInt64},
		"long maximum":  {Base: 1, Max: math.MaxInt64},
		"nanosecond":    {Base: 1, Growth: 1, Max: 1},
		"equal, longer": {Base: time.Hour, Max: math.MaxInt64, Jitter: backoff.EqualJitter},
	}
	for name, p := range policies {
		t.Run(name, func(t *testing.T) {
			limit := p.Max
			if limit == 0 {
				limit = backoff.DefaultMax
			}
			before := time.Duration(0)
			for shift := range bits.UintSize - 1 {
				failures := math.MaxInt >> (bits.UintSize - 2 - shift) // 1, 3, 7 … MaxInt
				bound := p.Bound(failures)
				if bound < before || bound <= 0 || bound > limit {
					t.Errorf("after %d failures the bound is %v, before it was %v", failures, bound, before)
				}
				before = bound
				for _, j := range []backoff.Jitter{backoff.FullJitter, backoff.EqualJitter, backoff.NoJitter} {
					p.Jitter = j
					if d := p.Delay(failures); d < 0 || d > bound {
						t.Errorf("jitter %d: after %d failures the delay is %v, the bound %v", j, failures, d, bound)
					}
				}
			}
		})
	}
}

func TestJitterIsDrawnEvenly(t *testing.T) {
	const draws, buckets = 20_000, 10
	for _, c := range []struct {
		name     string
		jitter   backoff.Jitter
		from, to time.Duration
	}{
		{"full", backoff.FullJitter, 0, time.Second},
		{"equal", backoff.EqualJitter, time.Second / 2, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := backoff.Policy{Base: time.Second, Growth: 1, Max: time.Second, Jitter: c.jitter}
			var counts [buckets]int
			for range draws {
				d := p.Delay(1)
				if d < c.from || d > c.to {
					t.Fatalf("delay is %v, not in [%v, %v]", d, c.from, c.to)
				}
				counts[min(buckets-1, int((d-c.from)*buckets/(c.to-c.from)))]++
			}
			// Each tenth is expected to have 2,000 delays, with a standard deviation of 42.
			// A difference of 300 is seven deviations.
			for i, n := range counts {
				if n < draws/buckets-300 || n > draws/buckets+300 {
					t.Errorf("%d of %d delays are in tenth %d: %v", n, draws, i, counts)
				}
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		p := backoff.Policy{Jitter: backoff.NoJitter}
		for failures := range 12 {
			if got, want := p.Delay(failures), p.Bound(failures); got != want {
				t.Errorf("after %d failures the delay is %v, want %v", failures, got, want)
			}
		}
	})
}

func TestDelayDoesNotAllocate(t *testing.T) {
	p := backoff.Policy{}
	if n := testing.AllocsPerRun(100, func() { _ = p.Delay(7) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func ExamplePolicy() {
	p := backoff.Policy{Base: 100 * time.Millisecond, Max: time.Second, Jitter: backoff.NoJitter}
	if err := p.Validate(); err != nil {
		fmt.Println(err)
	}
	for failures := 1; failures <= 5; failures++ {
		fmt.Println(p.Delay(failures))
	}
	// Output:
	// 100ms
	// 200ms
	// 400ms
	// 800ms
	// 1s
}

func ExamplePolicy_Validate() {
	err := backoff.Policy{Base: time.Minute, Max: time.Second}.Validate()
	fmt.Println(err)
	// Output: invalid back-off: Max is 1s and Base 1m0s; Max must be at least Base
}

func TestDelayAfterIsNoLongerThanTheOutageAndBase(t *testing.T) {
	for _, p := range []backoff.Policy{{}, {Growth: 3}, {Growth: 1}, {Jitter: backoff.EqualJitter}} {
		growth := max(p.Growth, 1)
		if p.Growth == 0 {
			growth = 2
		}
		for range 1000 {
			if d := p.DelayAfter(1, 0); d > time.Second {
				t.Fatalf("%+v: %v after the first failure", p, d)
			}
			if d, most := p.DelayAfter(20, 3*time.Second), time.Duration((1+3*(growth-1))*float64(time.Second)); d > most {
				t.Fatalf("%+v: %v after an outage of 3 s, want at most %v", p, d, most)
			}
		}
	}
}

// TestDelayAfterWithoutJitterIsDelay: each failure comes when the delay before is over.
func TestDelayAfterWithoutJitterIsDelay(t *testing.T) {
	for _, growth := range []float64{0, 1, 1.5, 2, 3} {
		p := backoff.Policy{Growth: growth, Jitter: backoff.NoJitter}
		var outage time.Duration
		for failures := 1; failures < 40; failures++ {
			d := p.DelayAfter(failures, outage)
			if want := p.Delay(failures); d < want-time.Microsecond || d > want {
				t.Fatalf("growth %v: %v after %d failures, want %v", growth, d, failures, want)
			}
			outage += d
		}
	}
}

func TestNoDelayFollowsAFailureIfTheBackoffIsOff(t *testing.T) {
	for _, outage := range []time.Duration{0, time.Second, 10 * time.Hour} {
		if d := (backoff.Policy{Base: -time.Hour}).DelayAfter(1, outage); d != 0 {
			t.Errorf("after %v the delay is %v", outage, d)
		}
	}
}
