package outages

import (
	"fmt"
	"math"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/table"
)

// A Row has the plays of one outage. AWS's client has none if it can't read secrets that are
// laid out like this.
type Row struct {
	Outage    Outage
	Ours, AWS []Result
}

// Table writes the rows. Calls and errors are those of all plays together, all else is of the
// worst play. The figures of AWS's client are in brackets.
func Table(rows []Row, p Plan) string {
	tab := table.Table{Head: []string{
		"Secrets Manager", "calls", "a second", "in the worst second",
		"with a last good value: errors", "longest `Get`", "without a value: errors", "longest `Get`", "fresh after",
	}}
	touched, spared := func(r Result) Seen { return r.Touched }, func(r Result) Seen { return r.Spared }
	add := func(name string, r Row, of func(Result) Seen) {
		cells := []string{name}
		theirs := cellsOf(r.AWS, of, p)
		for i, ours := range cellsOf(r.Ours, of, p) {
			cells = append(cells, fmt.Sprintf("%s (%s)", ours, theirs[i]))
		}
		tab.Add(cells...)
	}
	for _, r := range rows {
		add(r.Outage.Name, r, touched)
		if r.Outage.Rest != "" {
			add("– "+r.Outage.Rest, r, spared)
		}
	}
	return tab.String()
}

// cellsOf sums up the plays of one client.
func cellsOf(plays []Result, of func(Result) Seen, p Plan) [8]string {
	if len(plays) == 0 {
		return [8]string{"–", "–", "–", "–", "–", "–", "–", "–"}
	}
	var sum Seen
	for _, play := range plays {
		s := of(play)
		sum.Calls += s.Calls
		sum.Peak = max(sum.Peak, s.Peak)
		sum.Fresh = max(sum.Fresh, s.Fresh)
		sum.Warm.add(s.Warm)
		sum.Cold.add(s.Cold)
	}
	calls := float64(sum.Calls) / float64(len(plays))
	return [8]string{
		table.Number(math.Round(calls)), fmt.Sprintf("%.2f", calls/p.Lasts.Seconds()), fmt.Sprint(sum.Peak),
		sum.Warm.share(), seconds(sum.Warm.Longest), sum.Cold.share(), seconds(sum.Cold.Longest), seconds(sum.Fresh),
	}
}

// share says how many of the reads were errors.
func (r Reads) share() string {
	switch r.Errors {
	case 0:
		return "0"
	case r.Reads:
		return "all"
	}
	percent := 100 * float64(r.Errors) / float64(r.Reads)
	if percent < 0.01 {
		return "< 0.01 %"
	}
	return fmt.Sprintf("%.2g %%", percent)
}

// seconds writes a time in seconds, rounded to two digits behind the point.
func seconds(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d >= atMost:
		return "–"
	case d >= 10*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.2g s", d.Seconds())
}
