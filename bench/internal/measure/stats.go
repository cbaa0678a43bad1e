// Package measure has the tools of the workloads: timed loops, a histogram of latencies,
// medians with their spread, and verdicts on targets.
package measure

import (
	"math"
	"slices"
)

// Samples are the values of one metric, one for each repeat, in the order of the repeats.
type Samples []float64

// Median returns the median, or NaN if there are no samples.
func (s Samples) Median() float64 { return s.Quantile(0.5) }

// Quantile returns the q-quantile, by linear interpolation between two samples.
func (s Samples) Quantile(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	if sorted[low] == sorted[high] {
		return sorted[low] // interpolating between two infinite values would be NaN
	}
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// Spread returns half of the distance between the quartiles, divided by the median.
func (s Samples) Spread() float64 {
	half := (s.Quantile(0.75) - s.Quantile(0.25)) / 2
	if half == 0 {
		return 0
	}
	return half / math.Abs(s.Median())
}

// Over divides each sample by the sample of d from the same repeat, so that a disturbance
// of both cancels out.
func (s Samples) Over(d Samples) Samples {
	n := min(len(s), len(d))
	ratios := make(Samples, n)
	for i := range n {
		ratios[i] = s[i] / d[i]
	}
	return ratios
}

// Verdict is the result of comparing samples with a bound.
type Verdict int

// These are the verdicts.
const (
	NoData Verdict = iota
	Met            // the median keeps the bound
	Close          // the median does not, but at least a quarter of the samples do
	Missed         // fewer than a quarter of the samples keep the bound
)

// String returns the verdict for a table.
func (v Verdict) String() string {
	return [...]string{"no data", "met", "within the spread", "MISSED"}[v]
}

// AtMost judges whether the samples keep an upper bound.
func (s Samples) AtMost(bound float64) Verdict {
	switch {
	case len(s) == 0 || math.IsNaN(s.Median()):
		return NoData
	case s.Median() <= bound:
		return Met
	case s.Quantile(0.25) <= bound:
		return Close
	}
	return Missed
}

// AtLeast judges whether the samples keep a lower bound.
func (s Samples) AtLeast(bound float64) Verdict {
	negated := make(Samples, len(s))
	for i, v := range s {
		negated[i] = -v
	}
	return negated.AtMost(-bound)
}
