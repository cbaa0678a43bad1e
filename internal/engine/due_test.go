package engine

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestDueLiesWithinTheTTL for whatever TTL and FetchTimeout, and leaves time for a fetch:
// FetchTimeout, or a quarter of the TTL if that is less, but for a TTL of some nanoseconds.
func TestDueLiesWithinTheTTL(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	some := func() time.Duration { return time.Duration(max(1, rnd.Int64()>>rnd.IntN(63))) }
	edges := []time.Duration{1, 2, 3, 99, 100, 101, 199, 200, 399, 1000, time.Second, time.Hour, math.MaxInt64 - 1, math.MaxInt64}
	check := func(ttl, timeout time.Duration) {
		c := &Cache{cfg: Config{TTL: ttl, FetchTimeout: timeout}}
		for _, drawn := range []uint32{0, 1, math.MaxUint32 / 2, math.MaxUint32 - 1, math.MaxUint32, rnd.Uint32()} {
			for _, inStep := range []bool{false, true} {
				s := &Snapshot{entry: &Entry{cache: c}, due: drawn, inStep: inStep}
				due := s.dueAt()
				if due < 0 || due > ttl {
					t.Fatalf("TTL %d, FetchTimeout %d, drawn %d, %v: due at %d", ttl, timeout, drawn, inStep, due)
				}
				// float64 has 53 bits.
				if left, want := ttl-due, min(timeout, ttl/4); ttl >= 1000 && left < want-ttl/100-ttl>>50 {
					t.Fatalf("TTL %d, FetchTimeout %d, drawn %d, %v: %d is left, want %d", ttl, timeout, drawn, inStep, left, want)
				}
			}
		}
	}
	for _, ttl := range edges {
		for _, timeout := range edges {
			check(ttl, timeout)
		}
	}
	for range 200_000 {
		check(some(), some())
	}
}
