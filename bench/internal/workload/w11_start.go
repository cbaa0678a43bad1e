package workload

import (
	"context"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

func start() Workload {
	const secrets, latency = 100, 20 * time.Millisecond
	server := &Server{Secrets: secrets, Latency: latency}
	return Workload{
		Number: 11, Name: "start", Main: "elapsed", Units: map[string]string{"elapsed": "× latency", "calls": "requests"},
		What: "A process that starts: a new SDK client, and 100 goroutines that ask for 100 secrets at once over HTTP with 20 ms of " +
			"latency, from the making of the contender to the last value. The server is another process on the same cores.",
		Cases: func(*Env) (cases []Case) {
			for _, c := range contender.All() {
				cases = append(cases, Case{
					Row: "secrets=100", Contender: c.Name, Isolated: true, Server: server,
					Measure: func(ctx context.Context, env *Env) (Metrics, error) {
						client, requests := sdkClient(env.URL)
						began := time.Now()
						s, err := c.Open(ctx, contender.Config{SDK: client, Source: new(source.Source), IDs: IDs(secrets)})
						if err != nil {
							return nil, err
						}
						defer s.Close()
						err = getAll(ctx, s, IDs(secrets))
						return Metrics{
							"elapsed": float64(time.Since(began)) / float64(latency),
							"calls":   float64(requests.Load()),
						}, err
					},
				})
			}
			return cases
		},
		Targets: []Target{{Text: "≤ 3 × one call's latency", AtMost: 3, Of: Key{Row: "secrets=100", Metric: "elapsed"}}},
	}
}

func getAll(ctx context.Context, s contender.Store, ids []string) error {
	errs := make(chan error, len(ids))
	var done sync.WaitGroup
	for _, id := range ids {
		done.Go(func() {
			h, err := s.Handle(ctx, id)
			if err == nil {
				_, err = h.Get(ctx)
			}
			errs <- err
		})
	}
	done.Wait()
	for range ids {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}
