package engine

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/internal/world"
)

// An instant is a moment on both of the system's clocks, in nanoseconds. The
// monotonic clock does not jump, but stands still while the machine is
// suspended; the wall clock goes on then, but can be set.
type instant struct {
	wall, mono int64
}

func readClocks(start time.Time) instant {
	wall, mono := world.Clocks(start)
	return instant{wall: wall, mono: mono}
}

// undated is the mono of an instant whose distance from now is unknown.
const undated = math.MinInt64

// since returns how long ago b was, by the clock on which that is longer: time
// spent suspended counts, and setting the wall clock back makes nothing younger. If b is
// undated, the answer is the largest Duration.
func (a instant) since(b instant) time.Duration {
	if b.mono == undated {
		return math.MaxInt64
	}
	return time.Duration(max(a.wall-b.wall, a.mono-b.mono))
}

// atMost returns a, but no more than d after b on each clock.
func (a instant) atMost(d time.Duration, b instant) instant {
	if a.wall-b.wall > int64(d) {
		a.wall = b.wall + int64(d)
	}
	if a.mono-b.mono > int64(d) {
		a.mono = b.mono + int64(d)
	}
	return a
}

// tick is how often a coarseClock that runs is advanced, and its unit. It bounds how late
// a suspended machine or a clock that was set is noticed.
const tick = 100 * time.Millisecond

// stopped is the reading of a coarseClock that does not run: no deadline is later.
const stopped = math.MaxUint32

// farthest is how far ahead a deadline lies at most, and how long a step is at most. So a
// wall clock that is set from 1970 to the present passes every deadline, and takes only a
// day of the scale, which is 13 years long.
const farthest = 24 * time.Hour

// A coarseClock is a clock whose reading costs one atomic load. It counts ticks since an
// arbitrary moment and goes forward only: a timer advances it while secrets are read. Each
// step is the longer of what the wall clock and the monotonic clock say, so a deadline is
// reached no later than by [instant.since].
//
// Without a reader for two ticks it stops, so an idle cache has no timer running. A reader
// that finds it stopped calls wake.
type coarseClock struct {
	now  atomic.Uint32 // in ticks, or stopped
	used atomic.Bool   // a secret was read since the last tick

	mu      sync.Mutex // guards the fields below; held across no call but that of read
	read    func() instant
	at      instant       // when time was computed
	time    time.Duration // since the arbitrary moment; now counts its ticks
	idle    int           // ticks without a reader
	running bool
	closed  bool
	timer   *time.Timer
}

// init prepares the clock, which is stopped at first.
func (k *coarseClock) init(read func() instant) {
	k.read, k.at, k.time = read, read(), tick
	k.now.Store(stopped)
	k.timer = time.AfterFunc(math.MaxInt64, k.onTick)
	k.timer.Stop()
}

// wake starts the clock if it is stopped.
func (k *coarseClock) wake() {
	if k.now.Load() != stopped {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running || k.closed {
		return
	}
	k.running, k.idle = true, 0
	k.advance()
	k.used.Store(true)
	k.timer.Reset(tick)
}

// onTick advances the clock, or stops it after two ticks without a reader. The timer calls it.
func (k *coarseClock) onTick() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.running {
		return
	}
	if k.idle++; k.used.Swap(false) {
		k.idle = 0
	}
	if k.idle == 2 {
		k.running = false
		k.now.Store(stopped)
		return
	}
	k.advance()
	k.timer.Reset(tick)
}

// advance sets the time to the present. At the end of the scale the clock stands still just
// before stopped, where no deadline lies ahead. Called with mu held.
func (k *coarseClock) advance() { k.advanceTo(k.read()) }

func (k *coarseClock) advanceTo(at instant) {
	step := min(max(0, at.since(k.at)), farthest+tick)
	k.at, k.time = at, min(k.time+step, (stopped-1)*tick)
	k.now.Store(uint32(k.time / tick))
}

// advanceNow advances a clock that runs, without waiting for its timer.
func (k *coarseClock) advanceNow() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running {
		k.advance()
	}
}

// follow advances the clock if the wall clock was set back since the last tick, as now shows.
// A value that is dated by now has a deadline. If the wall clock is set forward later, all of
// that step counts toward the deadline.
func (k *coarseClock) follow(now instant) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if elapsed := now.mono - k.at.mono; k.running && elapsed >= 0 && now.wall-k.at.wall < elapsed {
		k.advanceTo(now)
	}
}

// close stops the clock for good.
func (k *coarseClock) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running, k.closed = false, true
	k.now.Store(stopped)
	k.timer.Stop()
}

// left returns after how long the clock has reached a deadline for certain; 0 if it has.
func (k *coarseClock) left(deadline uint32) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.time + min(max(0, k.read().since(k.at)), farthest+tick)
	return max(0, time.Duration(deadline)*tick+tick-now)
}

// deadline returns a reading of the clock that comes before may is over. It is two ticks
// early, for the clock may be one tick behind, and its timer late. If may is too short for
// that, or the clock is stopped, deadline returns 0, which is always over.
func (k *coarseClock) deadline(may time.Duration) uint32 {
	now := k.now.Load()
	ticks := min(may, farthest)/tick - 2
	if now == stopped || ticks <= 0 {
		return 0
	}
	return now + uint32(min(ticks, time.Duration(stopped-1-now)))
}
