// Package engine is how a cache works: package cache shows users what they need of it, and
// package typedsecret builds its handles on the rest. Docs/architecture.md has the whole.
package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"
	"weak"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/health"
)

// A Cache is the engine of package cache's Cache, which is the same struct under another name.
type Cache struct {
	cfg      Config // resolved
	policy   policy
	source   Source
	backends Backends           // the source; nil if it does not tell them apart
	follower hook.FetchObserver // the observer; nil if it does not follow fetches
	start    time.Time
	seed     maphash.Seed    // of index
	done     context.Context // ends with Close
	cancel   context.CancelFunc

	fixed  *Snapshot // of NewFixed: the answer to all reads; else nil
	index  index
	common sync.Map // for Common
	clock  coarseClock

	// mu guards the fields below, and what says so in Entry, fetch and Snapshot. It is
	// never held across I/O or a call of the user's code. Docs/architecture.md has the order
	// of locks.
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // all goroutines but Close's; added to only while not closed, or by one of them

	recent  *table                         // entries with a value that are read by ID
	aside   *table                         // other entries that have a past; nil until there is one
	named   map[string]weak.Pointer[Entry] // entries of handles, by their keys
	sweepAt int                            // the length of named at which dead ones are looked for

	begun     uint64         // counts the fetches that begin
	fetched   uint64         // counts the values published
	evictions uint64         // counts the values that MaxSize has dropped
	requests  int            // fetches and other requests that have a place
	lanes     []*lane        // to the backends of the source; the first is to those without a name
	healths   health.Set     // of the backends
	down      int            // how many of lanes are to backends that are down
	pumped    int            // which of lanes is the first to get a place
	held      int            // requests of FetchMany that wait for a pace
	turned    instant        // when the last request ended, or stopped waiting for a pace
	elapsed   health.Instant // the time for healths, at counted
	counted   instant
	slept     health.Instant // when the machine was last seen to have slept; 0: never
	abandoned int            // calls of the source that have not returned in time
	sealed    *sealedFile    // nil: none

	staged        map[weak.Pointer[Entry]]struct{} // entries with a value, a fetch or a failure that are of another stage than the default
	sweepStagedAt int                              // as sweepAt is of named

	watchers map[string][]chan<- struct{} // for Notify, by the key of an entry

	checks      map[*Entry]struct{} // the entries that have a check
	lastEventAt instant             // when the last event came; zero: never
}

// New is New of package cache.
func New(source Source, cfg Config) (*Cache, error) {
	if guard.IsNil(source) {
		return nil, fmt.Errorf("%w: the source is nil", ErrInvalidConfig)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Cache{
		cfg: cfg.resolved(), source: source, start: time.Now(), seed: maphash.MakeSeed(),
		named: map[string]weak.Pointer[Entry]{}, sweepAt: minSweep,
		staged: map[weak.Pointer[Entry]]struct{}{}, sweepStagedAt: minSweep, checks: map[*Entry]struct{}{},
	}
	c.policy = policy{c.cfg.TTL, c.cfg.MaxRefreshWait, c.cfg.FetchTimeout}
	var err error
	if c.sealed, err = openSealed(c.cfg); err != nil {
		return nil, err
	}
	c.backends, _ = source.(Backends)
	c.follower, _ = c.cfg.Observer.(hook.FetchObserver)
	c.laneNamed("")
	c.counted, c.elapsed = c.now(), 1
	c.index.clear()
	c.recent = newTable(c.cfg.MaxSize)
	c.clock.init(c.now)
	c.done, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Invalidate is Invalidate of package cache.
func (c *Cache) Invalidate(ref Ref) error {
	if c == nil || c.source == nil {
		return &Error{Ref: ref, Err: ErrNilCache}
	}
	if c.fixed != nil {
		return nil
	}
	ref = c.resolve(ref)
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.entry(ref)
	if err != nil {
		return err
	}
	e.invalidate(now, invalidation{})
	c.settle(e)
	c.notify(e.key)
	return nil
}

// FetchTimeout returns the bound on one fetch.
func (c *Cache) FetchTimeout() time.Duration { return c.cfg.FetchTimeout }

// Len is Len of package cache.
func (c *Cache) Len() int {
	if c == nil || c.source == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.len()
}

// CheckNow is CheckNow of package cache.
func (c *Cache) CheckNow() {
	if c == nil || c.source == nil {
		return
	}
	c.clock.advanceNow()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notifyAll()
}

// Close is Close of package cache.
func (c *Cache) Close() error {
	if c == nil || c.source == nil {
		return nil
	}
	var unwritten error
	if c.sealed != nil && !within(c.late(), func() { c.writeSealed(true) }) {
		unwritten = fmt.Errorf("%w: writing %s has not ended after %v; the disk, the sealer or the hook hangs",
			ErrSealedFile, c.sealed.file.Path(), c.cfg.FetchTimeout)
	}
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		c.cancel()
		c.clock.close()
		for _, l := range c.lanes {
			c.empty(l)
			l.release()
			if l.timer != nil {
				l.timer.Stop()
			}
		}
		c.index.clear()
		c.recent, c.aside = newTable(1), nil
		clear(c.named)
		clear(c.staged)
		for e := range c.checks {
			c.endCheck(e)
		}
		c.notifyAll()
	}
	c.mu.Unlock()
	if within(c.cfg.FetchTimeout, c.running.Wait) {
		return unwritten
	}
	return errors.Join(unwritten, fmt.Errorf("%w: after Close has waited for %v, a call of the source (a %T), the hook or the observer has not returned, though its context has ended",
		ErrTimeout, c.cfg.FetchTimeout, c.source))
}

// enter counts a call that Close waits for, until running.Done, unless the Cache is closed.
func (c *Cache) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.running.Add(1)
	}
	return !c.closed
}

// within runs f, and reports whether it ended in time. If not, it goes on.
func within(d time.Duration, f func()) bool {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
		return false
	}
}

// Common returns what the handles on c have in common under key. It lives as long as
// c; if there is nothing yet, create makes it, whose result is dropped if another
// goroutine was faster.
func (c *Cache) Common(key any, create func() any) any {
	if kept, ok := c.common.Load(key); ok {
		return kept
	}
	kept, _ := c.common.LoadOrStore(key, create())
	return kept
}

// Format shows that it is a Cache and nothing of what it holds, for every verb.
func (c *Cache) Format(f fmt.State, _ rune) { fmt.Fprint(f, "Cache") }

// Resolve returns ref with the stage that it means if it names neither a stage nor a version. That
// of a nil Cache is DefaultStage.
func (c *Cache) Resolve(ref Ref) Ref {
	if c != nil {
		return c.resolve(ref)
	}
	if ref.Stage == "" && ref.VersionID == "" {
		ref.Stage = DefaultStage
	}
	return ref
}

func (c *Cache) resolve(ref Ref) Ref {
	if ref.Stage == "" && ref.VersionID == "" {
		ref.Stage = c.cfg.DefaultStage
	}
	return ref
}

func (c *Cache) now() instant { return c.cfg.readClock(c.start) }

func (c *Cache) observe(ctx context.Context, events ...hook.Event) {
	if c.cfg.Observer == nil {
		return
	}
	for _, e := range events {
		_ = guard.Call("observer", func() error {
			c.cfg.Observer.Observe(ctx, e)
			return nil
		})
	}
}
