package workload

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

const outageTTL = 10 * time.Minute

func outage() Workload {
	rows := []struct {
		name    string
		mode    source.Mode
		rotated bool
	}{
		{"fails", source.Failing, false},
		{"hangs", source.Hanging, false},
		{"fails,just-rotated", source.Failing, true},
	}
	w := Workload{
		Number: 7, Name: "outage", Main: "rate",
		Units: map[string]string{
			"rate": "calls/s, first 10 s", "later": "calls/s, last 30 s", "failed": "Gets", "failed-old": "Gets past the TTL",
			"wait": "s, longest Get", "warm": "ns/op", "stale": "ns/op", "allocs": "allocs/op, stale",
		},
		What: "A minute of virtual time (testing/synctest) from the first call that fails: 64 goroutines read a value every 20 ms " +
			"that has to be refreshed, and each waits up to 30 s. Then, when it is past its TTL of 10 min and nobody has asked for that " +
			"long, another minute. The rows of prices are in real time: what a read takes before the outage (warm), and past the TTL of 1 s " +
			"after a refresh failed or took long (stale).",
		Cases: func(*Env) (cases []Case) {
			for _, row := range rows {
				for _, c := range contender.Named(contender.Names("floor-pointer", "floor-syncmap")...) {
					cases = append(cases, Case{
						Row: row.name, Contender: c.Name, Virtual: true,
						Measure: func(ctx context.Context, env *Env) (Metrics, error) {
							if c.Name == "aws-caching-go" && row.mode == source.Hanging {
								return nil, contender.Cannot("it holds a mutex across its call, and a bubble's time stands still " +
									"while goroutines wait for a mutex; all its readers wait as long as the call hangs")
							}
							return measureOutage(ctx, env, c, row.mode, row.rotated)
						},
					})
				}
			}
			return append(cases, priceCases()...)
		},
	}
	for _, row := range rows {
		key := func(metric string) Key { return Key{Row: row.name, Metric: metric} }
		w.Targets = append(w.Targets,
			Target{Text: "≤ 2 calls/s at first, " + row.name, AtMost: 2, Of: key("rate")},
			Target{Text: "falling by the back-off, " + row.name, AtMost: 0.5, Of: key("later")},
			Target{Text: "no Get fails, " + row.name, AtMost: 0, Of: key("failed")},
			Target{Text: "nor past the TTL, " + row.name, AtMost: 0, Of: key("failed-old")})
	}
	w.Targets = append(w.Targets, priceTargets()...)
	return w
}

func measureOutage(ctx context.Context, env *Env, c contender.Contender, mode source.Mode, rotated bool) (Metrics, error) {
	var src source.Source
	s, err := c.Open(ctx, contender.Config{Source: &src, IDs: IDs(1), TTL: outageTTL, DescribeWorks: rotated})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	h, err := s.Handle(ctx, ID(0))
	if err != nil {
		return nil, err
	}
	if _, err := h.Get(ctx); err != nil {
		return nil, err
	}
	time.Sleep(outageTTL/2 - time.Second)
	src.SetMode(mode)
	if rotated {
		src.Rotate()
	}
	before := src.Calls()
	for range int(outageTTL / time.Second) { // reads until the refresh is due
		if src.Calls() > before {
			break
		}
		get(ctx, h)
		time.Sleep(time.Second)
	}
	first := readThrough(ctx, h, &src, env)
	time.Sleep(outageTTL)
	second := readThrough(ctx, h, &src, env)
	src.SetMode(source.OK)
	return Metrics{
		"rate": float64(first.early+1) / 10, "later": float64(first.late) / 30, // + 1 for the call that began the outage
		"failed": float64(first.failed), "failed-old": float64(second.failed),
		"wait": max(first.longest, second.longest).Seconds(),
	}, nil
}

type outageSeen struct {
	early, late, failed int
	longest             time.Duration
}

// readThrough lets 64 goroutines read for a minute.
func readThrough(ctx context.Context, h contender.Handle, src *source.Source, env *Env) outageSeen {
	began, before := time.Now(), src.Calls()
	runs := time.Duration(env.scale(60, 41)) * time.Second
	var failed, longest atomic.Int64
	var done sync.WaitGroup
	for i := range readers {
		done.Go(func() {
			time.Sleep(time.Duration(i) * time.Millisecond / 4)
			for time.Since(began) < runs {
				asked := time.Now()
				if get(ctx, h) != nil {
					failed.Add(1)
				}
				took := int64(time.Since(asked))
				for old := longest.Load(); took > old && !longest.CompareAndSwap(old, took); old = longest.Load() {
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	time.Sleep(10 * time.Second)
	early := src.Calls() - before
	time.Sleep(runs - 40*time.Second)
	middle := src.Calls()
	time.Sleep(30 * time.Second)
	late := src.Calls() - middle
	done.Wait()
	return outageSeen{early, late, int(failed.Load()), time.Duration(longest.Load())}
}

func get(ctx context.Context, h contender.Handle) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err := h.Get(ctx)
	return err
}
