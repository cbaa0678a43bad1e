package fleet

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/table"
)

// A row is a row of the table. Lower values are better, unless the row only states a fact.
// A policy without a value has NaN.
type row struct {
	name  string
	value func(*Record) float64
	show  func(float64) string
	fact  bool
	limit func(*Record) float64 // the target for ours; nil if there is none
}

func number(v float64) string { return table.Number(v) }
func ratio(v float64) string  { return fmt.Sprintf("%.2f", v) }

func duration(v float64) string {
	switch d := time.Duration(v); {
	case math.IsNaN(v):
		return "–"
	case v >= float64(never):
		return "never"
	case d >= time.Minute:
		return d.Round(time.Second).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}

// calls, peak and refused return one of the results of Record.between.
func calls(from, to time.Duration) func(*Record) float64 {
	return func(r *Record) float64 { return r.rate(from, to) }
}

func peak(from, to time.Duration) func(*Record) float64 {
	return func(r *Record) float64 { _, n, _ := r.between(from, to); return float64(n) }
}

func refused(from, to time.Duration) func(*Record) float64 {
	return func(r *Record) float64 { _, _, n := r.between(from, to); return float64(n) }
}

// took returns a value that is a duration.
func took(d func(*Record) time.Duration) func(*Record) float64 {
	return func(r *Record) float64 { return float64(d(r)) }
}

func constant(v float64) func(*Record) float64 { return func(*Record) float64 { return v } }

func rows() []row {
	outage := troubleRows("outage of 1 h", outageAt, outageEnd, throttleAt, func(r *Record) Recovery { return r.Outage })
	for i := range outage {
		switch outage[i].name {
		case failing, old: // in an outage all secrets are, with every policy
			outage[i].fact = true
		case untilMost:
			outage[i].limit = constant(float64(15 * time.Second))
		case peakAfter:
			outage[i].limit = func(r *Record) float64 { return float64(r.Quota) / 2 } // and half for who else calls
		case refusedAfter:
			outage[i].limit = constant(0)
		}
	}
	throttled := troubleRows("little quota for 30 min", throttleAt, throttleEnd, refusalAt, func(r *Record) Recovery { return r.Throttle })
	for i := range throttled {
		if throttled[i].name == untilMost {
			throttled[i].limit = constant(float64(15 * time.Second))
		}
	}
	return slices.Concat(deployRows(), rotationRows(), outage, throttled, refusalRows())
}

// deployRows count until all processes have all their secrets. Later calls belong to the
// steady day.
func deployRows() []row {
	return []row{
		{name: "deploy of all at once: calls until all have their secrets", value: func(r *Record) float64 {
			n, _, _ := r.between(0, r.deployed())
			return float64(n)
		}, show: number},
		{name: "peak, calls/s", value: func(r *Record) float64 { return peak(0, r.deployed())(r) }, show: number},
		{name: "calls refused by the quota", value: func(r *Record) float64 { return refused(0, r.deployed())(r) }, show: number},
		{name: "until all have their secrets", value: took((*Record).allReady), show: duration},
		{name: steadyCalls, value: calls(started, steadyEnd), show: ratio},
		{name: "peak/mean of a minute's calls", value: func(r *Record) float64 { return r.PeakToMean(started, steadyEnd) }, show: ratio, limit: constant(maxPeakToMean)},
	}
}

func rotationRows() []row {
	return []row{
		{name: staleMean, value: took((*Record).meanStaleness), show: duration},
		{name: staleLast, value: took((*Record).mostStaleness), show: duration},
		{name: "processes that never saw it by the end", value: func(r *Record) float64 { return float64(r.Unseen) }, show: number},
	}
}

// These are the names of rows to which other code refers.
const (
	steadyCalls  = "steady day: calls/s"
	staleMean    = "rotation of the shared secret, noticed by refreshing: mean"
	staleLast    = "last process"
	failing      = "secrets that are failing at its end"
	old          = "of these, fetched more than 1 h before"
	untilMost    = "until 99 % of the failing are fetched again"
	untilAll     = "until all of them are"
	peakAfter    = "peak after it, calls/s"
	refusedAfter = "calls refused by the quota after it"
)

// troubleRows returns the rows of a trouble, and of the time after it until the next event.
func troubleRows(name string, from, to, next time.Duration, recovery func(*Record) Recovery) []row {
	return []row{
		{name: name + ": calls/s in it", value: calls(from, to), show: number},
		{name: "calls refused by the quota in it", value: refused(from, to), show: number},
		{name: failing, value: func(r *Record) float64 { return float64(recovery(r).Failing) }, show: number},
		{name: old, value: func(r *Record) float64 { return float64(recovery(r).Old) }, show: number},
		{name: untilMost, value: took(func(r *Record) time.Duration { return recovery(r).Most }), show: duration},
		{name: untilAll, value: took(func(r *Record) time.Duration { return recovery(r).All }), show: duration},
		{name: peakAfter, value: peak(to, next), show: number},
		{name: refusedAfter, value: refused(to, next), show: number},
	}
}

// refusalRows returns the rows of the last rotation, for policies that handle a refusal.
func refusalRows() []row {
	some := func(value func(*Record) float64) func(*Record) float64 {
		return func(r *Record) float64 {
			if r.Refused == nil {
				return math.NaN()
			}
			return value(r)
		}
	}
	return []row{
		{name: "rotation, the old password is refused: login with the new one, mean", value: some(took(func(r *Record) time.Duration { return mean(r.Refused) })), show: duration},
		{name: "last login", value: some(took(func(r *Record) time.Duration { return slices.Max(r.Refused) })), show: duration},
		{name: "peak, calls/s", value: some(peak(refusalAt, end)), show: number},
	}
}

// Table compares the records. The first must be ours, and the second AWS's.
func Table(records []*Record) string {
	t := &table.Table{Head: []string{""}}
	for _, r := range records {
		t.Head = append(t.Head, r.Policy)
	}
	t.Head = append(t.Head, "verdict")
	for _, row := range rows() {
		cells := []string{row.name}
		for _, r := range records {
			cells = append(cells, row.show(row.value(r)))
		}
		t.Add(append(cells, row.verdict(records))...)
	}
	return t.String()
}
