package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/plot"
)

// A Plot is one of the report's.
type Plot struct {
	File, Title string
	draw        func(p Plot, records []*Record) plot.Chart
	from, to    time.Duration
	step        time.Duration
	unit        time.Duration // of the axis of time
}

// Plots are those of the report.
func Plots() []Plot {
	return []Plot{
		{
			File: "deploy.svg", Title: "Deploy of all at once: calls", draw: Plot.calls,
			to: 30 * time.Second, step: time.Second, unit: time.Second,
		},
		{
			File: "day.svg", Title: "The steady day after: calls", draw: Plot.calls,
			from: started, to: rotationAt, step: 5 * time.Minute, unit: time.Hour,
		},
		{
			File: "rotation.svg", Title: "Rotations of the shared secret, one each 75 min: calls", draw: Plot.calls,
			from: rotationAt, to: rotationsEnd, step: time.Minute, unit: time.Minute,
		},
		{
			File: "stale.svg", Title: "Rotations of the shared secret: who has the old version", draw: Plot.stale,
			to: rotationEvery, step: 10 * time.Second, unit: time.Minute,
		},
		{
			File: "outage.svg", Title: "Outage of an hour, from the 10th minute on: calls", draw: Plot.calls,
			from: outageAt - 10*time.Minute, to: outageEnd + 50*time.Minute, step: 30 * time.Second, unit: time.Minute,
		},
		{
			File: "throttled.svg", Title: "Little quota for 30 min, from the 10th on: calls", draw: Plot.calls,
			from: throttleAt - 10*time.Minute, to: throttleEnd + 20*time.Minute, step: 30 * time.Second, unit: time.Minute,
		},
	}
}

// SVG draws the plot of the records.
func (p Plot) SVG(records []*Record) []byte {
	c := p.draw(p, records)
	c.Title = p.Title
	c.X = map[time.Duration]string{time.Second: "seconds", time.Minute: "minutes", time.Hour: "hours"}[p.unit]
	return c.SVG()
}

// at is where a moment is on the axis of time.
func (p Plot) at(t time.Duration) float64 { return float64(t-p.from) / float64(p.unit) }

// calls draws the calls per second beside the quota.
func (p Plot) calls(records []*Record) (c plot.Chart) {
	c.LogY = true
	c.Y = fmt.Sprintf("calls/s, mean of %.0f s; none is drawn as one", p.step.Seconds())
	for _, r := range records {
		l := plot.Line{Name: short(r.Policy)}
		for at := p.from; at < p.to; at += p.step {
			calls, _, _ := r.between(at, at+p.step)
			l.Points = append(l.Points, plot.Point{X: p.at(at), Y: float64(max(calls, 1)) / p.step.Seconds()})
		}
		c.Lines = append(c.Lines, l)
	}
	for _, limit := range limits(p, records[0]) {
		c.Lines = append(c.Lines, limit)
	}
	return c
}

// limits are the quota, and what is left of it for a while.
func limits(p Plot, r *Record) []plot.Line {
	line := func(name string, from, to time.Duration, quota float64) plot.Line {
		return plot.Line{Name: name, Dashed: true, Points: []plot.Point{{X: p.at(from), Y: quota}, {X: p.at(to), Y: quota}}}
	}
	limits := []plot.Line{line("quota", p.from, p.to, float64(r.Quota))}
	if p.from <= throttleAt && throttleAt < p.to {
		limits = append(limits, line("what is left of it", throttleAt, throttleEnd, left(r.Processes)))
	}
	return limits
}

// stale draws which part of the processes has not seen the rotation yet.
func (p Plot) stale(records []*Record) (c plot.Chart) {
	c.Y = "% of the processes with the old version"
	draw := func(name string, saw []time.Duration, unseen int) {
		sorted := slices.Sorted(slices.Values(saw))
		l := plot.Line{Name: name}
		for at := p.from; at <= p.to; at += p.step {
			i, _ := slices.BinarySearch(sorted, at+1)
			l.Points = append(l.Points, plot.Point{X: p.at(at), Y: 100 * float64(len(sorted)-i+unseen) / float64(len(sorted)+unseen)})
		}
		c.Lines = append(c.Lines, l)
	}
	for _, r := range records {
		draw(short(r.Policy), r.Staleness, r.Unseen)
	}
	for _, r := range records {
		if r.Refused != nil {
			draw("by Secret.Do", r.Refused, 0)
		}
	}
	return c
}

func short(policy string) string {
	return strings.NewReplacer("AWS caching client for Go", "AWS's client", "fixed interval of 1 h", "fixed interval").Replace(policy)
}
