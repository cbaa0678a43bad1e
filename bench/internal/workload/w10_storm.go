package workload

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

func storm() Workload {
	return Workload{
		Number: 10, Name: "rotation-storm", Main: "stale",
		Units: map[string]string{"stale": "Gets", "decodes": "a version and handle", "refresh": "µs each", "backwards": "Gets"},
		What: "1,000 secrets all rotate and are refreshed, as fast as that goes, eight times over, while 8 goroutines read them by " +
			"handle. Stale is how many Gets after a Refresh returned an older version, backwards how many readers saw one after a newer.",
		Cases: func(env *Env) []Case {
			n := env.scale(1000, 20)
			cfg := func(*Env) contender.Config { return contender.Config{IDs: IDs(n)} }
			var cases []Case
			for _, c := range each("secrets=1000", contender.Names("floor-pointer"), cfg, nil) {
				c.Measure = func(ctx context.Context, env *Env) (Metrics, error) { return measureStorm(ctx, c.Contender, n) }
				cases = append(cases, c)
			}
			return cases
		},
		Targets: []Target{
			{Text: "decode once per version and handle", AtMost: 1, Of: Key{Row: "secrets=1000", Metric: "decodes"}},
			{Text: "staleness after Refresh 0", AtMost: 0, Of: Key{Row: "secrets=1000", Metric: "stale"}},
			{Text: "no reader sees a version go back", AtMost: 0, Of: Key{Row: "secrets=1000", Metric: "backwards"}},
		},
	}
}

func measureStorm(ctx context.Context, name string, n int) (Metrics, error) {
	const rounds = 8
	var decodes atomic.Int64
	cfg := contender.Config{Source: new(source.Source), IDs: IDs(n), OnDecode: func() { decodes.Add(1) }}
	s, err := contender.Named(name)[0].Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	handles := make([]contender.Handle, n)
	for i := range handles {
		if handles[i], err = s.Handle(ctx, ID(i)); err != nil {
			return nil, err
		}
		if _, err := handles[i].Get(ctx); err != nil {
			return nil, err
		}
	}
	decodes.Store(0)

	var backwards atomic.Int64
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for r := range 8 {
		readers.Go(func() {
			seen := make([]int, n)
			for i := r; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				v, err := handles[i%n].Get(ctx)
				if version := v.Version(); err != nil || version < seen[i%n] {
					backwards.Add(1)
				} else {
					seen[i%n] = version
				}
				if i%64 == 0 {
					time.Sleep(10 * time.Microsecond)
				}
			}
		})
	}
	stale := 0
	var took time.Duration
	for range rounds {
		version := cfg.Source.Rotate()
		began := time.Now()
		if err = contender.RefreshAll(ctx, s, cfg.IDs, handles); err != nil {
			break
		}
		took += time.Since(began)
		for _, h := range handles {
			if v, err := h.Get(ctx); err != nil || v.Version() != version {
				stale++
			}
		}
	}
	close(stop)
	readers.Wait()
	return Metrics{
		"stale": float64(stale), "backwards": float64(backwards.Load()),
		"decodes": float64(decodes.Load()) / float64(rounds*n), "refresh": micros(took) / float64(rounds*n),
	}, err
}
