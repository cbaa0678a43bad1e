package workload

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
)

func cancelled() Workload {
	const followers, fetch = 99, 100 * time.Millisecond
	return Workload{
		Number: 6, Name: "cancelled-leader", Main: "failed",
		Units: map[string]string{"failed": "of 99", "calls": "calls"},
		What: "The first of 100 callers on a cold secret gives up after half of the latency of 100 ms; the others came " +
			"when its fetch had begun, and would wait longer. In real time, as several contenders hold a mutex meanwhile, which testing/synctest takes for work.",
		Cases: func(*Env) []Case {
			cfg := func(*Env) contender.Config { return contender.Config{} }
			return each("callers=100", contender.Names("floor-pointer"), cfg,
				func(ctx context.Context, _ *Env, s contender.Store, cfg contender.Config) (Metrics, error) {
					cfg.Source.SetLatency(fetch)
					leader, cancel := context.WithTimeout(ctx, fetch/2)
					defer cancel()
					var failed atomic.Int64
					var done sync.WaitGroup
					var leaderErr error
					gone := make(chan struct{})
					done.Go(func() {
						defer close(gone)
						_, leaderErr = s.Get(leader, ID(0))
					})
					for waiting := true; waiting && cfg.Source.Calls() == 0; {
						select {
						case <-gone:
							waiting = false
						default:
							runtime.Gosched()
						}
					}
					for range followers {
						done.Go(func() {
							if _, err := s.Get(ctx, ID(0)); err != nil {
								failed.Add(1)
							}
						})
					}
					done.Wait()
					if _, cannot := contender.Reason(leaderErr); cannot {
						return nil, leaderErr
					}
					return Metrics{"failed": float64(failed.Load()), "calls": float64(cfg.Source.Calls())}, nil
				})
		},
		Targets: []Target{
			{Text: "0 followers fail", AtMost: 0, Of: Key{Row: "callers=100", Metric: "failed"}},
			{Text: "1 call", AtMost: 1, Of: Key{Row: "callers=100", Metric: "calls"}},
		},
	}
}
