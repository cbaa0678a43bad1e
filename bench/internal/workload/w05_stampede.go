package workload

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
)

func stampede() Workload {
	w := Workload{
		Number: 5, Name: "stampede", Main: "elapsed",
		Units: map[string]string{"elapsed": "× latency", "calls": "calls a secret"},
		What: "Goroutines that all ask at once, by ID, for secrets that nobody has asked for before; a call takes 200 ms. " +
			"Elapsed is from the first Get to the last result, as a multiple of that. Ours makes at most 64 requests at a time, " +
			"so 100 secrets take two rounds: that is the price of the bound.",
	}
	shapes := []struct{ goroutines, secrets int }{{1000, 1}, {10_000, 1}, {1000, 100}, {10_000, 100}}
	row := func(goroutines, secrets int) string {
		return fmt.Sprintf("goroutines=%d,secrets=%d", goroutines, secrets)
	}
	for _, s := range shapes {
		r := row(s.goroutines, s.secrets)
		text, rounds := "done within the latency + 10 %, ", 1.0
		if s.secrets > 64 {
			text, rounds = "done within twice the latency + 10 %, ", 2
		}
		w.Targets = append(w.Targets,
			Target{Text: "1 call a secret, " + r, AtMost: 1, Of: Key{Row: r, Metric: "calls"}},
			Target{Text: text + r, AtMost: 1.1 * rounds, Of: Key{Row: r, Metric: "elapsed"}})
	}
	w.Cases = func(*Env) (cases []Case) {
		for _, shape := range shapes {
			cfg := func(*Env) contender.Config { return contender.Config{} }
			cases = append(cases, each(row(shape.goroutines, shape.secrets), contender.Names("floor-pointer"), cfg,
				func(ctx context.Context, env *Env, s contender.Store, cfg contender.Config) (Metrics, error) {
					cfg.Source.SetLatency(fetchTime)
					took, err := askAtOnce(ctx, s, env.scale(shape.goroutines, 200), IDs(shape.secrets))
					return Metrics{
						"elapsed": float64(took) / float64(fetchTime),
						"calls":   float64(cfg.Source.Calls()) / float64(shape.secrets),
					}, err
				})...)
		}
		return cases
	}
	return w
}

// askAtOnce starts n goroutines, and then lets all of them read the ids at the same time.
func askAtOnce(ctx context.Context, s contender.Store, n int, ids []string) (time.Duration, error) {
	errs := make(chan error, n)
	start := make(chan struct{})
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			v, err := s.Get(ctx, ids[i%len(ids)])
			if err == nil && v.Port == 0 {
				err = fmt.Errorf("a Get returned an empty value")
			}
			errs <- err
		})
	}
	ready.Wait()
	began := time.Now()
	close(start)
	done.Wait()
	took := time.Since(began)
	for range n {
		if err := <-errs; err != nil {
			return took, err
		}
	}
	return took, nil
}
