package workload

import (
	"context"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/bench/internal/variants"
	"github.com/typedsecret/typedsecret/cache"
)

// Promises is the number of the table of promises, which is no workload.
const Promises = 15

func promises() Workload {
	return Workload{
		Number: Promises, Name: "promises", Main: "ns", Units: map[string]string{"ns": "ns/op"},
		What: "What each promise costs on the warm path, on one core: the path built by hand in bench/internal/variants with one " +
			"promise more each time, and the library's own beside it. A warm Get compares two words, the snapshot's deadline and the cache's " +
			"tick, and marks its use once a tick; what needs no wait needs neither the context nor the system's clock.",
		Targets: []Target{{
			Text: "≤ 2.2 × the bare pointer load, written out in the loop", AtMost: 2.2, Why: whyBareLoad,
			Of:   Key{Row: "cores=1", Contender: "Secret.Get", Metric: "ns"},
			Over: &Key{Row: "cores=1", Contender: "pointer", Metric: "ns"},
		}},
		Cases: func(*Env) (cases []Case) {
			add := func(name string, loop func(ctx context.Context, n int) (int, error)) {
				cases = append(cases, Case{Row: "cores=1", Contender: name, Measure: func(ctx context.Context, env *Env) (Metrics, error) {
					ns, err := measure.PerOp(env.window(), 1, func(n int) error { return checked(n)(loop(ctx, n)) })
					return Metrics{"ns": ns}, err
				}})
			}
			for _, v := range variants.All() {
				add(v.Name, func(ctx context.Context, n int) (int, error) { return v.Loop(ctx, n), nil })
			}
			add("Secret.Get", libraryLoop(cache.Config{}, false))
			add("Secret.Get,CheckClock", libraryLoop(cache.Config{CheckClock: true}, false))
			add("Secret.GetWithInfo", libraryLoop(cache.Config{}, true))
			return cases
		},
	}
}

const whyBareLoad = "The compiler's: a struct of more than four fields that a function returns is copied twice, also where the function is " +
	"inlined. The same load in such a function takes most of the time of a Get (its row: get), and no API that returns a T can do without; " +
	"that is the floor of workload 1. Ours is the rest: the call that finds the view, and its checks of freshness and of the mark."

func libraryLoop(cfg cache.Config, info bool) func(ctx context.Context, n int) (int, error) {
	c, err := cache.New(source.ForCache(new(source.Source)), cfg)
	if err != nil {
		return func(context.Context, int) (int, error) { return 0, err }
	}
	secret := typedsecret.New[source.Creds](ID(0), typedsecret.WithCache(c))
	if info {
		return func(ctx context.Context, n int) (sum int, err error) {
			for range n {
				v, _, err := secret.GetWithInfo(ctx)
				if err != nil {
					return 0, err
				}
				sum += source.Use(&v)
			}
			return sum, nil
		}
	}
	return func(ctx context.Context, n int) (sum int, err error) {
		for range n {
			v, err := secret.Get(ctx)
			if err != nil {
				return 0, err
			}
			sum += source.Use(&v)
		}
		return sum, nil
	}
}
