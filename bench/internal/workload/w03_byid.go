package workload

import (
	"context"
	"math/rand/v2"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
)

const tenants = 1000

func byIDs() Workload {
	w := Workload{
		Number: 3, Name: "by-id", Main: "ns", Units: map[string]string{"ns": "ns/op"},
		What: "A warm Get by ID, IDs drawn from 1,000 by Zipf's law (s = 1.1), on one core and on more.",
		Cases: func(*Env) (cases []Case) {
			ids := zipf(tenants)
			for _, cores := range append([]int{1}, coreRows()...) {
				cases = append(cases, byIDCases(coresRow(cores), ids, func(env *Env, loop func(n int) error) (float64, error) {
					return measure.PerOp(env.window(), cores, loop)
				})...)
			}
			return cases
		},
	}
	for _, peer := range []string{"otter", "sturdyc"} {
		for _, row := range []string{"cores=1", "cores=2"} {
			w.Targets = append(w.Targets, Target{
				Text: "≤ 0.4 × " + peer + ", " + row, AtMost: 0.4,
				Of: Key{Row: row, Metric: "ns"}, Over: &Key{Row: row, Contender: peer, Metric: "ns"},
			})
		}
	}
	return w
}

// zipf draws 65,536 IDs out of n, the same for all contenders.
func zipf(n int) []string { return zipfOf(IDs(n)) }

func zipfOf(names []string) []string {
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, uint64(len(names))-1)
	ids := make([]string, 1<<16)
	for i := range ids {
		ids[i] = names[z.Uint64()]
	}
	return ids
}

func byIDCases(row string, ids []string, perOp func(env *Env, loop func(n int) error) (float64, error)) []Case {
	cfg := func(*Env) contender.Config { return contender.Config{MaxSize: max(1024, tenants)} }
	return each(row, contender.Names(), cfg,
		func(ctx context.Context, env *Env, s contender.Store, _ contender.Config) (Metrics, error) {
			if _, err := s.Loop(ctx, ids); err != nil {
				return nil, err
			}
			ns, err := perOp(env, func(n int) error { return loopOver(ctx, s, ids, n) })
			return Metrics{"ns": ns}, err
		})
}

// loopOver reads n secrets. It goes through ids again and again, from a random place on.
func loopOver(ctx context.Context, s contender.Store, ids []string, n int) error {
	sum := 0
	for at, left := rand.IntN(len(ids)), n; left > 0; at = 0 {
		part := ids[at:min(len(ids), at+left)]
		part1, err := s.Loop(ctx, part)
		if err != nil {
			return err
		}
		sum += part1
		left -= len(part)
	}
	return checked(n)(sum, nil)
}
