// Package workload has fifteen workloads, with a file for each and their targets as data,
// and the table of the price of each promise of the warm path. A workload is a set of
// cases, one for each contender and row. Package run runs them, and alternates between the
// contenders.
package workload

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// A Workload is a set of cases with targets.
type Workload struct {
	Number int
	Name   string // short, without a space
	What   string // what is measured, and how
	Main   string // the metric in the overview
	Units  map[string]string
	Cases  func(env *Env) []Case
	// Targets are judged after the last repeat.
	Targets []Target
	// Counted means that the figures are counts that are the same in each repeat. Two
	// repeats are enough then.
	Counted bool
	// Idle means that the cases sleep, so all run at the same time.
	Idle bool
}

// Metrics are the measurements of one run of a case.
type Metrics map[string]float64

// A Case measures one row of one contender.
type Case struct {
	Row       string
	Contender string
	// Isolated cases run in a process of their own each time.
	Isolated bool
	// Virtual cases run in a process of their own too, in a bubble of testing/synctest.
	Virtual bool
	// Heap is the sample index of pprof for a case whose profile is about memory. If it is
	// empty, the profile is about CPU time.
	Heap string
	// Server, if not nil, is the fake Secrets Manager that the case needs. It runs in
	// another process.
	Server  *Server
	Measure func(ctx context.Context, env *Env) (Metrics, error)
}

// A Server is a secrettest.Server with secrets ID(0), ID(1) and so on.
type Server struct {
	Secrets, Size int
	Latency       time.Duration
}

// Env has the settings of a measurement.
type Env struct {
	Short bool
	// Tiny makes everything small, for tests of the bench module. The figures then mean
	// nothing.
	Tiny bool
	// URL is the URL of the Case's Server.
	URL string
	// HeapProfile is the file for a heap profile, which is written when all secrets are
	// held.
	HeapProfile string
}

// A Target is a bound on a metric of typedsecret, or on its ratio to another figure.
type Target struct {
	Text string
	Of   Key  // an empty Contender means typedsecret, and a Workload of 0 the target's own
	Over *Key // nil if the bound is on the metric itself
	// Beside, if not nil, is another ratio. The ratio of Of to Over is divided by it.
	Beside *Ratio
	// AtLeast is the bound if it is not 0, and AtMost otherwise.
	AtMost, AtLeast float64
	// Why explains a target that is known to be missed: which part is the machine's limit,
	// and which part is ours.
	Why string
}

// A Ratio is one figure over another.
type Ratio struct{ Of, Over Key }

// Keys returns the keys of the figures that the target uses.
func (t *Target) Keys() []*Key {
	keys := []*Key{&t.Of}
	if t.Over != nil {
		keys = append(keys, t.Over)
	}
	if t.Beside != nil {
		keys = append(keys, &t.Beside.Of, &t.Beside.Over)
	}
	return keys
}

// A Key names a figure.
type Key struct {
	Workload       int
	Row, Contender string
	Metric         string
}

func (k Key) String() string {
	return fmt.Sprintf("workload %d, %s, %s, %s", k.Workload, k.Row, k.Contender, k.Metric)
}

// All returns the workloads in their order.
func All() []Workload {
	all := []Workload{
		warm(), warmCores(), byIDs(), latency(), stampede(), cancelled(), outage(),
		memory(), allocations(), storm(), start(), idle(), collector(), growth(), sparse(), promises(),
	}
	for _, w := range all {
		for i := range w.Targets {
			for _, k := range w.Targets[i].Keys() {
				*k = w.complete(*k)
			}
		}
	}
	return all
}

func (w Workload) complete(k Key) Key {
	if k.Workload == 0 {
		k.Workload = w.Number
	}
	if k.Contender == "" {
		k.Contender = contender.Ours
	}
	return k
}

// ID returns the ID of the i-th secret.
func ID(i int) string { return fmt.Sprintf("bench/tenant-%07d", i) }

// IDs returns the IDs of the first n secrets.
func IDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = ID(i)
	}
	return ids
}

// window returns the time for which one timed loop runs.
func (e *Env) window() time.Duration {
	switch {
	case e.Tiny:
		return time.Millisecond
	case e.Short:
		return 60 * time.Millisecond
	}
	return 250 * time.Millisecond
}

// scale returns n, or tiny if the Env is Tiny.
func (e *Env) scale(n, tiny int) int {
	if e.Tiny {
		return tiny
	}
	return n
}

// each returns the cases of a row, one for each contender, for a measurement that needs the
// contender set up.
func each(row string, names []string, cfg func(env *Env) contender.Config,
	measure func(ctx context.Context, env *Env, s contender.Store, cfg contender.Config) (Metrics, error),
) []Case {
	var cases []Case
	for _, c := range contender.Named(names...) {
		cases = append(cases, Case{Row: row, Contender: c.Name, Measure: func(ctx context.Context, env *Env) (Metrics, error) {
			cfg := cfg(env)
			if cfg.Source == nil {
				cfg.Source = new(source.Source)
			}
			s, err := c.Open(ctx, cfg)
			if err != nil {
				return nil, err
			}
			defer s.Close()
			return measure(ctx, env, s, cfg)
		}})
	}
	return cases
}

// coreRows returns the numbers of cores, beside one, on which workloads run.
func coreRows() []int {
	if n := runtime.NumCPU(); n > 2 {
		return []int{2, n}
	}
	return []int{2}
}

func coresRow(n int) string { return fmt.Sprintf("cores=%d", n) }
