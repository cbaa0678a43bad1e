package cache

import (
	"time"
	"unsafe"
)

// SetClock has the cache read this wall clock and monotonic clock, in
// nanoseconds, in place of the system's.
func (c *Config) SetClock(read func(start time.Time) (wall, mono int64)) {
	c.readClock = func(start time.Time) instant {
		wall, mono := read(start)
		return instant{wall: wall, mono: mono}
	}
}

// Entries returns how many secrets the cache remembers anything of.
func (c *Cache) Entries() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.index.len
}

// LeaseTime is for how long a busy secret is returned unlooked at.
const LeaseTime = leaseTime

// BusyReads is how many reads within LeaseTime make a secret a busy one.
const BusyReads = busyReads

// WakeUps returns how often the cache's timer ran while f did.
func (c *Cache) WakeUps(f func()) uint64 {
	before := c.leases.epoch.Load()
	f()
	return c.leases.epoch.Load() - before
}

// What the parts of a cached secret take.
const (
	EntrySize    = unsafe.Sizeof(entry{})
	SnapshotSize = unsafe.Sizeof(Snapshot{})
)

// Watched returns how many secrets Notify notes somebody for.
func (c *Cache) Watched() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.watchers)
}
