package run

import (
	"fmt"

	"github.com/typedsecret/typedsecret/bench/internal/measure"
	"github.com/typedsecret/typedsecret/bench/internal/workload"
)

// A Judgement is a target with its verdict.
type Judgement struct {
	workload.Target
	// Samples are the samples of the metric, or of its ratio to another figure.
	Samples measure.Samples
	Verdict measure.Verdict
}

// Judge judges the targets of the workloads.
func (r *Results) Judge(all []workload.Workload) []Judgement {
	var judged []Judgement
	for _, w := range all {
		for _, t := range w.Targets {
			judged = append(judged, r.judge(t))
		}
	}
	return judged
}

func (r *Results) judge(t workload.Target) Judgement {
	j := Judgement{Target: t, Samples: r.Samples[t.Of]}
	if t.Over != nil {
		j.Samples = j.Samples.Over(r.Samples[*t.Over])
	}
	if t.Beside != nil {
		j.Samples = j.Samples.Over(r.Samples[t.Beside.Of].Over(r.Samples[t.Beside.Over]))
	}
	if t.AtLeast != 0 {
		j.Verdict = j.Samples.AtLeast(t.AtLeast)
	} else {
		j.Verdict = j.Samples.AtMost(t.AtMost)
	}
	return j
}

// By returns how far the median is from the bound.
func (j Judgement) By() string {
	bound := j.AtMost
	if j.AtLeast != 0 {
		bound = j.AtLeast
	}
	m := j.Samples.Median()
	if bound == 0 || j.Verdict == measure.NoData {
		return ""
	}
	return fmt.Sprintf("%+.0f %%", (m/bound-1)*100)
}

// Bound returns the bound as text.
func (j Judgement) Bound() string {
	if j.AtLeast != 0 {
		return fmt.Sprintf("≥ %g", j.AtLeast)
	}
	return fmt.Sprintf("≤ %g", j.AtMost)
}
