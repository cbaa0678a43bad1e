package workload

import (
	"context"
	"runtime"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// sdkAlone is the row of the SDK's own figures.
const sdkAlone = "sdk"

func allocations() Workload {
	w := Workload{
		Number: 9, Name: "allocs", Main: "allocs", Counted: true,
		Units: map[string]string{"allocs": "allocs/op", "bytes": "B/op", "beyond": "allocs/op beyond the SDK's"},
		What: "Allocations of a warm Get, by handle and by ID, and of a Refresh that finds the same version, through the real SDK " +
			"client over HTTP; beside it what the SDK's GetSecretValue allocates by itself in the same process.",
		Targets: []Target{
			{Text: "warm Get 0", AtMost: 0, Of: Key{Row: "get=handle", Metric: "allocs"}},
			{Text: "warm Get by ID 0", AtMost: 0, Of: Key{Row: "get=id", Metric: "allocs"}},
			{Text: "a refresh that finds the same version ≤ the SDK's + 10", AtMost: 10, Of: Key{Row: "refresh", Metric: "beyond"}, Why: whyAllocs},
		},
	}
	w.Cases = func(*Env) []Case {
		cfg := func(*Env) contender.Config { return contender.Config{IDs: IDs(1)} }
		cases := each("get=handle", contender.Names(), cfg,
			func(ctx context.Context, env *Env, s contender.Store, _ contender.Config) (Metrics, error) {
				h, err := s.Handle(ctx, ID(0))
				if err != nil {
					return nil, err
				}
				n := env.scale(10_000, 100)
				return allocsOf(n, func() error { return checked(n)(h.Loop(ctx, n)) })
			})
		ids := zipf(tenants)[:10_000]
		cases = append(cases, each("get=id", contender.Names(), cfg,
			func(ctx context.Context, _ *Env, s contender.Store, _ contender.Config) (Metrics, error) {
				return allocsOf(len(ids), func() error { return checked(len(ids))(s.Loop(ctx, ids)) })
			})...)
		for _, c := range contender.Named(contender.Ours, "typedsecret/cache", "otter", "sturdyc", "setec.Secret") {
			cases = append(cases, Case{
				Row: "refresh", Contender: c.Name, Isolated: true, Heap: "alloc_objects", Server: &Server{Secrets: 1},
				Measure: func(ctx context.Context, env *Env) (Metrics, error) { return refreshAllocs(ctx, env, c) },
			})
		}
		return cases
	}
	return w
}

const whyAllocs = "Ours: singleflight takes 6, a fetch that outlives its caller's context and ends with FetchTimeout or Close 5, " +
	"a goroutine of its own for the source, so that a panic or Goexit there harms nobody, 4, the new snapshot and what all waiters get 4; " +
	"in source/awssm the user agent and a request body in memory (a fault of smithy-go v1.28.9 is avoided by it) the rest. " +
	"Each belongs to a promise, and a refresh comes once a TTL."

// allocsOf counts what do, which does its work n times, allocates when it is
// called for the second time.
func allocsOf(n int, do func() error) (Metrics, error) {
	if err := do(); err != nil {
		return nil, err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	err := do()
	runtime.ReadMemStats(&after)
	// Rounded down per operation, as testing.AllocsPerRun does, since what the
	// runtime does in the background is counted too.
	return Metrics{
		"allocs": float64((after.Mallocs - before.Mallocs) / uint64(n)),
		"bytes":  float64((after.TotalAlloc - before.TotalAlloc) / uint64(n)),
	}, err
}

func refreshAllocs(ctx context.Context, env *Env, c contender.Contender) (Metrics, error) {
	client, _ := sdkClient(env.URL)
	s, err := c.Open(ctx, contender.Config{SDK: client, Source: new(source.Source), IDs: IDs(1)})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if _, err := s.Get(ctx, ID(0)); err != nil {
		return nil, err
	}
	n := env.scale(500, 10)
	repeat := func(do func() error) func() error {
		return func() error {
			for range n {
				if err := do(); err != nil {
					return err
				}
			}
			return nil
		}
	}
	alone, err := allocsOf(n, repeat(func() error {
		_, err := source.SDK{Client: client}.Fetch(ctx, ID(0))
		return err
	}))
	if err != nil {
		return nil, err
	}
	m, err := allocsOf(n, repeat(func() error { return s.Refresh(ctx, ID(0)) }))
	if err != nil {
		return nil, err
	}
	if err := env.heapProfile(); err != nil { // alloc_objects tells
		return nil, err
	}
	m["beyond"] = m["allocs"] - alone["allocs"]
	m[sdkAlone] = alone["allocs"]
	return m, nil
}
