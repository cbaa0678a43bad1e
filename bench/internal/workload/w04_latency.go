package workload

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

const (
	readers     = 64
	fetchTime   = 200 * time.Millisecond
	readTick    = time.Millisecond
	readsATick  = 8
	latencyTTL  = time.Second
	readEvery   = readTick / readsATick // the planned interval between a reader's reads
	latencyWait = fetchTime / 10        // a Get of this length waited for the fetch
)

func latency() Workload {
	w := Workload{
		Number: 4, Name: "latency", Main: "p99.9",
		Units: map[string]string{"p50": "µs", "p99.9": "µs", "max": "µs", "waited": "Gets", "refreshes": "calls"},
		What: "Get by handle (by ID where there is none) from 64 goroutines, 8 each millisecond each, while the value is refreshed by " +
			"fetches of 200 ms: forced ones, one after the other; and those that come of themselves at a TTL of 1 s. A Get waited if it " +
			"took 20 ms or longer. A long Get counts also for those that its goroutine meant to make meanwhile.",
		Cases: func(*Env) []Case {
			forced := func(*Env) contender.Config { return contender.Config{IDs: IDs(1)} }
			natural := func(*Env) contender.Config { return contender.Config{IDs: IDs(1), TTL: latencyTTL} }
			return append(
				each("refreshes=forced", contender.Names(), forced, measureLatency),
				each("refreshes=by-TTL", contender.Names(), natural, measureLatency)...)
		},
	}
	for _, row := range []string{"refreshes=forced", "refreshes=by-TTL"} {
		key := func(metric, who string) Key { return Key{Row: row, Contender: who, Metric: metric} }
		floor := key("p99.9", "floor-pointer")
		w.Targets = append(w.Targets,
			Target{Text: "p99.9 within 2 × the floor's, " + row, AtMost: 2, Of: key("p99.9", ""), Over: &floor},
			Target{Text: "0 Gets that waited, " + row, AtMost: 0, Of: key("waited", "")},
			Target{Text: "refreshes did run, " + row, AtLeast: 2, Of: key("refreshes", "")})
	}
	return w
}

func measureLatency(ctx context.Context, env *Env, s contender.Store, cfg contender.Config) (Metrics, error) {
	h, err := s.Handle(ctx, ID(0))
	if err != nil {
		return nil, err
	}
	if _, err := h.Get(ctx); err != nil {
		return nil, err
	}
	cfg.Source.SetLatency(fetchTime)
	before := cfg.Source.Calls()
	runs := 3 * fetchTime
	if cfg.TTL != 0 {
		runs = 2 * latencyTTL
	} else {
		// This call finds out whether the contender can refresh.
		if err := s.Refresh(ctx, ID(0)); err != nil {
			return nil, err
		}
		forcing, stop := context.WithCancel(ctx)
		defer stop()
		go func() {
			for forcing.Err() == nil {
				_ = s.Refresh(forcing, ID(0))
			}
		}()
	}
	if env.Tiny {
		runs = 20 * time.Millisecond
	}
	var all measure.Histogram
	waited, failed := 0, 0
	var mu sync.Mutex // guards the three variables above
	var done sync.WaitGroup
	start := time.Now().Add(20 * time.Millisecond)
	for i := range readers {
		done.Go(func() {
			r := reader{get: h.Get, start: start.Add(readTick * time.Duration(i) / readers)}
			r.run(ctx, runs)
			mu.Lock()
			defer mu.Unlock()
			all.Merge(&r.seen)
			waited += r.waited
			failed += r.failed
		})
	}
	done.Wait()
	if failed > 0 {
		return nil, fmt.Errorf("%d reads failed", failed)
	}
	return Metrics{
		"p50": micros(all.Quantile(0.5)), "p99.9": micros(all.Quantile(0.999)), "max": micros(all.Max()),
		"waited": float64(waited), "refreshes": float64(cfg.Source.Calls() - before),
	}, nil
}

// A reader reads a secret at fixed times, and records the time of each Get.
type reader struct {
	get            func(context.Context) (source.Creds, error)
	start          time.Time
	seen           measure.Histogram
	waited, failed int
}

func (r *reader) run(ctx context.Context, runs time.Duration) {
	for tick := r.start; tick.Sub(r.start) < runs; tick = tick.Add(readTick) {
		if time.Since(tick) > readEvery*readsATick {
			continue // a long Get held this one up, and was counted for it too
		}
		time.Sleep(time.Until(tick))
		for range readsATick {
			began := time.Now()
			v, err := r.get(ctx)
			took := time.Since(began)
			if err != nil || source.Use(&v) != source.Sum {
				r.failed++
			}
			if took >= latencyWait {
				r.waited++
			}
			r.seen.RecordCorrected(took, readEvery)
		}
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
