package fleet

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// These words compare our figure in a row with AWS's.
const (
	isBetter = "better"
	isAlike  = "alike"
	isWorse  = "worse"

	// asAlike is the largest relative difference of figures that are called alike. Figures
	// change by about as much from run to run.
	asAlike = 0.02

	// maxPeakToMean is the target of the steady day.
	maxPeakToMean = 1.3
)

// beside compares our figure with AWS's, unless the row only states a fact.
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

// target reports whether our figure is within the row's limit, if it has one.
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

// none reports whether both figures are zero, so that neither could be better.
func (w row) none(records []*Record) bool {
	return w.value(records[0]) == 0 && w.value(records[1]) == 0
}

// Summary lists the targets that are met and missed, compares our figures with AWS's, and
// gives reasons where ours are not better.
func Summary(records []*Record) string {
	var met, missed []string
	by := map[string][]string{} // rows by the result of beside
	none := 0
	scenario := ""
	for _, w := range rows() {
		name := w.name
		if before, _, first := strings.Cut(name, ": "); first {
			scenario = before
		} else {
			name = scenario + ": " + name
		}
		mine := w.show(w.value(records[0]))
		if good, any := w.target(records); any && good {
			met = append(met, fmt.Sprintf("%s: %s", name, mine))
		} else if any {
			missed = append(missed, fmt.Sprintf("%s: %s, not %s or less", name, mine, w.show(w.limit(records[0]))))
		}
		if v := w.beside(records); v == isAlike && w.none(records) {
			none++
		} else {
			by[v] = append(by[v], fmt.Sprintf("%s (%s and %s)", name, mine, w.show(w.value(records[1]))))
		}
	}
	text := item("Targets met", met) + item("Targets **missed**", missed) +
		fmt.Sprintf("- Better than AWS's client in %d rows; in %d more both are zero.\n", len(by[isBetter]), none) +
		item("**Alike**", by[isAlike]) + item("**Worse**", by[isWorse])
	if why := reasons(records); len(why) > 0 {
		text += "\nWhy: " + strings.Join(why, " ") + "\n"
	}
	return text
}

// item returns a list item, or nothing if the list in it is empty.
func item(name string, of []string) string {
	if len(of) == 0 {
		return ""
	}
	return fmt.Sprintf("- %s: %s.\n", name, strings.Join(of, "; "))
}

// reasons returns the reasons for missed targets and worse figures.
func reasons(records []*Record) (why []string) {
	ours, aws := records[0], records[1]
	not := func(names ...string) bool { // reports whether any of the rows is not better
		return slices.ContainsFunc(rows(), func(w row) bool {
			v := w.beside(records)
			return slices.Contains(names, w.name) && (v == isWorse || v == isAlike && !w.none(records))
		})
	}
	if ours.PeakToMean(started, steadyEnd) > maxPeakToMean {
		why = append(why, ours.whyUneven())
	}
	if not(untilMost, untilAll) {
		why = append(why, fmt.Sprintf("AWS's client fetches again sooner after an outage, since it calls more often during it: at the end of the outage it tries each failing secret every %s, and ours every %s, while readers get the last good value. "+
			"The price is %s calls/s in the outage, not %s, and a peak of %s calls/s after it, not %s.",
			duration(aws.retries()), duration(ours.retries()),
			number(aws.rate(outageAt, outageEnd)), number(ours.rate(outageAt, outageEnd)),
			number(peak(outageEnd, throttleAt)(aws)), number(peak(outageEnd, throttleAt)(ours))))
	}
	if not(failing) {
		const after = 20 * time.Minute
		rate := calls(throttleEnd, throttleEnd+after)
		why = append(why, fmt.Sprintf("With ours, secrets whose fetch failed while the quota was small are still failing when it is back: after a failure the next fetch is due at a random moment of an interval, so that a fleet does not call in step. "+
			"So the %.0f min after it have %s calls/s, and %s with AWS's client.",
			after.Minutes(), number(rate(ours)), number(rate(aws))))
	}
	if not(steadyCalls, staleMean, staleLast) {
		why = append(why, fmt.Sprintf("A refresh notices a rotation after half an interval or more in the mean, and the interval decides the number of calls: its mean is %s here and %s with AWS's client, "+
			"so fewer calls a day mean a longer time until a rotation is noticed.",
			duration(float64(ours.interval())), duration(float64(aws.interval()))))
	}
	return why
}

// whyUneven says whether the highest minute of a steady day can be explained by chance.
func (r *Record) whyUneven() string {
	minutes := int((steadyEnd - started).Minutes())
	perMinute := r.rate(started, steadyEnd) * 60
	byChance, is := chance(perMinute, minutes), r.PeakToMean(started, steadyEnd)
	text := fmt.Sprintf("The highest of the steady day's %d minutes has %.2f times the mean of %s calls; with calls that are independent of each other it would have %.2f times the mean",
		minutes, is, number(perMinute), byChance)
	if byChance > maxPeakToMean {
		return text + ": the fleet is too small for the target."
	}
	return text + ": the fleet calls in step."
}

// retries returns how often a failing secret is tried at the end of the outage.
func (r *Record) retries() float64 {
	return float64(r.Outage.Failing) / r.rate(outageEnd-5*time.Minute, outageEnd) * float64(time.Second)
}
