package engine

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

// Tick is how often the coarse clock is advanced while secrets are read.
const Tick = tick

// ClockRuns reports whether the timer of the coarse clock is set.
func (c *Cache) ClockRuns() bool {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	return c.clock.running
}

// The sizes of the parts of a cached secret.
const (
	EntrySize    = unsafe.Sizeof(Entry{})
	SnapshotSize = unsafe.Sizeof(Snapshot{})
)

// Watched returns how many secrets Notify notes somebody for.
func (c *Cache) Watched() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.watchers)
}

// Staged returns how many secrets are noted since a move of another stage concerns them.
func (c *Cache) Staged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.staged)
}

// Expired returns the first result of State.
func (s *Snapshot) Expired() bool {
	expired, _ := s.State()
	return expired
}

// Checks returns how many secrets are to be looked at for events.
func (c *Cache) Checks() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.checks)
}
