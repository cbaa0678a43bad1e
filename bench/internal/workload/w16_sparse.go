package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/locks"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
)

const (
	sparseEvery    = 50 * time.Millisecond
	sparsePatience = time.Second // far longer than a burst takes
)

// sparseContenders are the contenders that are read by handle and by ID.
var sparseContenders = map[string][]string{
	"handle": {contender.Ours, "setec.Updater", "floor-pointer"},
	"id":     {contender.Ours, "aws-caching-go", "otter", "sturdyc", "freelru-sharded", "floor-syncmap"},
}

func sparse() Workload {
	w := Workload{
		Number: 16, Name: "sparse", Main: "ns",
		Units: map[string]string{"ns": "ns a read", "again": "ns a read", "stopped": "of 1 burst"},
		What: "Every 50 ms a burst reads 1,000 secrets once each, in a new random order. On two cores two goroutines read all of them, " +
			"and the time is divided by the reads of both; they spin until both are ready, and only bursts that ran at once count. " +
			"A figure is the median over pairs of neighbouring bursts, since a clock that ticks every 100 ms makes every second burst dearer. " +
			"Again: a burst that follows another one at once, so that the memory is in the processor's caches. Stopped: whether a burst has to wait " +
			"while every mutex is held that reflection finds in the cache and the handles. A contention profile can't tell that: " +
			"waits for a lock that is held for 100 ns end by spinning and leave no sample.",
		Cases: func(*Env) (cases []Case) {
			for _, by := range []string{"handle", "id"} {
				for _, cores := range []int{1, 2} {
					cfg := func(*Env) contender.Config { return contender.Config{IDs: IDs(tenants)} }
					cases = append(cases, each(sparseRow(by, cores), sparseContenders[by], cfg,
						func(ctx context.Context, env *Env, s contender.Store, _ contender.Config) (Metrics, error) {
							return measureSparse(ctx, env, s, by, cores)
						})...)
				}
			}
			return cases
		},
	}
	for _, by := range []string{"handle", "id"} {
		one, two := sparseRow(by, 1), sparseRow(by, 2)
		w.Targets = append(w.Targets,
			Target{Text: "≤ 60 ns a read on one core, by " + by, AtMost: 60, Of: Key{Row: one, Metric: "ns"}, Why: whySparse},
			Target{Text: "≤ 60 ns a read on one core, again, by " + by, AtMost: 60, Of: Key{Row: one, Metric: "again"}},
			Target{
				Text: "reads a second on two cores ≥ 1.8 × those on one, by " + by, AtLeast: 1.8,
				Of: Key{Row: one, Metric: "ns"}, Over: &Key{Row: two, Metric: "ns"},
			},
			Target{Text: "a burst takes no lock, by " + by, AtMost: 0, Of: Key{Row: one, Metric: "stopped"}})
	}
	return w
}

const whySparse = "The machine's, as far as the floor's row is above the bound too: within 50 ms other programs fill the processor's caches, and " +
	"each pointer that is followed waits for the memory. Ours is the rest, and what the column again shows."

func sparseRow(by string, cores int) string { return fmt.Sprintf("by=%s,cores=%d", by, cores) }

func measureSparse(ctx context.Context, env *Env, s contender.Store, by string, cores int) (Metrics, error) {
	n := env.scale(tenants, 20)
	every := sparseEvery
	if env.Tiny {
		every = time.Millisecond
	}
	rounds, handles, err := roundsOf(ctx, s, by, n, cores)
	if err != nil {
		return nil, err
	}
	var firsts, seconds []measure.Burst
	for _, r := range rounds {
		read := func() error { return checked(n)(r.Loop(ctx)) }
		firsts = append(firsts, measure.Burst{Do: read, Prepare: func() error {
			r.Shuffle()
			return nil
		}})
		seconds = append(seconds, measure.Burst{Do: read, Prepare: func() error {
			r.Shuffle()
			return read()
		}})
	}
	count := 16
	if env.Short {
		count = 8
	}
	count = env.scale(count, 4)
	if _, err := measure.Bursts(every, 2, firsts...); err != nil { // warms up
		return nil, err
	}
	took, err := burstsTogether(env, every, count, firsts)
	if err != nil {
		return nil, err
	}
	again, err := burstsTogether(env, every, count/2, seconds)
	if err != nil {
		return nil, err
	}
	reads := float64(n * cores)
	m := Metrics{"ns": took.Median() / reads, "again": again.Median() / reads}
	if contender.IsOurs(s) && cores == 1 {
		time.Sleep(every)
		m["stopped"], err = stoppedBursts(locks.In(s, handles), firsts[0])
	}
	return m, err
}

// burstsTogether returns the nanoseconds of the bursts: the mean of each two neighbouring
// bursts that ran on all cores at the same time. If there are few of these, it goes on for
// a while.
func burstsTogether(env *Env, every time.Duration, n int, bursts []measure.Burst) (pairs measure.Samples, err error) {
	for tries := 0; tries < 8 && len(pairs) < max(1, n/4); tries++ {
		spans, err := measure.Bursts(every, n, bursts...)
		if err != nil {
			return nil, err
		}
		for i := range spans[1:] {
			if a, b := spans[i], spans[i+1]; a.Together() && b.Together() || env.Tiny {
				pairs = append(pairs, float64(a.Took+b.Took)/2)
			}
		}
	}
	if len(pairs) == 0 {
		return nil, fmt.Errorf("%d bursts never ran at the same time: the machine is busy with other work", len(bursts))
	}
	return pairs, nil
}

// stoppedBursts returns 1 if the burst needs one of the locks, and 0 otherwise.
func stoppedBursts(all []locks.Lock, b measure.Burst) (float64, error) {
	if len(all) == 0 {
		return 0, errors.New("reflection finds no mutex in the cache, so none can be held")
	}
	stopped, err := locks.Stop(all, sparsePatience, b.Do)
	if stopped {
		return 1, err
	}
	return 0, err
}

// roundsOf returns a Round for each core, over the same secrets, and the handles that they
// read. The secrets have been read before.
func roundsOf(ctx context.Context, s contender.Store, by string, n, cores int) (rounds []contender.Round, handles []contender.Handle, err error) {
	if by == "id" {
		if _, err := s.Loop(ctx, IDs(n)); err != nil {
			return nil, nil, err
		}
		for range cores {
			rounds = append(rounds, contender.RoundByID(s, IDs(n))) // each Round has its own strings, as requests do
		}
		return rounds, nil, nil
	}
	for _, id := range IDs(n) {
		h, err := s.Handle(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		if _, err := h.Get(ctx); err != nil {
			return nil, nil, err
		}
		handles = append(handles, h)
	}
	for range cores {
		r, err := contender.RoundByHandle(handles)
		if err != nil {
			return nil, nil, err
		}
		rounds = append(rounds, r)
	}
	return rounds, handles, nil
}
