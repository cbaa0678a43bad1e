// Package world has the random numbers and the clocks that the library's policy uses. A
// simulation replaces them, so that it can set the clocks and repeat a run exactly.
package world

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// A Simulation replaces the random numbers and the clocks. It is safe for concurrent use if
// Chance is.
type Simulation struct {
	// Chance returns a random number of 64 bits.
	Chance func() uint64
	// Wall and Mono are how far, in nanoseconds, the wall clock and the monotonic clock
	// are ahead of the system's.
	Wall, Mono atomic.Int64
}

var simulation atomic.Pointer[Simulation]

// Simulate makes the whole process use s until stop is called. If s is nil, the process
// uses the real clocks and random numbers.
func Simulate(s *Simulation) (stop func()) {
	before := simulation.Swap(s)
	return func() { simulation.Store(before) }
}

// Uint64 returns a random number.
func Uint64() uint64 {
	if s := simulation.Load(); s != nil {
		return s.Chance()
	}
	return rand.Uint64()
}

// UpTo returns a random duration in [0, d].
func UpTo(d time.Duration) time.Duration {
	if d == 1<<63-1 {
		return time.Duration(Uint64() >> 1)
	}
	part, _ := bits.Mul64(uint64(d)+1, Uint64())
	return time.Duration(part)
}

// Clocks returns the wall clock's time, and the time since start on the monotonic clock, in
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
