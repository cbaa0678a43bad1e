package cache

import (
	"math"
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

// leaseTime is for how long a snapshot may be returned unlooked at, at most. It bounds
// how late a suspended machine or a set clock is noticed, and how coarsely the
// reads of a busy secret are seen by the LRU order.
const leaseTime = 100 * time.Millisecond

// busyReads is how many looks within one leaseTime earn a lease. The reads of a
// secret that is read less often are each seen, in their order, by the table
// that evicts.
const busyReads = 8

// leases keeps reads of busy secrets off the lock and off the clock: a lease
// says that a snapshot may be returned as it is until the epoch ends. A timer
// ends the epoch, once, after the first look in it; the next look starts another.
// So a cache that nobody reads has no timer running.
//
// All fields but epoch are guarded by Cache.mu.
type leases struct {
	epoch atomic.Uint64 // never 0
	end   int64         // on the monotonic clock, while running
	run   bool
	timer *time.Timer

	recent uint64 // a lease of this epoch or a later one was given lately
	mark   uint64 // the next recent: an epoch that began leaseTime later or more
	marked int64  // when that began, on the monotonic clock
}

// grant gives s a lease if it may be returned unlooked at for the rest of the
// epoch.
func (l *leases) grant(s *Snapshot, now instant, may time.Duration) {
	if l.run && now.mono >= l.end {
		l.lapse() // the timer is late, as after a freeze
	}
	if !l.run {
		l.start(now, may)
	}
	epoch := l.epoch.Load()
	if s.entry.reads.note(epoch) >= busyReads && time.Duration(l.end-now.mono) < may {
		s.lease.Store(epoch)
	}
}

// shortestEpoch keeps the timer from running all the time.
const shortestEpoch = time.Millisecond

// start begins an epoch, of leaseTime unless the snapshot whose look begins it has to
// be looked at again before that: so its reads just before then have a lease too.
func (l *leases) start(now instant, may time.Duration) {
	length := leaseTime
	if may > shortestEpoch {
		length = min(leaseTime, may-1)
	}
	if now.mono-l.marked >= int64(leaseTime) {
		l.recent, l.mark, l.marked = l.mark, l.epoch.Load(), now.mono
	}
	l.run, l.end = true, now.mono+int64(length)
	l.timer.Reset(length)
}

// reads counts the looks at an entry in one epoch: the epoch's low 28 bits, then the
// count, which stops at busyReads.
type reads uint32

// note counts one more, and returns how many there were in the epoch.
func (r *reads) note(epoch uint64) int {
	const bits = 4
	count := uint32(*r) % (1 << bits)
	if in := uint32(epoch) << bits; uint32(*r)-count != in {
		*r, count = reads(in), 0
	}
	if count < busyReads {
		count++
		*r++
	}
	return int(count)
}

// lapse ends the epoch and with it every lease.
func (l *leases) lapse() {
	l.run = false
	l.epoch.Add(1)
}
