package proof

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Misses returns the requirements that a result does not meet. There are none for
// contenders that don't use this library.
func (r Result) Misses() (misses []string) {
	if !r.Ours {
		return nil
	}
	if r.Failed > 0 {
		misses = append(misses, fmt.Sprintf("%d queries failed, the first with: %v", r.Failed, r.Err))
	}
	most := 1 + r.Rotations
	if r.Pending {
		most += r.Rotations
	}
	if calls := r.Calls - r.BackoffCalls; calls > most {
		misses = append(misses, fmt.Sprintf("%d API calls beyond the back-off's, of %d", calls, most))
	}
	if r.BackoffCalls > r.MostBackoffCalls {
		misses = append(misses, fmt.Sprintf("%d API calls that brought nothing new, of %d", r.BackoffCalls, r.MostBackoffCalls))
	}
	if most := 2 * max(r.Pools, 1) * PoolSize * (1 + r.Rotations); r.Opened > most {
		misses = append(misses, fmt.Sprintf("%d connections opened, of %d", r.Opened, most))
	}
	return misses
}

// A Played is a scenario with its cost to each contender.
type Played struct {
	Scenario
	Results []Result
}

// Summary writes a table with a row for each scenario. A cell has the number of failed
// queries, the number of queries, and the longest time of one.
func Summary(w io.Writer, all []Played) {
	head := []string{"scenario"}
	for _, r := range all[0].Results {
		head = append(head, r.Contender)
	}
	line(w, head)
	line(w, slices.Repeat([]string{"---"}, len(head)))
	for _, p := range all {
		cells := []string{p.Name}
		for _, r := range p.Results {
			cells = append(cells, fmt.Sprintf("%d of %d, %v", r.Failed, r.Queries, r.Longest.Round(10*time.Millisecond)))
		}
		line(w, cells)
	}
}

// Details writes a table with a row for each scenario and contender.
func Details(w io.Writer, all []Played) {
	head := []string{
		"scenario", "service", "queries", "failed", "retried", "longest", "logins refused",
		"API calls (of them the back-off's)", "connections opened, a rotation",
	}
	line(w, head)
	line(w, slices.Repeat([]string{"---"}, len(head)))
	for _, p := range all {
		p.rows(w)
	}
}

func line(w io.Writer, cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

func (p Played) rows(w io.Writer) {
	name := p.Name
	for _, r := range p.Results {
		calls := fmt.Sprint(r.Calls)
		if r.Ours {
			calls += fmt.Sprintf(" (%d)", r.BackoffCalls)
		}
		line(w, []string{
			name, r.Contender, fmt.Sprint(r.Queries), fmt.Sprint(r.Failed), fmt.Sprint(r.Retried),
			r.Longest.Round(time.Millisecond).String(), fmt.Sprint(r.Refused), calls,
			fmt.Sprintf("%.1f", float64(r.Opened)/float64(r.Rotations)),
		})
		name = ""
	}
}
