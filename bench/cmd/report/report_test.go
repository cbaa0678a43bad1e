package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
	"github.com/typedsecret/typedsecret/bench/internal/run"
	"github.com/typedsecret/typedsecret/bench/internal/workload"
)

// TestReportShowsWhatWasMeasured reads the report on made-up figures.
func TestReportShowsWhatWasMeasured(t *testing.T) {
	results := &run.Results{
		Samples: map[workload.Key]measure.Samples{}, Reasons: map[workload.Key]string{},
		Rows: map[int][]string{1: {"cores=1"}, 14: {"id=10", "id=1000"}},
	}
	ns := func(number int, row, name string, values ...float64) {
		results.Samples[workload.Key{Workload: number, Row: row, Contender: name, Metric: "ns"}] = values
	}
	ns(1, "cores=1", contender.Ours, 10, 20)
	ns(1, "cores=1", "setec.Updater", 30, 60)
	ns(1, "cores=1", "floor-pointer", 1, 2)
	ns(14, "id=10", contender.Ours, 50)
	ns(14, "id=1000", contender.Ours, 60)
	results.Reasons[workload.Key{Workload: 1, Row: "cores=1", Contender: "otter"}] = "it was left out for the test"
	all, err := matching("warm|14")
	if err != nil {
		t.Fatal(err)
	}
	r := report{all: all, results: results, judged: results.Judge(all), repeats: 2}
	folder := t.TempDir()
	if err := r.write(folder); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "REPORT.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"45 (3)", // setec's median, and its ratio to ours
		"it was left out for the test",
		"| 1   | ≤ 2.2 × the floor", "MISSED", "+355 %",
		"plots/14-growth-id.svg",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if got := r.count(measure.Missed); got != 1 {
		t.Errorf("%d targets missed, want 1", got)
	}
	for _, name := range []string{"01-warm-cores1.svg", "14-growth-id.svg"} {
		if _, err := os.Stat(filepath.Join(folder, "plots", name)); err != nil {
			t.Error(err)
		}
	}
}

// TestSectionShowsRowsWithoutTheMainFigure: some rows of a workload may have only its other
// figures.
func TestSectionShowsRowsWithoutTheMainFigure(t *testing.T) {
	all, err := matching("outage")
	if err != nil {
		t.Fatal(err)
	}
	const row = "price,fails,by=handle"
	results := &run.Results{Rows: map[int][]string{7: {row}}, Samples: map[workload.Key]measure.Samples{
		{Workload: 7, Row: row, Contender: contender.Ours, Metric: "stale"}: {12.5},
	}}
	r := report{all: all, results: results, repeats: 1}
	if text := r.section(all[0]); !strings.Contains(text, "12.5") {
		t.Errorf("the section lacks the stale price:\n%s", text)
	}
	if figures := r.figures(all[0]); len(figures) != 0 {
		t.Errorf("%d plots are made of a figure that the row lacks", len(figures))
	}
}

func TestRunSelectsWorkloads(t *testing.T) {
	for expression, want := range map[string]int{"": 16, "1": 1, "16": 1, "warm.*": 2, "1|by-id": 2} {
		if some, err := matching(expression); err != nil || len(some) != want {
			t.Errorf("%q selects %d, error %v, want %d", expression, len(some), err, want)
		}
	}
	for _, wrong := range []string{"nothing", "("} {
		if _, err := matching(wrong); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}
