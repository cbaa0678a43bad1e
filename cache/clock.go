package cache

import (
	"sync/atomic"
	"time"
)

// An instant is a moment on both of the system's clocks, in nanoseconds. The
// monotonic clock does not jump, but stands still while the machine is
// suspended; the wall clock goes on then, but can be set.
type instant struct {
	wall, mono int64
}

func readClocks(start time.Time) instant {
	t := time.Now()
	return instant{wall: t.UnixNano(), mono: int64(t.Sub(start))}
}

// since returns how long ago b was, by the clock on which that is longer: time
// spent suspended counts, and setting the wall clock back makes nothing younger.
func (a instant) since(b instant) time.Duration {
	return time.Duration(max(a.wall-b.wall, a.mono-b.mono))
}

// leaseTime is for how long a snapshot may be returned unlooked at. It bounds
// how late a suspended machine or a set clock is noticed, and how coarsely the
// reads of a busy secret are seen by the LRU order.
const leaseTime = 100 * time.Millisecond

// busyReads is how many looks within one leaseTime earn a lease. The reads of a
// secret that is read less often are each seen, in their order, by the table
// that evicts.
const busyReads = 8

// leases keeps reads of busy secrets off the lock and off the clock: a lease
// says that a snapshot may be returned as it is until the epoch ends. A timer
// ends the epoch, once, after the first look in it; the next lease starts it
// anew. So a cache that nobody reads has no timer running.
//
// All fields but epoch are guarded by Cache.mu.
type leases struct {
	epoch atomic.Uint64 // never 0
	end   int64         // on the monotonic clock, while running
	run   bool
	timer *time.Timer
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
	e := s.entry
	if e.readsIn != uint16(epoch) {
		e.readsIn, e.reads = uint16(epoch), 0
	}
	e.reads = min(e.reads+1, busyReads)
	if e.reads >= busyReads && time.Duration(l.end-now.mono) < may {
		s.lease.Store(epoch)
	}
}

// start begins an epoch. That of a snapshot that is soon to be looked at again ends
// by then, lest its last reads before go without a lease.
func (l *leases) start(now instant, may time.Duration) {
	length := leaseTime
	if may > leaseTime/100 {
		length = min(leaseTime, may-1)
	}
	l.run, l.end = true, now.mono+int64(length)
	l.timer.Reset(length)
}

// lapse ends the epoch and with it every lease.
func (l *leases) lapse() {
	l.run = false
	l.epoch.Add(1)
}
