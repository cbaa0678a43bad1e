package measure_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/measure"
)

func TestQuantiles(t *testing.T) {
	for _, c := range []struct {
		name                 string
		samples              measure.Samples
		median, first, third float64
	}{
		{"one", measure.Samples{7}, 7, 7, 7},
		{"even", measure.Samples{4, 1, 3, 2}, 2.5, 1.75, 3.25},
		{"odd", measure.Samples{30, 10, 20}, 20, 15, 25},
		{"infinite", measure.Samples{math.Inf(1), math.Inf(1)}, math.Inf(1), math.Inf(1), math.Inf(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := []float64{c.samples.Median(), c.samples.Quantile(0.25), c.samples.Quantile(0.75)}
			if want := []float64{c.median, c.first, c.third}; !slices.Equal(got, want) {
				t.Errorf("median and quartiles are %v, want %v", got, want)
			}
		})
	}
	if !math.IsNaN(measure.Samples(nil).Median()) {
		t.Error("no samples have a median")
	}
	if got := (measure.Samples{8, 10, 10, 12}).Spread(); math.Abs(got-0.05) > 1e-9 {
		t.Errorf("spread is %v, want 0.05", got)
	}
}

func TestRatiosArePairedByRepeat(t *testing.T) {
	// The machine was half as fast in the second repeat, for both.
	ours, theirs := measure.Samples{10, 20, 10}, measure.Samples{20, 40, 20}
	if got := ours.Over(theirs); !slices.Equal(got, measure.Samples{0.5, 0.5, 0.5}) {
		t.Errorf("ratios are %v", got)
	}
}

func TestVerdicts(t *testing.T) {
	noisy := measure.Samples{1, 2, 3, 4, 5, 6, 7, 8}
	for _, c := range []struct {
		name string
		got  measure.Verdict
		want measure.Verdict
	}{
		{"median under the bound", noisy.AtMost(5), measure.Met},
		{"median on the bound", noisy.AtMost(4.5), measure.Met},
		{"a quarter under the bound", noisy.AtMost(3), measure.Close},
		{"less than a quarter", noisy.AtMost(2), measure.Missed},
		{"at least, kept", noisy.AtLeast(4), measure.Met},
		{"at least, a quarter", noisy.AtLeast(6), measure.Close},
		{"at least, missed", noisy.AtLeast(8), measure.Missed},
		{"nothing measured", measure.Samples(nil).AtMost(1), measure.NoData},
		{"zero calls", measure.Samples{0, 0}.AtMost(0), measure.Met},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestHistogramQuantilesAreWithinThreePercent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h, half measure.Histogram
	var all []time.Duration
	for i := range 100_000 {
		d := time.Duration(math.Exp(random.Float64() * 25)) // 1 ns to a minute
		all = append(all, d)
		if i%2 == 0 {
			h.Record(d)
		} else {
			half.Record(d)
		}
	}
	h.Merge(&half)
	slices.Sort(all)
	for _, q := range []float64{0.001, 0.1, 0.5, 0.9, 0.999, 1} {
		want := all[max(0, int(q*float64(len(all)))-1)]
		got := h.Quantile(q)
		if got < want || float64(got) > float64(want)*1.032+1 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if h.Max() != all[len(all)-1] || h.Count() != uint64(len(all)) {
		t.Errorf("max %v of %d, want %v of %d", h.Max(), h.Count(), all[len(all)-1], len(all))
	}
}

func TestStallIsCountedForTheCallsItHeldUp(t *testing.T) {
	var h measure.Histogram
	for range 900 {
		h.RecordCorrected(time.Microsecond, time.Millisecond)
	}
	h.RecordCorrected(100*time.Millisecond, time.Millisecond)
	if got := h.Count(); got != 1000 {
		t.Errorf("counted %d, want 900, the stall, and 99 that it held up", got)
	}
	if p := h.Quantile(0.95); p < 45*time.Millisecond || p > 55*time.Millisecond {
		t.Errorf("p95 is %v, want half of the stall", p)
	}
}

func TestPerOpCountsTheWorkOfAllCores(t *testing.T) {
	for _, cores := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			ns, err := measure.PerOp(20*time.Millisecond, cores, func(n int) error {
				time.Sleep(time.Duration(n) * 10 * time.Microsecond)
				return nil
			})
			if want := 10_000 / float64(cores); err != nil || ns != want {
				t.Errorf("on %d cores %v ns/op and error %v, want %v", cores, ns, err, want)
			}
		})
	}
}

// TestBurstsBeginTogether: the span is that of the longest burst. The time of a slow or
// late Prepare is not in it.
func TestBurstsBeginTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		burst := func(do time.Duration) measure.Burst {
			return measure.Burst{
				Prepare: func() error { time.Sleep(time.Millisecond); return nil },
				Do:      func() error { time.Sleep(do); return nil },
			}
		}
		spans, err := measure.Bursts(50*time.Millisecond, 3, burst(2*time.Millisecond), burst(5*time.Millisecond))
		want := measure.Span{Took: 5 * time.Millisecond}
		if err != nil || !slices.Equal(spans, []measure.Span{want, want, want}) || !want.Together() {
			t.Errorf("spans are %v, error %v, want three of %v", spans, err, want)
		}
		if took := time.Since(began); took != 156*time.Millisecond {
			t.Errorf("three bursts took %v, want one every 50 ms", took)
		}
	})
	if (measure.Span{Took: 10 * time.Microsecond, Apart: 5 * time.Microsecond}).Together() {
		t.Error("Together is true for bursts of which one began when the other ended")
	}
}

func TestBurstsEndWithAnError(t *testing.T) {
	wrong := errors.New("wrong values")
	nothing := func() error { return nil }
	for name, b := range map[string]measure.Burst{
		"prepare": {Prepare: func() error { return wrong }, Do: nothing},
		"do":      {Prepare: nothing, Do: func() error { return wrong }},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := measure.Bursts(time.Millisecond, 3, b, measure.Burst{Prepare: nothing, Do: nothing}); !errors.Is(err, wrong) {
				t.Errorf("error %v, want %v", err, wrong)
			}
		})
	}
}
