package fleet

import (
	"fmt"
	"math"
	"strings"
	"time"
)

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
	other := map[string][]string{}
	better := 0
	for _, row := range rows() {
		mine, theirs := row.value(r), row.value(records[1])
		switch v := row.verdict(records); {
		case v == isBetter:
			better++
		case v != "" && (mine != 0 || theirs != 0):
			other[v] = append(other[v], fmt.Sprintf("%q, %s and %s", strings.TrimSpace(row.name), row.show(mine), row.show(theirs)))
		}
	}
	text := fmt.Sprintf("better than AWS's in every row: in %d", better)
	for _, v := range []string{isAlike, isWorse} {
		if len(other[v]) > 0 {
			text += fmt.Sprintf("; %s in %s", v, strings.Join(other[v], ", "))
		}
	}
	return append(targets, Target{text, len(other) == 0})
}

// What a row's figures say of ours beside AWS's.
const (
	isBetter = "better"
	isAlike  = "alike"
	isWorse  = "worse"

	// asAlike is the part by which figures differ that are called alike: about what they
	// change from run to run.
	asAlike = 0.02
)

// verdict judges a row, unless it is not one to be judged.
func (w row) verdict(records []*Record) string {
	mine, theirs := w.value(records[0]), w.value(records[1])
	switch {
	case w.fact:
		return ""
	case math.Abs(mine-theirs) <= asAlike*max(mine, theirs):
		return isAlike
	case mine < theirs:
		return isBetter
	default:
		return isWorse
	}
}

// Reasons says why AWS's client is ahead where it is.
func Reasons(records []*Record) string {
	calls := func(r *Record) string {
		n, _, _ := r.between(outageAt, outageEnd)
		return number(float64(n) / (outageEnd - outageAt).Seconds())
	}
	ours, aws := records[0], records[1]
	var text []string
	if ours.Outage.Most > aws.Outage.Most || ours.Throttle.Most > aws.Throttle.Most {
		text = append(text, fmt.Sprintf("AWS's client has fetched all again sooner since it asks at nearly each read while the service fails: "+
			"%s calls/s in the outage, and %s here, where readers go on with the last good value meanwhile and a secret is tried once a minute.", calls(aws), calls(ours)))
	}
	text = append(text, "How long a rotation takes to be noticed by refreshing alone is decided by the interval: three quarters of an hour in the mean with both.")
	return strings.Join(text, " ")
}
