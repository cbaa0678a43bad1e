package pushed

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A Result is what a scenario has shown. Its counts are of pairs of a rotation and a process,
// if they don't say otherwise.
type Result struct {
	Scenario
	Rotations int

	// Staleness are the times from the begin of PutSecretValue, which moves the label, until a
	// process had the value.
	Staleness []time.Duration

	// Lost counts the pairs whose event did not come before the value was there. Found counts
	// those of them that had the value all the same: a check after an event of the kind
	// notify.Missed found it, since no other refresh is due.
	Lost, Found int

	// Unseen counts the pairs without the value after a minute.
	Unseen int

	// Missed is the number of events of the kind notify.Missed. A process fetches all secrets after
	// each.
	Missed int

	// Fetches is the number of requests to Secrets Manager for values.
	Fetches int
}

// Percentile returns the staleness that this part of the pairs does not exceed; 0 if there is
// none.
func (r Result) Percentile(part float64) time.Duration {
	all := slices.Sorted(slices.Values(r.Staleness))
	if len(all) == 0 {
		return 0
	}
	return all[min(len(all)-1, int(part*float64(len(all))))]
}

// PerProcess returns the number of fetches a rotation and process.
func (r Result) PerProcess() float64 {
	return float64(r.Fetches) / float64(max(1, r.Rotations*r.Processes))
}

// Table writes a row for each result.
func Table(w io.Writer, results []Result) {
	line := func(cells ...string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	line("carrier", "processes", "rotations", "p50", "p99", "longest", "lost", "found by Missed", "never seen", "fetches a rotation and process")
	line(slices.Repeat([]string{"---"}, 10)...)
	for _, r := range results {
		line(r.Name, fmt.Sprint(r.Processes), fmt.Sprint(r.Rotations),
			short(r.Percentile(0.5)), short(r.Percentile(0.99)), short(r.Percentile(1)),
			fmt.Sprint(r.Lost), fmt.Sprint(r.Found), fmt.Sprint(r.Unseen), fmt.Sprintf("%.2f", r.PerProcess()))
	}
}

// short prints three digits or so.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
}
