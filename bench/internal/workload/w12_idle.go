package workload

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

func idle() Workload {
	return Workload{
		Number: 12, Name: "idle", Main: "wakeups", Counted: true, Idle: true,
		Units: map[string]string{"wakeups": "in 10 s", "bare": "in 10 s, without secrets", "goroutines": "more", "calls": "calls"},
		What: "10,000 secrets are held and nobody asks. Wake-ups are the voluntary context switches of the process, by getrusage, in a " +
			"window that begins after the last Get, less those of the same process in a window before it held anything; in 10 s, " +
			"by the window's calmest quarter. " +
			"The TTL is an hour, so that a poller does not poll. Unix only.",
		Cases: func(*Env) (cases []Case) {
			for _, c := range contender.Named(contender.Names("floor-pointer")...) {
				cases = append(cases, Case{
					Row: "secrets=10000", Contender: c.Name, Isolated: true,
					Measure: func(ctx context.Context, env *Env) (Metrics, error) { return measureIdle(ctx, env, c) },
				})
			}
			return cases
		},
		Targets: []Target{
			{Text: "≤ 1 goroutine", AtMost: 1, Of: Key{Row: "secrets=10000", Metric: "goroutines"}},
			{Text: "no wake-ups more often than once in 10 s", AtMost: 1, Of: Key{Row: "secrets=10000", Metric: "wakeups"}},
			{Text: "0 calls", AtMost: 0, Of: Key{Row: "secrets=10000", Metric: "calls"}},
		},
	}
}

func measureIdle(ctx context.Context, env *Env, c contender.Contender) (Metrics, error) {
	window := 20 * time.Second
	if env.Tiny {
		window = 20 * time.Millisecond
	}
	n := env.scale(held, 100)
	debug.FreeOSMemory() // otherwise the runtime does it in many steps during the count
	bare, err := switchesIn(window)
	if err != nil {
		return nil, err
	}
	goroutines := runtime.NumGoroutine()
	var src source.Source
	s, err := c.Open(ctx, contender.Config{Source: &src, IDs: IDs(n), MaxSize: n})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for range 10 { // several reads, until all secrets are surely warm
		for _, id := range IDs(n) {
			h, err := s.Handle(ctx, id)
			if err != nil {
				return nil, err
			}
			if _, err := h.Get(ctx); err != nil {
				return nil, err
			}
		}
	}
	debug.FreeOSMemory()
	calls := src.Calls()
	switches, err := switchesIn(window)
	goroutines = runtime.NumGoroutine() - goroutines
	return Metrics{
		"wakeups":    float64(switches-bare) * 10 / window.Seconds(),
		"bare":       float64(bare) * 10 / window.Seconds(),
		"goroutines": float64(goroutines), "calls": float64(src.Calls() - calls),
	}, err
}

// switchesIn counts the voluntary context switches of this process while it sleeps. The
// result is four times the count of the calmest quarter of the window, since the runtime
// has some work of its own now and then. Work that wakes up in each quarter is counted.
func switchesIn(window time.Duration) (int, error) {
	const parts = 4
	calmest := math.MaxInt
	for range parts {
		before, err := switches()
		if err != nil {
			return 0, err
		}
		time.Sleep(window / parts)
		after, err := switches()
		if err != nil {
			return 0, err
		}
		calmest = min(calmest, after-before)
	}
	return parts * calmest, nil
}
