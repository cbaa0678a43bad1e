package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"

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

// A row is one of the table: lower values are better, unless it is just a fact.
type row struct {
	name  string
	value func(*Record) float64
	show  func(float64) string
	fact  bool
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
	return slices.Concat(deployRows(), rotationRows(),
		troubleRows("outage of 1 h", outageAt, outageEnd, throttleAt, func(r *Record) Recovery { return r.Outage }),
		troubleRows("little quota for 30 min", throttleAt, throttleAt+throttled, refusalAt, func(r *Record) Recovery { return r.Throttle }))
}

func deployRows() []row {
	return []row{
		{name: "deploy of all at once: calls in all", value: func(r *Record) float64 { c, _, _ := r.between(0, time.Minute); return float64(c) }, show: number},
		{name: "peak, calls/s", value: func(r *Record) float64 { _, p, _ := r.between(0, time.Minute); return float64(p) }, show: number},
		{name: "calls refused by the quota", value: func(r *Record) float64 { _, _, n := r.between(0, time.Minute); return float64(n) }, show: number},
		{name: "until all processes have all secrets", value: func(r *Record) float64 { return float64(part(r.Ready, 1)) }, show: duration},
		{name: "the day after: calls/s", value: func(r *Record) float64 {
			c, _, _ := r.between(time.Minute, rotationAt)
			return float64(c) / (rotationAt - time.Minute).Seconds()
		}, show: ratio},
		{name: "peak/mean of a minute, whole day", value: func(r *Record) float64 { return r.PeakToMean(time.Minute, rotationAt) }, show: ratio},
	}
}

func rotationRows() []row {
	return []row{
		{name: "shared secret rotated, noticed by refreshing: mean", value: func(r *Record) float64 { return float64(mean(r.Staleness)) }, show: duration},
		{name: "the same: last process", value: func(r *Record) float64 { return float64(part(r.Staleness, 1)) }, show: duration},
		{name: "processes that had not noticed two hours later", value: func(r *Record) float64 { return float64(r.Unseen) }, show: number},
	}
}

// troubleRows are those of a trouble, and of the time after it until something else
// happens.
func troubleRows(name string, from, to, next time.Duration, recovery func(*Record) Recovery) []row {
	return []row{
		{name: name + ": calls/s in it", value: func(r *Record) float64 {
			c, _, _ := r.between(from, to)
			return float64(c) / (to - from).Seconds()
		}, show: number},
		{name: "calls refused by the quota in it", value: func(r *Record) float64 { _, _, n := r.between(from, to); return float64(n) }, show: number},
		{name: "secrets whose last fetch had failed at its end", value: func(r *Record) float64 { return float64(recovery(r).Failing) }, show: number, fact: true},
		{name: "until 99 % of these are fetched again", value: func(r *Record) float64 { return float64(recovery(r).Most) }, show: duration},
		{name: "until all of them are", value: func(r *Record) float64 { return float64(recovery(r).All) }, show: duration},
		{name: "peak after it, calls/s", value: func(r *Record) float64 { _, p, _ := r.between(to, next); return float64(p) }, show: number},
		{name: "calls refused by the quota after it", value: func(r *Record) float64 { _, _, n := r.between(to, next); return float64(n) }, show: number},
	}
}

// Table compares the records, the first of which is ours and the second AWS's.
func Table(records []*Record) string {
	t := &table.Table{Head: []string{""}}
	for _, r := range records {
		t.Head = append(t.Head, r.Policy)
	}
	t.Head = append(t.Head, "beside AWS's")
	for _, row := range rows() {
		cells := []string{strings.TrimSpace(row.name)}
		for _, r := range records {
			cells = append(cells, row.show(row.value(r)))
		}
		t.Add(append(cells, row.verdict(records))...)
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
