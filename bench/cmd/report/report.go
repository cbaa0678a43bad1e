package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
	"github.com/typedsecret/typedsecret/bench/internal/run"
	"github.com/typedsecret/typedsecret/bench/internal/table"
	"github.com/typedsecret/typedsecret/bench/internal/workload"
)

// A report writes a run's results as text.
type report struct {
	all     []workload.Workload
	results *run.Results
	judged  []run.Judgement
	repeats int
	took    time.Duration
	short   bool
	// profiles are the tops of the profiles of cases that miss a target, by their titles.
	profiles map[string]string
}

// explain profiles each case of typedsecret that misses a target.
func (r *report) explain(ctx context.Context, runner *run.Runner) {
	r.profiles = map[string]string{}
	for _, j := range r.judged {
		title := fmt.Sprintf("%d, %s, %s", j.Of.Workload, j.Of.Row, j.Of.Contender)
		if _, done := r.profiles[title]; done || j.Verdict != measure.Missed {
			continue
		}
		text, err := runner.Explain(ctx, r.all, j.Of)
		if err != nil {
			text = err.Error()
		}
		r.profiles[title] = text
	}
}

func (r report) count(v measure.Verdict) (n int) {
	for _, j := range r.judged {
		if j.Verdict == v {
			n++
		}
	}
	return n
}

// head describes the machine and the run.
func (r report) head() string {
	return fmt.Sprintf("%s, %d CPUs, %s, %s/%s; medians of %d repeats (2 where something is counted), the contenders in turn; took %s.\n",
		cpuName(), runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, r.repeats, r.took.Round(time.Second))
}

// cpuName returns the processor's name from /proc.
func cpuName() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // only Linux has this file
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processor unknown"
}

// overview returns the table of all workloads and contenders.
func (r report) overview() string {
	names := r.contenders()
	t := table.Table{Head: append([]string{"workload", "unit"}, names...)}
	for _, w := range r.all {
		if w.Number == workload.Promises {
			continue
		}
		for _, row := range r.results.Rows[w.Number] {
			cells := []string{fmt.Sprintf("%d %s, %s", w.Number, w.Name, row), w.Units[w.Main]}
			any := false
			for _, name := range names {
				cell := r.cell(workload.Key{Workload: w.Number, Row: row, Contender: name, Metric: w.Main})
				any = any || cell != ""
				cells = append(cells, cell)
			}
			if any {
				t.Add(cells...)
			}
		}
	}
	return t.String() + "\nIn brackets the ratio to ours. A dash: the contender can't, for a reason given with the workload.\n"
}

// contenders returns the contenders that have a figure, in the order of contender.All.
func (r report) contenders() []string {
	has := map[string]bool{}
	for key := range r.results.Samples {
		has[key.Contender] = true
	}
	var names []string
	for _, c := range contender.All() {
		if has[c.Name] {
			names = append(names, c.Name)
		}
	}
	return names
}

func (r report) cell(key workload.Key) string {
	s := r.results.Samples[key]
	if len(s) == 0 {
		key.Metric = ""
		if _, ok := r.results.Reasons[key]; ok {
			return "–"
		}
		return ""
	}
	text := table.Number(s.Median())
	ours := key
	ours.Contender = contender.Ours
	if key.Contender == contender.Ours {
		return text
	}
	if ratio := s.Over(r.results.Samples[ours]).Median(); !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
		text += " (" + table.Number(ratio) + ")"
	}
	return text
}

// targets returns the table of all judged targets, the missed ones first.
func (r report) targets() string {
	t := table.Table{Head: []string{"#", "target", "measured", "quartiles", "bound", "verdict", "off by"}}
	var why strings.Builder
	for _, v := range []measure.Verdict{measure.Missed, measure.Close, measure.Met, measure.NoData} {
		for _, j := range r.judged {
			if j.Verdict != v || v == measure.NoData && r.short {
				continue
			}
			off := ""
			if v == measure.Missed || v == measure.Close {
				off = j.By()
				if j.Why != "" {
					fmt.Fprintf(&why, "- **%d, %s**: %s\n", j.Of.Workload, j.Text, j.Why)
				}
			}
			t.Add(fmt.Sprint(j.Of.Workload), j.Text, table.Number(j.Samples.Median()),
				table.Number(j.Samples.Quantile(0.25))+" … "+table.Number(j.Samples.Quantile(0.75)), j.Bound(), v.String(), off)
		}
	}
	text := t.String() + "\nA target is missed if fewer than a quarter of the repeats keep it; a ratio is taken within each repeat.\n"
	if why.Len() > 0 {
		text += "\nWhy:\n" + why.String()
	}
	return text
}

// section returns the section of one workload.
func (r report) section(w workload.Workload) string {
	var b strings.Builder
	title := fmt.Sprintf("%d. %s", w.Number, w.Name)
	if w.Number == workload.Promises {
		title = "What each promise costs"
	}
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", title, w.What)
	metrics := metricsOf(w)
	t := table.Table{Head: append([]string{"row", "contender"}, metrics...)}
	for i, m := range metrics {
		t.Head[i+2] = m + ", " + w.Units[m]
	}
	for _, row := range r.results.Rows[w.Number] {
		for _, name := range r.namesIn(w, row, metrics...) {
			cells := []string{row, name}
			for _, m := range metrics {
				s := r.results.Samples[workload.Key{Workload: w.Number, Row: row, Contender: name, Metric: m}]
				cell := table.Number(s.Median())
				if spread := s.Spread(); spread > 0.005 && !math.IsInf(spread, 0) {
					cell += fmt.Sprintf(" ± %.0f %%", spread*100)
				}
				cells = append(cells, cell)
			}
			t.Add(cells...)
		}
	}
	b.WriteString(t.String())
	if w.Number == workload.Promises {
		b.WriteString(promiseTexts())
	}
	b.WriteString(r.reasons(w))
	return b.String()
}

func metricsOf(w workload.Workload) []string {
	metrics := []string{w.Main}
	for _, m := range sortedKeys(w.Units) {
		if m != w.Main {
			metrics = append(metrics, m)
		}
	}
	return metrics
}

// namesIn returns the contenders that have one of these figures in a row, ours first.
func (r report) namesIn(w workload.Workload, row string, metrics ...string) []string {
	var names []string
	for _, c := range w.Cases(&workload.Env{}) {
		for _, m := range metrics {
			key := workload.Key{Workload: w.Number, Row: row, Contender: c.Contender, Metric: m}
			if len(r.results.Samples[key]) > 0 && !contains(names, c.Contender) {
				names = append(names, c.Contender)
			}
		}
	}
	return names
}

func (r report) reasons(w workload.Workload) string {
	said := map[string]bool{}
	for key, reason := range r.results.Reasons {
		if key.Workload == w.Number {
			said[fmt.Sprintf("- %s: %s.\n", key.Contender, reason)] = true
		}
	}
	if len(said) == 0 {
		return ""
	}
	return "\nLeft out:\n\n" + strings.Join(sortedKeys(said), "")
}

// versions returns the versions of the modules that are compared.
func versions() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	t := table.Table{Head: []string{"module", "version"}}
	for _, m := range info.Deps {
		for _, part := range []string{"caching-go", "setec", "otter", "sturdyc", "golang-lru", "go-freelru", "service/secretsmanager"} {
			if strings.Contains(m.Path, part) {
				t.Add(m.Path, m.Version)
			}
		}
	}
	return t.String()
}
