package workload

import (
	"context"
	"fmt"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

func warm() Workload {
	return Workload{
		Number: 1, Name: "warm", Main: "ns", Units: map[string]string{"ns": "ns/op"},
		What: "A Get by handle that finds its value in memory, on one core, in a loop that is compiled for the contender; " +
			"the caller reads all five fields.",
		Cases: func(*Env) []Case { return handleCases(1) },
		Targets: []Target{
			{
				Text: "≤ 0.85 × setec's Updater", AtMost: 0.85,
				Of: Key{Row: "cores=1", Metric: "ns"}, Over: &Key{Row: "cores=1", Contender: "setec.Updater", Metric: "ns"},
			},
			{
				Text: "≤ 2.2 × the floor", AtMost: 2.2,
				Of: Key{Row: "cores=1", Metric: "ns"}, Over: &Key{Row: "cores=1", Contender: "floor-pointer", Metric: "ns"},
			},
			{
				Text: "≥ 100 × faster than AWS's string and json.Unmarshal", AtLeast: 100,
				Of: Key{Row: "cores=1", Contender: "aws-caching-go", Metric: "ns"}, Over: &Key{Row: "cores=1", Metric: "ns"},
			},
		},
	}
}

func warmCores() Workload {
	w := Workload{
		Number: 2, Name: "warm-cores", Main: "ns", Units: map[string]string{"ns": "ns/op"},
		What: "The same on several cores: elapsed time by the operations of all.",
		Cases: func(*Env) (cases []Case) {
			for _, cores := range coreRows() {
				cases = append(cases, handleCases(cores)...)
			}
			return cases
		},
	}
	ours := Key{Row: "cores=2", Metric: "ns"}
	w.Targets = []Target{
		{
			Text: "throughput on two cores ≥ 1.8 × that on one", AtLeast: 1.8,
			Of: Key{Workload: 1, Row: "cores=1", Metric: "ns"}, Over: &ours,
		},
		{
			Text: "≥ 2.5 × setec's Updater", AtLeast: 2.5,
			Of: Key{Row: "cores=2", Contender: "setec.Updater", Metric: "ns"}, Over: &ours,
		},
	}
	for _, c := range contender.All() {
		if c.Floor || c.Name == contender.Ours {
			continue
		}
		w.Targets = append(w.Targets, Target{
			Text: "ahead of " + c.Name, AtMost: 1,
			Of: ours, Over: &Key{Row: "cores=2", Contender: c.Name, Metric: "ns"},
		})
	}
	return w
}

func handleCases(cores int) []Case {
	cfg := func(*Env) contender.Config { return contender.Config{IDs: IDs(1)} }
	return each(coresRow(cores), contender.Names(), cfg,
		func(ctx context.Context, env *Env, s contender.Store, _ contender.Config) (Metrics, error) {
			h, err := s.Handle(ctx, ID(0))
			if err != nil {
				return nil, err
			}
			ns, err := measure.PerOp(env.window(), cores, func(n int) error {
				return checked(n)(h.Loop(ctx, n))
			})
			return Metrics{"ns": ns}, err
		})
}

// checked compares the sum of a loop with the expected one. So the result of the loop is
// used.
func checked(n int) func(sum int, err error) error {
	return func(sum int, err error) error {
		if err == nil && sum != n*source.Sum {
			return fmt.Errorf("the loop summed up to %d, not %d: wrong values", sum, n*source.Sum)
		}
		return err
	}
}
