package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/plot"
)

// A Plot describes one plot of the report.
type Plot struct {
	File, Title string
	draw        func(p Plot, records []*Record) plot.Chart
	from, to    time.Duration
	step        time.Duration
	unit        time.Duration // the unit of the time axis
	x           string        // the label of the time axis
	logX        bool          // the time axis is logarithmic; a step is drawn at its end, since that is not zero
}

// Plots returns the plots of the report.
func Plots() []Plot {
	return []Plot{
		{
			File: "deploy.svg", Title: "Deploy of all at once", draw: Plot.calls,
			to: 100 * time.Second, step: time.Second, unit: time.Second, x: "seconds since the start", logX: true,
		},
		{
			File: "day.svg", Title: "The steady day after", draw: Plot.calls,
			from: started, to: rotationAt, step: 2 * time.Minute, unit: time.Hour, x: "hours",
		},
		{
			File: "rotation.svg", Title: "Rotations of the shared secret", draw: Plot.calls,
			from: rotationAt, to: rotationsEnd, step: time.Minute, unit: time.Minute, x: "minutes since the first rotation, of one each 75 min",
		},
		{
			File: "stale.svg", Title: "Rotations of the shared secret: processes that still have the old version", draw: Plot.stale,
			to: rotationEvery, step: 10 * time.Second, unit: time.Minute, x: "minutes since the rotation",
		},
		{
			File: "outage.svg", Title: "An outage of an hour", draw: Plot.calls,
			from: outageAt - 10*time.Minute, to: outageEnd + 50*time.Minute, step: 30 * time.Second, unit: time.Minute, x: "minutes; the outage is from 10 to 70",
		},
		{
			File: "throttled.svg", Title: "Little quota for half an hour", draw: Plot.calls,
			from: throttleAt - 10*time.Minute, to: throttleEnd + 20*time.Minute, step: 30 * time.Second, unit: time.Minute, x: "minutes; the quota is little from 10 to 40",
		},
	}
}

// SVG draws the plot of the records.
func (p Plot) SVG(records []*Record) []byte {
	c := p.draw(p, records)
	c.Title, c.X, c.LogX = p.Title, p.x, p.logX
	return c.SVG()
}

// at returns the place of a moment on the time axis.
func (p Plot) at(t time.Duration) float64 {
	if p.logX {
		t = max(t, p.from+p.step)
	}
	return float64(t-p.from) / float64(p.unit)
}

// floor is the least number of calls a second that is drawn, since the axis has no zero.
const floor = 0.1

// calls draws the calls per second beside the quota.
func (p Plot) calls(records []*Record) (c plot.Chart) {
	c.LogY = true
	c.Y = fmt.Sprintf("calls/s, mean of %.0f s; %v is that or less", p.step.Seconds(), floor)
	for _, r := range records {
		l := plot.Line{Name: short(r.Policy)}
		for at := p.from; at < p.to; at += p.step {
			x := p.at(at)
			if p.logX {
				x = p.at(at + p.step)
			}
			l.Points = append(l.Points, plot.Point{X: x, Y: max(floor, r.rate(at, at+p.step))})
		}
		c.Lines = append(c.Lines, l)
	}
	c.Lines = append(c.Lines, limits(p, records[0])...)
	return c
}

// limits returns lines for the quota, and for the part of it that is left for a while.
func limits(p Plot, r *Record) []plot.Line {
	line := func(name string, from, to time.Duration, quota float64) plot.Line {
		return plot.Line{Name: name, Dashed: true, Points: []plot.Point{{X: p.at(from), Y: max(floor, quota)}, {X: p.at(to), Y: max(floor, quota)}}}
	}
	limits := []plot.Line{line("quota", p.from, p.to, float64(r.Quota))}
	if p.from <= throttleAt && throttleAt < p.to {
		limits = append(limits, line("what is left of it", throttleAt, throttleEnd, left(r.Processes)))
	}
	return limits
}

// stale draws the share of processes that have not yet seen a rotation.
func (p Plot) stale(records []*Record) (c plot.Chart) {
	c.Y = fmt.Sprintf("%% of the processes, mean of %d rotations", Rotations)
	for _, r := range records {
		sorted := slices.Sorted(slices.Values(r.Staleness))
		l := plot.Line{Name: short(r.Policy)}
		for at := p.from; at <= p.to; at += p.step {
			saw, _ := slices.BinarySearch(sorted, at+1)
			all := len(sorted) + r.Unseen
			l.Points = append(l.Points, plot.Point{X: p.at(at), Y: 100 * float64(all-saw) / float64(all)})
		}
		c.Lines = append(c.Lines, l)
	}
	return c
}

func short(policy string) string {
	return strings.NewReplacer("AWS caching client for Go", "AWS's client", "fixed interval of 1 h", "fixed interval").Replace(policy)
}
