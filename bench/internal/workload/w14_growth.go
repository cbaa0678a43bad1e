package workload

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
)

var (
	growthSizes    = []int{10, 1000, 100_000, 1_000_000}
	goroutineSteps = []int{1, 2, 4, 8, 16, 32, 64}
)

// besideOtter bounds the ratio of our time by ID to otter's. The key is the number of
// secrets, which are read equally often.
var besideOtter = map[int]float64{100_000: 0.8, 1_000_000: 1.1}

// growing are the contenders of the growth curves: typedsecret, the two fastest peers by
// ID, and the floor, which shows the machine's share.
var growing = []string{contender.Ours, "otter", "freelru-sharded", "floor-syncmap"}

func growth() Workload {
	w := Workload{
		Number: 14, Name: "growth", Main: "ns", Units: map[string]string{"ns": "ns/op"},
		What: "A warm Get by the handle of one secret, by ID of 1,000 that are read by Zipf's law (hot), by ID of every secret alike, and a cold miss (the source answers at once; " +
			"the cache is full and evicts), with 10 to 1,000,000 secrets held; and the warm Get by ID of 1,000 secrets from 1 to 64 goroutines.",
	}
	w.Cases = func(env *Env) (cases []Case) {
		sizes := growthSizes
		switch {
		case env.Tiny:
			sizes = []int{10, 20}
		case env.Short:
			sizes = sizes[:3]
		}
		for _, n := range sizes {
			cases = append(cases, growthCases(n)...)
		}
		ids := zipf(tenants)
		for _, g := range goroutineSteps {
			for _, c := range byIDCases(growthRow("goroutines", g), ids, func(env *Env, loop func(n int) error) (float64, error) {
				return measure.Goroutines(env.window(), g, loop)
			}) {
				if c.Contender != "floor-pointer" && c.Contender != "setec.Updater" {
					cases = append(cases, c)
				}
			}
		}
		return cases
	}
	for _, n := range growthSizes[1:] {
		for _, kind := range []string{"handle", "hot"} {
			w.Targets = append(w.Targets, Target{
				Text: fmt.Sprintf("hits by %s are flat within 2 × up to %d entries", kind, n), AtMost: 2,
				Of:   Key{Row: growthRow(kind, n), Metric: "ns"},
				Over: &Key{Row: growthRow(kind, 10), Metric: "ns"},
			})
		}
		of := func(contender string, n int) Key {
			return Key{Row: growthRow("id", n), Contender: contender, Metric: "ns"}
		}
		few := of("", 10)
		w.Targets = append(w.Targets, Target{
			Text: fmt.Sprintf("hits by id grow by ≤ 1.5 × what sync.Map's do, up to %d entries", n), AtMost: 1.5,
			Of: of("", n), Over: &few, Beside: &Ratio{of("floor-syncmap", n), of("floor-syncmap", 10)},
		})
		if most, ok := besideOtter[n]; ok {
			otter := of("otter", n)
			w.Targets = append(w.Targets, Target{
				Text: fmt.Sprintf("hits by id ≤ %g × otter, %d entries read alike", most, n), AtMost: most,
				Of: of("", n), Over: &otter,
			})
		}
	}
	for _, g := range goroutineSteps[2:] {
		w.Targets = append(w.Targets, Target{
			Text: fmt.Sprintf("hits are flat within 2 × up to %d goroutines", g), AtMost: 2,
			Of:   Key{Row: growthRow("goroutines", g), Metric: "ns"},
			Over: &Key{Row: growthRow("goroutines", 2), Metric: "ns"},
		})
	}
	return w
}

func growthRow(kind string, n int) string { return fmt.Sprintf("%s=%d", kind, n) }

// growthCases returns cases that fill a cache once, and measure all three kinds of Get on
// it.
func growthCases(n int) []Case {
	cfg := func(*Env) contender.Config { return contender.Config{MaxSize: n} }
	// The case also returns the metrics of other rows. Package run assigns them to their
	// rows.
	return each(growthRow("entries", n), growing, cfg,
		func(ctx context.Context, env *Env, s contender.Store, _ contender.Config) (Metrics, error) {
			ids := IDs(n)
			if _, err := s.Loop(ctx, ids); err != nil {
				return nil, err
			}
			shuffled := append([]string(nil), ids...)
			rand.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			byID, err := measure.PerOp(env.window(), 1, func(k int) error { return loopOver(ctx, s, shuffled, k) })
			if err != nil {
				return nil, err
			}
			hot := zipfOf(shuffled[:min(n, tenants)])
			if _, err := s.Loop(ctx, hot); err != nil {
				return nil, err
			}
			byHotID, err := measure.PerOp(env.window(), 1, func(k int) error { return loopOver(ctx, s, hot, k) })
			if err != nil {
				return nil, err
			}
			h, err := s.Handle(ctx, ids[0])
			if err != nil {
				return nil, err
			}
			byHandle, err := measure.PerOp(env.window(), 1, func(k int) error { return checked(k)(h.Loop(ctx, k)) })
			if err != nil {
				return nil, err
			}
			next := n
			miss, err := measure.PerOp(env.window(), 1, func(k int) error {
				for range k {
					if _, err := s.Get(ctx, ID(next)); err != nil {
						return err
					}
					next++
				}
				return nil
			})
			return Metrics{
				growthRow("id", n) + "/ns":     byID,
				growthRow("hot", n) + "/ns":    byHotID,
				growthRow("handle", n) + "/ns": byHandle,
				growthRow("miss", n) + "/ns":   miss,
			}, err
		})
}
