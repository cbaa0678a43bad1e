// Package run runs workloads and keeps their results. It runs the contenders in turn,
// repeat after repeat, in this process or in child processes.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
	"github.com/typedsecret/typedsecret/bench/internal/workload"
)

// A Runner runs workloads.
type Runner struct {
	Env     workload.Env
	Repeats int
	// Profile is a folder for profiles of our own cases. If it is empty, there are none.
	Profile string
	Log     io.Writer

	servers map[workload.Server]string
	stops   []func()

	mu      sync.Mutex // guards the fields below, since cases may run at the same time
	results *Results
	failed  []error // the errors of our own cases
}

// Results are all measurements.
type Results struct {
	Samples map[workload.Key]measure.Samples
	// Reasons say why a contender is not in a row. The Key has no metric.
	Reasons map[workload.Key]string
	// Rows has the rows of each workload, in the order in which they were measured.
	Rows map[int][]string
}

func newResults() *Results {
	return &Results{
		Samples: map[workload.Key]measure.Samples{}, Reasons: map[workload.Key]string{}, Rows: map[int][]string{},
	}
}

// Run runs the workloads and returns their results. If a workload was broken off or one of
// our cases failed, it returns an error beside the Results of the rest.
func (r *Runner) Run(ctx context.Context, all []workload.Workload) (*Results, error) {
	r.results = newResults()
	r.servers = map[workload.Server]string{}
	defer r.stopServers()
	for _, w := range all {
		began := time.Now()
		if err := r.runOne(ctx, w); err != nil {
			return r.results, fmt.Errorf("workload %d, %s: %w", w.Number, w.Name, err)
		}
		fmt.Fprintf(r.Log, "%2d %-18s %s\n", w.Number, w.Name, time.Since(began).Round(100*time.Millisecond))
		r.stopServers()
	}
	return r.results, errors.Join(r.failed...)
}

func (r *Runner) runOne(ctx context.Context, w workload.Workload) error {
	cases := w.Cases(&r.Env)
	if r.Env.Short {
		cases = needed(w, cases)
	}
	repeats := r.Repeats
	if w.Counted {
		repeats = min(repeats, 2)
	}
	var together sync.WaitGroup
	limit := make(chan struct{}, 24)
	errs := make(chan error, repeats*len(cases))
	for repeat := range repeats {
		for _, c := range cases {
			if r.hasReason(w, c) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if !w.Idle {
				if err := r.runCase(ctx, w, c, repeat); err != nil {
					return err
				}
				continue
			}
			together.Go(func() {
				limit <- struct{}{}
				errs <- r.runCase(ctx, w, c, repeat)
				<-limit
			})
		}
	}
	together.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// needed returns the cases of typedsecret, of the floor and of contenders that a target
// names.
func needed(w workload.Workload, cases []workload.Case) []workload.Case {
	named := map[string]bool{contender.Ours: true}
	for _, c := range contender.All() {
		named[c.Name] = c.Floor
	}
	named[contender.Ours] = true
	for _, other := range workload.All() {
		for _, t := range other.Targets {
			for _, k := range t.Keys() {
				if k.Workload == w.Number {
					named[k.Contender] = true
				}
			}
		}
	}
	var kept []workload.Case
	for _, c := range cases {
		if named[c.Contender] || w.Number == workload.Promises {
			kept = append(kept, c)
		}
	}
	return kept
}

func (r *Runner) hasReason(w workload.Workload, c workload.Case) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, has := r.results.Reasons[workload.Key{Workload: w.Number, Row: c.Row, Contender: c.Contender}]
	return has
}

func (r *Runner) runCase(ctx context.Context, w workload.Workload, c workload.Case, repeat int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	env := r.Env
	if c.Server != nil {
		url, err := r.server(*c.Server)
		if err != nil {
			return err
		}
		env.URL = url
	}
	profile := ""
	// A bubble's time would not advance because of the profiler's goroutine.
	if r.Profile != "" && repeat == 0 && !c.Virtual && (w.Number == workload.Promises || strings.HasPrefix(c.Contender, contender.Ours)) {
		profile = profileName(r.Profile, w, c)
	}
	var m workload.Metrics
	var err error
	if c.Isolated || c.Virtual {
		m, err = runChild(ctx, env, w, c, profile)
	} else {
		m, err = profiled(profile, c.Heap != "", func(heap string) (workload.Metrics, error) {
			env.HeapProfile = heap
			return c.Measure(ctx, &env)
		})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := workload.Key{Workload: w.Number, Row: c.Row, Contender: c.Contender}
	if reason, cannot := contender.Reason(err); cannot {
		r.results.Reasons[key] = reason
		return nil
	}
	if err != nil {
		r.results.Reasons[key] = "failed: " + err.Error()
		if c.Contender == contender.Ours {
			r.failed = append(r.failed, fmt.Errorf("workload %d, %s, %s: %w", w.Number, c.Row, c.Contender, err))
		}
		return nil
	}
	r.results.add(key, m)
	return nil
}

// add keeps the metrics. A metric with a name of the form row/metric belongs to that row.
func (r *Results) add(key workload.Key, m workload.Metrics) {
	for name, v := range m {
		key := key
		if row, metric, ok := strings.Cut(name, "/"); ok {
			key.Row, name = row, metric
		}
		key.Metric = name
		r.Samples[key] = append(r.Samples[key], v)
		r.addRow(key.Workload, key.Row)
	}
}

func (r *Results) addRow(number int, row string) {
	for _, have := range r.Rows[number] {
		if have == row {
			return
		}
	}
	r.Rows[number] = append(r.Rows[number], row)
}

// server starts the Server in a child, once for all cases of a workload.
func (r *Runner) server(s workload.Server) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if url, ok := r.servers[s]; ok {
		return url, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(self, serverArgs(s)...)
	url, stop, err := workload.StartProcess(cmd)
	if err != nil {
		return "", fmt.Errorf("starting the server: %w", err)
	}
	r.servers[s] = url
	r.stops = append(r.stops, stop)
	return url, nil
}

func (r *Runner) stopServers() {
	for _, stop := range r.stops {
		stop()
	}
	r.stops = nil
	clear(r.servers)
}
