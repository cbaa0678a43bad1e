package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/measure"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// priceTTL is long enough to measure warm reads before a refresh is due.
func priceTTL(env *Env) time.Duration {
	if env.Tiny {
		return 20 * time.Millisecond
	}
	return time.Second
}

// priceContenders are the contenders that can return a last good value, so that its price
// can be measured.
var priceContenders = map[string][]string{
	"handle": {contender.Ours, "setec.Updater", "otter", "aws-caching-go"},
	"id":     {contender.Ours},
}

func priceRow(mode, by string) string { return fmt.Sprintf("price,%s,by=%s", mode, by) }

// priceCases returns cases that measure a read before an outage, and in it past the TTL, in
// real time.
func priceCases() (cases []Case) {
	for _, by := range []string{"handle", "id"} {
		cfg := func(env *Env) contender.Config { return contender.Config{IDs: IDs(1), TTL: priceTTL(env)} }
		names := priceContenders[by]
		for _, m := range []struct {
			name string
			mode source.Mode
		}{{"fails", source.Failing}, {"hangs", source.Hanging}} {
			cases = append(cases, each(priceRow(m.name, by), names, cfg,
				func(ctx context.Context, env *Env, s contender.Store, cfg contender.Config) (Metrics, error) {
					loop, err := readsOf(ctx, s, by)
					if err != nil {
						return nil, err
					}
					return measurePrice(env, cfg.Source, m.mode, loop)
				})...)
			names = names[:1] // the other rows show hanging outages of the peers
		}
	}
	return cases
}

func priceTargets() (targets []Target) {
	for _, by := range []string{"handle", "id"} {
		for _, mode := range []string{"fails", "hangs"} {
			key := func(metric string) Key { return Key{Row: priceRow(mode, by), Metric: metric} }
			warm := key("warm")
			targets = append(targets,
				Target{Text: "a stale read ≤ 1.1 × a warm one, " + mode + ", by " + by, AtMost: 1.1, Of: key("stale"), Over: &warm},
				Target{Text: "a stale read allocates 0, " + mode + ", by " + by, AtMost: 0, Of: key("allocs")})
		}
	}
	return targets
}

// readsOf returns a loop that reads one secret n times.
func readsOf(ctx context.Context, s contender.Store, by string) (func(n int) error, error) {
	if by == "id" {
		ids := make([]string, 1024)
		for i := range ids {
			ids[i] = ID(0)
		}
		return func(n int) error { return loopOver(ctx, s, ids, n) }, nil
	}
	h, err := s.Handle(ctx, ID(0))
	return func(n int) error { return checked(n)(h.Loop(ctx, n)) }, err
}

func measurePrice(env *Env, src *source.Source, mode source.Mode, loop func(n int) error) (Metrics, error) {
	// Each takes half a window, so that the first ends before a refresh is due.
	price := func() (float64, error) { return measure.PerOp(env.window()/2, 1, loop) }
	warm, err := price()
	if err != nil {
		return nil, err
	}
	src.SetMode(mode)
	defer src.SetMode(source.OK)
	time.Sleep(priceTTL(env) * 11 / 10)
	if err := loop(1); err != nil { // waits for a refresh that fails
		return nil, err
	}
	stale, err := price()
	if err != nil {
		return nil, err
	}
	n := env.scale(100_000, 100)
	m, err := allocsOf(n, func() error { return loop(n) })
	return Metrics{"warm": warm, "stale": stale, "allocs": m["allocs"]}, err
}
