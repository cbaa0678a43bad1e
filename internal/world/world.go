// Package world is what the library's policy depends on from outside: chance, and
// the clocks. A simulation takes their place, so that it can set the clocks and play
// the same story twice.
package world

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// A Simulation is a world of its own. It is safe for concurrent use if Chance is.
type Simulation struct {
	// Chance returns a number drawn from all of them.
	Chance func() uint64
	// Wall and Mono are how far, in nanoseconds, the wall clock and the monotonic clock
	// are ahead of the system's.
	Wall, Mono atomic.Int64
}

var simulation atomic.Pointer[Simulation]

// Simulate lets the whole process live in s until stop is called, or in the real world
// if s is nil.
func Simulate(s *Simulation) (stop func()) {
	before := simulation.Swap(s)
	return func() { simulation.Store(before) }
}

// Uint64 draws a number.
func Uint64() uint64 {
	if s := simulation.Load(); s != nil {
		return s.Chance()
	}
	return rand.Uint64()
}

// UpTo draws a duration from [0, d].
func UpTo(d time.Duration) time.Duration {
	if d == 1<<63-1 {
		return time.Duration(Uint64() >> 1)
	}
	part, _ := bits.Mul64(uint64(d)+1, Uint64())
	return time.Duration(part)
}

// Clocks reads the wall clock, and the monotonic clock's distance from start, in
// nanoseconds.
func Clocks(start time.Time) (wall, mono int64) {
	t := time.Now()
	wall, mono = t.UnixNano(), int64(t.Sub(start))
	if s := simulation.Load(); s != nil {
		wall += s.Wall.Load()
		mono += s.Mono.Load()
	}
	return wall, mono
}
