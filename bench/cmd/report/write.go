package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/plot"
	"github.com/typedsecret/typedsecret/bench/internal/table"
	"github.com/typedsecret/typedsecret/bench/internal/variants"
	"github.com/typedsecret/typedsecret/bench/internal/workload"
)

// write writes REPORT.md, and its plots into the folder plots beside it.
func (r report) write(folder string) error {
	plots := filepath.Join(folder, "plots")
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# How fast typedsecret is beside its peers\n\nWritten by `go run ./cmd/report`; don't edit.\n\n" + r.head() + "\n")
	b.WriteString("## Overview\n\n" + r.overview() + "\n## Targets\n\n" + r.targets() + "\n")
	for _, title := range sortedKeys(r.profiles) {
		fmt.Fprintf(&b, "Where it goes in %s, by `go tool pprof -top`:\n\n```\n%s```\n\n", title, r.profiles[title])
	}
	for _, w := range r.all {
		b.WriteString(r.section(w))
		for _, f := range r.figures(w) {
			name := fmt.Sprintf("%02d-%s.svg", w.Number, f.name)
			if err := os.WriteFile(filepath.Join(plots, name), f.svg, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(&b, "\n![%s](plots/%s)\n", f.title, name)
		}
		b.WriteString("\n")
	}
	b.WriteString("## The contenders\n\n" + setups() + "\n" + versions())
	return os.WriteFile(filepath.Join(folder, "REPORT.md"), []byte(b.String()), 0o644)
}

type figure struct {
	name, title string
	svg         []byte
}

// figures returns the plots of a workload: bars for each row, or curves for a workload that
// grows.
func (r report) figures(w workload.Workload) []figure {
	if w.Name == "growth" {
		return r.curves(w)
	}
	var figures []figure
	for _, row := range r.results.Rows[w.Number] {
		title := fmt.Sprintf("%s, %s: %s", w.Name, row, w.Units[w.Main])
		bars := plot.Bars{Title: title, Unit: w.Units[w.Main]}
		least, most := 0.0, 0.0
		for _, name := range r.namesIn(w, row, w.Main) {
			s := r.results.Samples[workload.Key{Workload: w.Number, Row: row, Contender: name, Metric: w.Main}]
			bars.Bars = append(bars.Bars, plot.Bar{
				Name: name, Value: s.Median(), Low: s.Quantile(0.25), High: s.Quantile(0.75),
				Ours: strings.HasPrefix(name, contender.Ours),
			})
			if v := s.Median(); v > 0 && (least == 0 || v < least) {
				least = v
			}
			most = max(most, s.Median())
		}
		// Counts that include zeros keep a linear axis.
		bars.Log = least > 0 && most > 20*least
		if len(bars.Bars) > 1 {
			figures = append(figures, figure{w.Name + "-" + strings.NewReplacer("=", "", ",", "-").Replace(row), title, bars.SVG()})
		}
	}
	return figures
}

func (r report) curves(w workload.Workload) []figure {
	var figures []figure
	for _, kind := range []struct{ row, title, x string }{
		{"handle", "Warm Get by the handle of one secret", "secrets held"},
		{"hot", "Warm Get by ID of 1,000 of the secrets held", "secrets held"},
		{"id", "Warm Get by ID, every secret alike", "secrets held"},
		{"miss", "Cold miss, the cache full", "secrets held"},
		{"goroutines", "Warm Get by ID of 1,000", "goroutines"},
	} {
		lines := map[string][]plot.Point{}
		for _, row := range r.results.Rows[w.Number] {
			name, size, _ := strings.Cut(row, "=")
			x, err := strconv.Atoi(size)
			if name != kind.row || err != nil {
				continue
			}
			for _, c := range contender.All() {
				s := r.results.Samples[workload.Key{Workload: w.Number, Row: row, Contender: c.Name, Metric: w.Main}]
				if len(s) > 0 {
					lines[c.Name] = append(lines[c.Name], plot.Point{X: float64(x), Y: s.Median()})
				}
			}
		}
		chart := plot.Chart{Title: kind.title, X: kind.x, Y: "ns/op", LogX: true, LogY: true}
		for _, c := range contender.All() {
			if points := lines[c.Name]; len(points) > 0 {
				chart.Lines = append(chart.Lines, plot.Line{Name: c.Name, Points: points, Dashed: c.Floor})
			}
		}
		if len(chart.Lines) > 0 {
			figures = append(figures, figure{"growth-" + kind.row, kind.title, chart.SVG()})
		}
	}
	return figures
}

func setups() string {
	t := table.Table{Head: []string{"contender", "set up as"}}
	for _, c := range contender.All() {
		t.Add(c.Name, c.Setup)
	}
	return t.String()
}

func promiseTexts() string {
	t := table.Table{Head: []string{"variant", "what it does"}}
	for _, v := range variants.All() {
		t.Add(v.Name, v.What)
	}
	return "\n" + t.String()
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func contains(names []string, name string) bool { return slices.Contains(names, name) }
