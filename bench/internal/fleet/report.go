package fleet

import (
	"fmt"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/plot"
	"github.com/typedsecret/typedsecret/bench/internal/table"
)

// between sums up the seconds from one moment to another.
func (r *Record) between(from, to time.Duration) (calls, peak, refused int) {
	for i := int(from / time.Second); i < min(int(to/time.Second), len(r.Seconds)); i++ {
		calls += r.Seconds[i].Calls
		peak = max(peak, r.Seconds[i].Calls)
		refused += r.Seconds[i].Refused
	}
	return calls, peak, refused
}

// PeakToMean is that of the calls in a minute; those in a second are so few that their
// peak is chance.
func (r *Record) PeakToMean(from, to time.Duration) float64 {
	peak, sum, n := 0, 0, 0
	for at := from; at < to; at += time.Minute {
		calls, _, _ := r.between(at, at+time.Minute)
		peak, sum, n = max(peak, calls), sum+calls, n+1
	}
	return float64(peak) * float64(n) / float64(max(sum, 1))
}

// A row is one of the table: lower values are better.
type row struct {
	name  string
	value func(*Record) float64
	show  func(float64) string
}

func number(v float64) string { return table.Number(v) }
func ratio(v float64) string  { return fmt.Sprintf("%.2f", v) }

func duration(v float64) string {
	switch d := time.Duration(v); {
	case d > longest:
		return fmt.Sprintf("not within %v", longest)
	case d >= time.Minute:
		return d.Round(time.Second).String()
	default:
		return d.Round(100 * time.Millisecond).String()
	}
}

func rows() []row {
	return []row{
		{"deploy of all at once: calls in all", func(r *Record) float64 { c, _, _ := r.between(0, time.Minute); return float64(c) }, number},
		{"peak, calls/s", func(r *Record) float64 { _, p, _ := r.between(0, time.Minute); return float64(p) }, number},
		{"calls refused by the quota", func(r *Record) float64 { _, _, n := r.between(0, time.Minute); return float64(n) }, number},
		{"until all processes have all secrets", func(r *Record) float64 { return float64(part(r.Ready, 1)) }, duration},
		{"the day after: calls/s", func(r *Record) float64 {
			c, _, _ := r.between(time.Minute, rotationAt)
			return float64(c) / (rotationAt - time.Minute).Seconds()
		}, ratio},
		{"peak/mean of a minute, whole day", func(r *Record) float64 { return r.PeakToMean(time.Minute, rotationAt) }, ratio},
		{"shared secret rotated, noticed by refreshing: mean", func(r *Record) float64 { return float64(mean(r.Staleness)) }, duration},
		{"the same: last process", func(r *Record) float64 { return float64(part(r.Staleness, 1)) }, duration},
		{"outage of 1 h: calls/s in it", func(r *Record) float64 {
			c, _, _ := r.between(outageAt, outageEnd)
			return float64(c) / time.Hour.Seconds()
		}, number},
		{"peak after it, calls/s", func(r *Record) float64 { _, p, _ := r.between(outageEnd, throttleAt); return float64(p) }, number},
		{"calls refused by the quota after it", func(r *Record) float64 { _, _, n := r.between(outageEnd, throttleAt); return float64(n) }, number},
		{"until 99 % of the secrets are fetched again", func(r *Record) float64 { return float64(r.Outage.Most) }, duration},
		{"until all are", func(r *Record) float64 { return float64(r.Outage.All) }, duration},
		{"little quota for 30 min: calls refused", func(r *Record) float64 {
			_, _, n := r.between(throttleAt, throttleAt+throttled)
			return float64(n)
		}, number},
		{"peak after it, calls/s ", func(r *Record) float64 { _, p, _ := r.between(throttleAt+throttled, refusalAt); return float64(p) }, number},
		{"until 99 % of the secrets are fetched again ", func(r *Record) float64 { return float64(r.Throttle.Most) }, duration},
	}
}

// Table compares the records, the first of which is ours.
func Table(records []*Record) string {
	t := &table.Table{Head: []string{""}}
	for _, r := range records {
		t.Head = append(t.Head, r.Policy)
	}
	for _, row := range rows() {
		cells := []string{strings.TrimSpace(row.name)}
		for _, r := range records {
			cells = append(cells, row.show(row.value(r)))
		}
		t.Add(cells...)
	}
	return t.String()
}

// Refusals tells of the second rotation, for policies that have something for it.
func Refusals(records []*Record) string {
	var b strings.Builder
	for _, r := range records {
		if r.Refused == nil {
			continue
		}
		_, peak, refused := r.between(refusalAt, end)
		fmt.Fprintf(&b, "%s, by `Secret.Do`: each process logs in every %v; the last one is logged in with the new password after %v, mean %v, "+
			"the peak is %s calls/s, and the quota refuses %d.\n",
			r.Policy, loginEvery, part(r.Refused, 1).Round(10*time.Millisecond), mean(r.Refused).Round(10*time.Millisecond), number(float64(peak)), refused)
	}
	return b.String()
}

// A Target is one that the first record has to meet.
type Target struct {
	Text string
	Met  bool
}

// Targets judges ours, the first of the records, by itself and beside AWS's, the second.
func Targets(records []*Record) []Target {
	r := records[0]
	ptm := r.PeakToMean(time.Minute, rotationAt)
	_, peak, refused := r.between(outageEnd, throttleAt)
	targets := []Target{
		{fmt.Sprintf("peak/mean in steady state at most 1.3: %.2f", ptm), ptm <= 1.3},
		{fmt.Sprintf("after the outage the fleet never exceeds the quota: the peak is %s of %s calls/s", number(float64(peak)), number(Quota)), refused == 0 && peak <= Quota},
		{fmt.Sprintf("99 %% recovered within a minute of its end: %s", duration(float64(r.Outage.Most))), r.Outage.Most <= time.Minute},
	}
	for _, row := range rows() {
		mine, theirs := row.value(r), row.value(records[1])
		if mine > theirs || mine == theirs && mine != 0 {
			targets = append(targets, Target{fmt.Sprintf("better than AWS's in every row: not in %q, %s and %s",
				strings.TrimSpace(row.name), row.show(mine), row.show(theirs)), false})
		}
	}
	if len(targets) == 3 {
		targets = append(targets, Target{"better than AWS's in every row, or neither has any", true})
	}
	return targets
}

// A Plot is one of the report's.
type Plot struct {
	File, Title string
	from, to    time.Duration
	step        time.Duration
	log, quota  bool
}

// Plots are those of the report.
func Plots() []Plot {
	return []Plot{
		{"deploy.svg", "Deploy of all at once", 0, 30 * time.Second, time.Second, true, true},
		{"day.svg", "The first twelve hours", time.Minute, 12 * time.Hour, 5 * time.Minute, false, false},
		{"outage.svg", "An outage of an hour, from 10 min before to 50 min after", outageAt - 10*time.Minute, outageEnd + 50*time.Minute, 10 * time.Second, true, true},
	}
}

// SVG draws the calls per second of the records.
func (p Plot) SVG(records []*Record) []byte {
	c := plot.Chart{Title: p.Title, X: "minutes", Y: "calls/s, mean of " + p.step.String(), LogY: p.log}
	for _, r := range records {
		l := plot.Line{Name: strings.Replace(r.Policy, "AWS caching client for Go", "AWS's client", 1)}
		for at := p.from; at < p.to; at += p.step {
			calls, _, _ := r.between(at, at+p.step)
			l.Points = append(l.Points, plot.Point{X: (at - p.from).Minutes(), Y: float64(calls) / p.step.Seconds()})
		}
		c.Lines = append(c.Lines, l)
	}
	if p.quota {
		c.Lines = append(c.Lines, plot.Line{Name: "quota", Dashed: true, Points: []plot.Point{{X: 0, Y: Quota}, {X: (p.to - p.from).Minutes(), Y: Quota}}})
	}
	return c.SVG()
}
