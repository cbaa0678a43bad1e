// Command report runs the workloads for typedsecret and its peers, alternating between
// them. It prints a comparison and the targets that are met, and writes REPORT.md with its
// plots. It exits with 1 if a target is missed by more than the spread between the repeats.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/measure"
	"github.com/typedsecret/typedsecret/bench/internal/run"
	"github.com/typedsecret/typedsecret/bench/internal/workload"
)

func main() {
	run.Child()
	short := flag.Bool("short", false, "end within 4 minutes: run typedsecret, the floor and the peers that a target names, and write no report")
	only := flag.String("run", "", "run the workloads whose number or name matches this regular `expression`, and print them in full")
	repeats := flag.Int("repeats", 0, "how often to run each case; by default 8, or 6 with -short")
	profile := flag.String("profile", "", "write pprof files of typedsecret's cases to this `folder`")
	out := flag.String("out", "", "the `folder` for REPORT.md and plots; by default the current one, or none with -short or -run")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	all, err := matching(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	r := run.Runner{Env: workload.Env{Short: *short}, Repeats: *repeats, Profile: *profile, Log: os.Stderr}
	if r.Repeats == 0 {
		r.Repeats = 8
		if *short {
			r.Repeats = 6
		}
	}
	began := time.Now()
	results, failed := r.Run(ctx, all)
	doc := report{
		all: all, results: results, judged: results.Judge(all),
		repeats: r.Repeats, took: time.Since(began), short: *short,
	}
	if *out == "" && !*short && *only == "" {
		*out = "."
	}
	fmt.Print(doc.head(), "\n", doc.overview(), "\n", doc.targets())
	if *only != "" {
		for _, w := range all {
			fmt.Print("\n", doc.section(w))
		}
	}
	if *out != "" {
		doc.explain(ctx, &r)
		if err := doc.write(*out); err != nil {
			fmt.Fprintln(os.Stderr, "report:", err)
			os.Exit(2)
		}
	}
	if failed != nil {
		fmt.Fprintln(os.Stderr, "report:", failed)
		os.Exit(2)
	}
	if n := doc.count(measure.Missed); n > 0 {
		fmt.Printf("\n%d targets are missed by more than the spread.\n", n)
		os.Exit(1)
	}
}

func matching(expression string) ([]workload.Workload, error) {
	// The expression must match a whole number: 1 does not match 10.
	re, err := regexp.Compile("^(?:" + expression + ")$")
	if err != nil || expression == "" {
		return workload.All(), err
	}
	var some []workload.Workload
	for _, w := range workload.All() {
		if re.MatchString(w.Name) || re.MatchString(strconv.Itoa(w.Number)) {
			some = append(some, w)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("report: no workload's number or name matches %q", expression)
	}
	return some, nil
}
