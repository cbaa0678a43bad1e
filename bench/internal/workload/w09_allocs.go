package workload

import (
	"context"
	"runtime"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// sdkAlone is the row with the SDK's own figures.
const sdkAlone = "sdk"

func allocations() Workload {
	w := Workload{
		Number: 9, Name: "allocs", Main: "allocs", Counted: true,
		Units: map[string]string{"allocs": "allocs/op", "bytes": "B/op", "beyond": "allocs/op beyond the SDK's", "ns": "ns/op"},
		What: "Allocations of a warm Get, by handle and by ID, and of a Refresh that finds the same version, through the real SDK " +
			"client over HTTP; beside it what the SDK's GetSecretValue allocates by itself in the same process. And of typedsecret.New, " +
			"without options, for a T that another handle has; its time is the median of nine loops.",
		Targets: []Target{
			{Text: "warm Get 0", AtMost: 0, Of: Key{Row: "get=handle", Metric: "allocs"}},
			{Text: "warm Get by ID 0", AtMost: 0, Of: Key{Row: "get=id", Metric: "allocs"}},
			{Text: "a refresh that finds the same version ≤ the SDK's + 12", AtMost: 12, Of: Key{Row: "refresh", Metric: "beyond"}},
			{Text: "New under 200 ns", AtMost: 200, Of: Key{Row: "new", Metric: "ns"}},
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
		cases = append(cases, Case{Row: "new", Contender: contender.Ours, Measure: measureNew})
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

// allocsOf counts the allocations of the second call of do, which does n operations.
func allocsOf(n int, do func() error) (Metrics, error) {
	if err := do(); err != nil {
		return nil, err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	err := do()
	runtime.ReadMemStats(&after)
	// The result is rounded down, as in testing.AllocsPerRun, since the runtime's
	// background work is counted too.
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
	if err := env.heapProfile(); err != nil { // the profile has alloc_objects
		return nil, err
	}
	m["beyond"] = m["allocs"] - alone["allocs"]
	m[sdkAlone] = alone["allocs"]
	return m, nil
}

// made forces the handle of measureNew onto the heap.
var made *typedsecret.Secret[source.Creds]

// measureNew declares handles, as package variables do.
func measureNew(_ context.Context, env *Env) (Metrics, error) {
	id := ID(0)
	declare := func(n int) error {
		for range n {
			made = typedsecret.New[source.Creds](id)
		}
		return made.Err()
	}
	n := env.scale(10_000, 100)
	m, err := allocsOf(n, func() error { return declare(n) })
	if err != nil {
		return nil, err
	}
	var ns measure.Samples
	for range env.scale(9, 1) {
		one, err := measure.PerOp(env.window()/4, 1, declare)
		if err != nil {
			return nil, err
		}
		ns = append(ns, one)
	}
	m["ns"] = ns.Median()
	return m, nil
}
