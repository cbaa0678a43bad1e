package wronglogins

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret"
)

// Settings returns the settings that the command measures.
func Settings() (all []Setting) {
	var (
		bound   = typedsecret.WithMaxRejections(4)
		failing = typedsecret.WithRetryBudget(0)
		pending = typedsecret.WithPending()
	)
	rows := []Setting{
		{Options: "none"},
		{Options: "WithRetryBudget(0)", Opts: options(failing), FailsFast: true},
		{Options: "WithPending()", Opts: options(pending)},
		{Options: "WithPending()", Opts: options(pending), LeftBehind: true},
		{Options: "WithMaxRejections(4)", Opts: options(bound), Bound: 4},
		{Options: "WithMaxRejections(4), WithRetryBudget(0)", Opts: options(bound, failing), Bound: 4, FailsFast: true},
		{Options: "WithMaxRejections(4), WithPending()", Opts: options(bound, pending), Bound: 4},
		{Options: "WithMaxRejections(4), WithPending()", Opts: options(bound, pending), Bound: 4, LeftBehind: true},
	}
	for _, pool := range []string{"sqlsecret", "pgxsecret"} {
		for _, s := range rows {
			for _, goroutines := range []int{8, 64} {
				s.Pool, s.Goroutines = pool, goroutines
				all = append(all, s)
			}
		}
	}
	return all
}

func options(opts ...typedsecret.Option) []typedsecret.Option { return opts }

// Table writes a row for each result.
func Table(w io.Writer, results []Result) {
	line := func(cells ...string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	line("pool", "options", "goroutines", "wrong logins", "logins at once, at most", "queries failed", "longest query")
	line("---", "---", "---", "---", "---", "---", "---")
	for _, r := range results {
		options := "`" + r.Options + "`"
		switch {
		case r.Opts == nil:
			options = r.Options
		case r.LeftBehind:
			options += ", AWSPENDING is wrong too"
		}
		line(r.Pool, options, fmt.Sprint(r.Goroutines), fmt.Sprint(r.Wrong), fmt.Sprint(r.AtOnce),
			fmt.Sprintf("%d of %d", r.Failed, r.Queries), r.Longest.Round(10*time.Millisecond).String())
	}
}
