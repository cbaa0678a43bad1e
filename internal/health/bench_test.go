package health_test

import (
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/health"
)

func BenchmarkAskAndReport(b *testing.B) {
	one := func() *health.Health { return &health.Health{} }
	many := func() *health.Health {
		h := one()
		for _, key := range []string{"a", "b"} {
			h.Report(start, h.Ask(start, health.Want{Key: key}), health.Answered)
		}
		return h
	}
	down := func() *health.Health {
		h := many()
		for _, key := range []string{"a", "b"} {
			h.Report(start, h.Ask(start, health.Want{Key: key}), health.CantAnswer)
		}
		return h
	}
	for _, c := range []struct {
		name    string
		make    func() *health.Health
		purpose health.Purpose
	}{{"late", many, health.Late}, {"ahead", many, health.Ahead}, {"new", many, health.New}, {"only", one, health.Late}, {"down", down, health.Late}} {
		b.Run(c.name, func(b *testing.B) {
			h, now := c.make(), start
			b.ReportAllocs()
			for b.Loop() {
				p := h.Ask(now, health.Want{Key: "prod/db", Purpose: c.purpose})
				if p.Verdict == health.Go {
					h.Report(now, p, health.Answered)
				}
				now += time.Nanosecond
			}
		})
	}
}

func TestNothingIsAllocated(t *testing.T) {
	h, now := wentDown(t), start
	keys := []string{"a", "b", "c"}
	kinds := []health.Kind{health.Answered, health.CantAnswer, health.CantAnswer, health.TooMuch, health.Refused}
	i := 0
	if n := testing.AllocsPerRun(10_000, func() {
		i++
		p := h.Ask(now, health.Want{Key: keys[i%3], Purpose: health.Purpose(i % 4)})
		if p.Verdict < health.Later {
			h.Report(now, p, kinds[i%5])
		}
		now += 100 * time.Millisecond
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
