package run

import (
	"io"
	"os"
	"testing"
	"testing/synctest"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
	"github.com/typedsecret/typedsecret/bench/internal/workload"
)

// TestMain lets the test binary be the child of a test.
func TestMain(m *testing.M) {
	Child()
	os.Exit(m.Run())
}

// TestEveryCaseOfOursRuns runs each case once, with tiny sizes, in this process.
func TestEveryCaseOfOursRuns(t *testing.T) {
	for _, w := range workload.All() {
		env := workload.Env{Tiny: true, Short: true}
		for _, c := range w.Cases(&env) {
			if c.Contender != contender.Ours && w.Number != workload.Promises {
				continue
			}
			t.Run(w.Name+"/"+c.Row+"/"+c.Contender, func(t *testing.T) {
				if c.Server != nil {
					server, err := workload.Server{Secrets: 100, Size: c.Server.Size}.Start()
					if err != nil {
						t.Fatal(err)
					}
					defer server.Close()
					env.URL = server.URL()
				}
				run := func(t *testing.T) {
					m, err := c.Measure(t.Context(), &env)
					if err != nil || len(m) == 0 {
						t.Errorf("measured %v, error %v", m, err)
					}
				}
				if c.Virtual {
					synctest.Test(t, run)
				} else {
					run(t)
				}
			})
		}
	}
}

// TestRunnerUsesChildren runs an isolated case with a server, a virtual case, and one in
// this process.
func TestRunnerUsesChildren(t *testing.T) {
	var some []workload.Workload
	for _, w := range workload.All() {
		if w.Name == "memory" || w.Name == "outage" || w.Name == "cancelled-leader" {
			cases := w.Cases
			w.Cases = func(env *workload.Env) (first []workload.Case) {
				for _, c := range cases(env) {
					if c.Contender == contender.Ours && len(first) == 0 {
						first = append(first, c)
					}
				}
				return first
			}
			some = append(some, w)
		}
	}
	r := Runner{Env: workload.Env{Tiny: true}, Repeats: 2, Log: io.Discard}
	results, err := r.Run(t.Context(), some)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range some {
		row := w.Cases(&r.Env)[0].Row
		key := workload.Key{Workload: w.Number, Row: row, Contender: contender.Ours, Metric: w.Main}
		if got := results.Samples[key]; len(got) != 2 {
			t.Errorf("%s: %d samples, want 2: %v", key, len(got), results.Reasons)
		}
	}
}

// TestTargetsNameWhatIsMeasured: a target with a row, contender or metric that does not
// exist would never be judged.
func TestTargetsNameWhatIsMeasured(t *testing.T) {
	all := workload.All()
	rows := map[workload.Key]bool{}
	for _, w := range all {
		for _, c := range w.Cases(&workload.Env{}) {
			rows[workload.Key{Workload: w.Number, Row: c.Row, Contender: c.Contender}] = true
		}
	}
	for _, w := range all {
		if w.Name == "growth" {
			continue // one case has all its rows
		}
		for _, target := range w.Targets {
			for _, k := range target.Keys() {
				if at := *k; !rows[workload.Key{Workload: at.Workload, Row: at.Row, Contender: at.Contender}] {
					t.Errorf("target %q is about %s, which is not measured", target.Text, k)
				}
			}
			if (target.AtLeast != 0) && target.AtMost != 0 {
				t.Errorf("target %q has two bounds", target.Text)
			}
		}
	}
}

func TestJudgementsArePaired(t *testing.T) {
	ours := workload.Key{Workload: 1, Row: "r", Contender: "o", Metric: "ns"}
	peer := workload.Key{Workload: 1, Row: "r", Contender: "p", Metric: "ns"}
	r := Results{Samples: map[workload.Key]measure.Samples{ours: {10, 30, 10, 30}, peer: {20, 60, 20, 60}}}
	w := workload.Workload{Targets: []workload.Target{
		{Of: ours, Over: &peer, AtMost: 0.5},
		{Of: ours, Over: &peer, AtMost: 0.4},
		{Of: peer, Over: &ours, AtLeast: 2},
		{Of: ours, AtMost: 12},
		{Of: workload.Key{Metric: "none"}, AtMost: 1},
		{Of: ours, Over: &peer, Beside: &workload.Ratio{Of: peer, Over: ours}, AtMost: 0.25},
		{Of: ours, Over: &peer, Beside: &workload.Ratio{Of: peer, Over: ours}, AtMost: 0.2},
	}}
	want := []measure.Verdict{
		measure.Met, measure.Missed, measure.Met, measure.Close, measure.NoData, measure.Met, measure.Missed,
	}
	for i, j := range r.Judge([]workload.Workload{w}) {
		if j.Verdict != want[i] {
			t.Errorf("target %d: %v by %s, want %v", i, j.Verdict, j.By(), want[i])
		}
	}
}

func TestRowsOfACaseCanComeAsMetrics(t *testing.T) {
	r := Results{Samples: map[workload.Key]measure.Samples{}, Rows: map[int][]string{}}
	key := workload.Key{Workload: 14, Row: "entries=10", Contender: "o"}
	r.add(key, workload.Metrics{"id=10/ns": 3})
	key.Row, key.Metric = "id=10", "ns"
	if got := r.Samples[key].Median(); got != 3 {
		t.Errorf("came out as %v", r.Samples)
	}
}
