// Package workload has what is measured: fifteen workloads, a file each, with
// their targets as data, and the price of each promise of the warm path. A
// workload is a set of cases, one a contender and row; whoever runs them (package
// run) alternates between the contenders and repeats.
package workload

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// A Workload is one line of the table.
type Workload struct {
	Number int
	Name   string // short, without a space
	What   string // what is measured, and how
	Main   string // the metric that the overview shows
	Units  map[string]string
	Cases  func(env *Env) []Case
	// Targets are judged after the last repeat.
	Targets []Target
	// Counted: the figures are counts that repeats don't change, so that two
	// repeats show that.
	Counted bool
	// Idle: the cases sleep, so all run at once.
	Idle bool
}

// Metrics are what one run of a case measured.
type Metrics map[string]float64

// A Case is one row of one contender.
type Case struct {
	Row       string
	Contender string
	// Isolated cases run in a process of their own each time.
	Isolated bool
	// Virtual cases do so in a bubble of testing/synctest.
	Virtual bool
	// Heap: a profile is to tell who holds or allocates memory, by this sample index
	// of pprof; if it is empty, where the time goes.
	Heap string
	// Server is the fake Secrets Manager that the case needs, in yet another
	// process, if any.
	Server  *Server
	Measure func(ctx context.Context, env *Env) (Metrics, error)
}

// A Server is a secrettest.Server with secrets ID(0), ID(1) and so on.
type Server struct {
	Secrets, Size int
	Latency       time.Duration
}

// Env is how thoroughly to measure, and with what.
type Env struct {
	Short bool
	// Tiny: for tests of the bench module itself; the figures mean nothing.
	Tiny bool
	// URL is that of the Server that the Case asked for.
	URL string
	// HeapProfile is a file to write a heap profile to when all is held.
	HeapProfile string
}

// A Target is a bound on a metric of ours, or on its ratio to another figure.
type Target struct {
	Text string
	Of   Key  // an empty Contender is ours, a Workload of 0 the target's own
	Over *Key // nil if the metric itself is bounded
	// Beside, if not nil, is another ratio, by which that of Of to Over is divided.
	Beside *Ratio
	// Exactly one of them is used: AtLeast if it is not 0.
	AtMost, AtLeast float64
	// Why the target is missed, if it is known to be: what is the machine's
	// limit and what is ours.
	Why string
}

// A Ratio is one figure over another.
type Ratio struct{ Of, Over Key }

// Keys returns the figures that the target is about.
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

// window is how long one timed loop runs.
func (e *Env) window() time.Duration {
	switch {
	case e.Tiny:
		return time.Millisecond
	case e.Short:
		return 60 * time.Millisecond
	}
	return 250 * time.Millisecond
}

// scale returns n, or tiny in tests.
func (e *Env) scale(n, tiny int) int {
	if e.Tiny {
		return tiny
	}
	return n
}

// each makes the cases of a row, one a contender, of a measurement that needs the
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

// coreRows are the numbers of cores that workloads run on beside one.
func coreRows() []int {
	if n := runtime.NumCPU(); n > 2 {
		return []int{2, n}
	}
	return []int{2}
}

func coresRow(n int) string { return fmt.Sprintf("cores=%d", n) }
