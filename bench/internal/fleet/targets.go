package fleet

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// What a row's figures say of ours beside AWS's.
const (
	isBetter = "better"
	isAlike  = "alike"
	isWorse  = "worse"

	// asAlike is the part by which figures differ that are called alike: about what they
	// change from run to run.
	asAlike = 0.02
)

// beside compares ours with AWS's, unless the row is not one to be judged.
func (w row) beside(records []*Record) string {
	mine, theirs := w.value(records[0]), w.value(records[1])
	switch {
	case w.fact || math.IsNaN(mine) || math.IsNaN(theirs):
		return ""
	case math.Abs(mine-theirs) <= asAlike*max(mine, theirs):
		return isAlike
	case mine < theirs:
		return isBetter
	default:
		return isWorse
	}
}

// target is whether ours is within the row's limit, if it has one.
func (w row) target(records []*Record) (met, any bool) {
	if w.limit == nil {
		return false, false
	}
	return w.value(records[0]) <= w.limit(records[0]), true
}

func (w row) verdict(records []*Record) string {
	text := w.beside(records)
	met, ok := w.target(records)
	switch {
	case !ok:
		return text
	case met:
		return fmt.Sprintf("target of %s met; %s", w.show(w.limit(records[0])), text)
	default:
		return fmt.Sprintf("target of %s **missed**; %s", w.show(w.limit(records[0])), text)
	}
}

// Missed counts the targets that ours misses, and the rows in which it is not better than
// AWS's although one of them is not zero.
func Missed(records []*Record) (targets, rowsNotBetter int) {
	for _, w := range rows() {
		if met, ok := w.target(records); ok && !met {
			targets++
		}
		if v := w.beside(records); v == isWorse || v == isAlike && !w.none(records) {
			rowsNotBetter++
		}
	}
	return targets, rowsNotBetter
}

// none is whether both are zero, so that nothing could be better.
func (w row) none(records []*Record) bool {
	return w.value(records[0]) == 0 && w.value(records[1]) == 0
}

// Summary says which targets are met and which are missed, and why.
func Summary(records []*Record) string {
	var targets, missed []string
	by := map[string][]string{}
	scenario := ""
	none := 0
	for _, w := range rows() {
		name := w.name
		if before, _, ok := strings.Cut(name, ": "); ok {
			scenario = before
		} else {
			name = scenario + ": " + name
		}
		mine := w.show(w.value(records[0]))
		figures := fmt.Sprintf("%s (%s and %s)", name, mine, w.show(w.value(records[1])))
		if met, ok := w.target(records); ok {
			text := fmt.Sprintf("%s: %s of at most %s", name, mine, w.show(w.limit(records[0])))
			if met {
				targets = append(targets, text)
			} else {
				missed = append(missed, text)
			}
		}
		if v := w.beside(records); v == isAlike && w.none(records) {
			none++
		} else {
			by[v] = append(by[v], figures)
		}
	}
	var b strings.Builder
	list := func(name string, items []string) {
		if len(items) > 0 {
			fmt.Fprintf(&b, "- %s: %s.\n", name, strings.Join(items, "; "))
		}
	}
	list("Targets met", targets)
	list("Targets **missed**", missed)
	fmt.Fprintf(&b, "- Better than AWS's client in %d rows; in %d more neither has anything to better.\n", len(by[isBetter]), none)
	list("**Alike**", by[isAlike])
	list("**Worse**", by[isWorse])
	if why := reasons(records); len(why) > 0 {
		fmt.Fprintf(&b, "\nWhy: %s\n", strings.Join(why, " "))
	}
	return b.String()
}

// reasons says of what is missed why it is.
func reasons(records []*Record) (why []string) {
	ours, aws := records[0], records[1]
	not := func(names ...string) bool { // better, in any of the rows
		return slices.ContainsFunc(rows(), func(w row) bool {
			v := w.beside(records)
			return slices.Contains(names, w.name) && (v == isWorse || v == isAlike && !w.none(records))
		})
	}
	minutes := int((rotationAt - started).Minutes())
	if ratio := ours.PeakToMean(started, rotationAt); ratio > 1.3 {
		perMinute := ours.rate(started, rotationAt) * 60
		why = append(why, fmt.Sprintf("A fleet of %d has %s calls a minute, so few that the highest of %d minutes is %.2f times the mean by chance alone, if calls come independently of each other; here it is %.2f.",
			ours.Processes, number(perMinute), minutes, chance(perMinute, minutes), ratio))
	}
	if ours.Outage.Most > aws.Outage.Most {
		why = append(why, fmt.Sprintf("AWS's client fetches again sooner after an outage since it tries more often in it: a failing secret each %s at its end, ours each %s; "+
			"that is what the calls in the outage and the peak after it are the price of.",
			duration(aws.retries()), duration(ours.retries())))
	}
	if not(steadyCalls, staleMean, staleLast) {
		why = append(why, fmt.Sprintf("A rotation is noticed by refreshing after half the interval at the least in the mean, and the interval decides the calls: it is %s in the mean here and %s with AWS's client, "+
			"so of the calls of the day and the time until a rotation is noticed one is better only at the price of the other.",
			duration(float64(ours.interval())), duration(float64(aws.interval()))))
	}
	return why
}

// retries is how often a failing secret is tried at the end of the outage.
func (r *Record) retries() float64 {
	return float64(r.Outage.Failing) / r.rate(outageEnd-5*time.Minute, outageEnd) * float64(time.Second)
}
