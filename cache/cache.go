// Package cache keeps the bytes of secrets in memory and keeps them current. A
// [Cache] fetches each secret from a [Source] when it is first asked for, returns
// it from memory from then on, refreshes it in the background before its TTL is
// over, and holds on to the last good value while refreshing fails. It knows
// bytes and versions; the typed handles of package typedsecret are built on it.
//
// Read on with [Ref] (what to fetch), [Value] (what came back), [Config] (how
// long it is good for) and [Cache.Get].
package cache

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"
	"weak"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
)

// A Cache is safe for concurrent use. At most 64 requests are under way at a time; fetches
// beyond that wait for their turn, and one that nobody waits for any more is given up before
// it begins. A Cache has goroutines for what is under way alone, and one timer that runs only
// while secrets are read. A Cache that is used in a testing/synctest bubble has to be made,
// used and closed in there alone. Make one with [New]; those methods of a nil or zero Cache
// that can fail return [ErrNilCache], but for Close.
type Cache struct {
	cfg    Config // resolved
	policy policy
	source Source
	start  time.Time
	seed   maphash.Seed    // of index
	done   context.Context // ends with Close
	cancel context.CancelFunc

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
	without *table                         // entries that have none, but a past; nil until there is one
	named   map[string]weak.Pointer[Entry] // entries of handles, by their keys
	sweepAt int                            // the length of named at which dead ones are looked for

	begun     uint64    // counts the fetches that begin
	fetched   uint64    // counts the values published
	requests  int       // fetches that have a place
	queue     list.List // fetches that wait for one
	held      int       // requests of FetchMany that wait for a pace
	turned    instant   // when the last request ended, or stopped waiting for a pace
	abandoned int       // calls of the source that have not returned in time
	backup    *backup   // nil: none

	staged        map[weak.Pointer[Entry]]struct{} // entries with a value, or a fetch, that are of another stage than the default
	sweepStagedAt int                              // as sweepAt is of named

	watchers map[string][]chan<- struct{} // for Notify, by the key of an entry
}

// New makes a Cache over source. A Config that makes no sense, or no source, is an error
// that wraps [ErrInvalidConfig]. It does no I/O, except for a sealed snapshot: there it
// creates an empty file beside the snapshot's, to see that this can be done, and removes
// it.
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
		staged: map[weak.Pointer[Entry]]struct{}{}, sweepStagedAt: minSweep,
	}
	c.policy = policy{c.cfg.TTL, c.cfg.MaxRefreshWait, c.cfg.FetchTimeout}
	var err error
	if c.backup, err = openBackup(c.cfg); err != nil {
		return nil, err
	}
	c.index.clear()
	c.recent = newTable(c.cfg.MaxSize)
	c.clock.init(c.now)
	c.done, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Invalidate makes the next Get of ref fetch, and wait for that fetch, as if the value were
// past its TTL; if the fetch fails or takes long, Config.StaleIfError decides whether Get
// returns the last good value. The fetch is a forced one, as IsForced reports to the Source. It
// begins at once if the last one that Invalidate asked for began Config.MinRefreshInterval
// ago or earlier, else at the end of that interval, for which a Get waits for at most
// Config.MaxRefreshWait.
func (c *Cache) Invalidate(ref Ref) error {
	if c == nil || c.source == nil {
		return &Error{Ref: ref, Err: ErrNilCache}
	}
	ref = c.resolve(ref)
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.entry(ref)
	if err != nil {
		return err
	}
	e.invalidate(now)
	c.settle(e)
	c.notify(e.key)
	return nil
}

// Len returns how many secrets are kept for reads by ID, at most Config.MaxSize. A secret that
// a handle names counts until others have taken its place; its value stays all the same.
func (c *Cache) Len() int {
	if c == nil || c.source == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.len()
}

// CheckNow makes the next read of each secret see that time has passed, also
// where [Config].CheckClock is off. A program calls it when it knows that it was
// frozen, in a hook that runs after a virtual machine was restored, say.
func (c *Cache) CheckNow() {
	if c == nil || c.source == nil {
		return
	}
	c.clock.advanceNow()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notifyAll()
}

// Close drops all values, cancels the fetches and hooks under way and waits until they have
// ended, for at most Config.FetchTimeout. The error says what has not ended by then; mostly
// it is nil. After Close, reads and refreshes return [ErrClosed], and no goroutine and no
// timer of the Cache is left but those that the error speaks of. Close may be called more
// than once, but not from a hook, an observer or a source, for whose end it waits. A sealed
// snapshot that is out of date is written first, for which Close also waits for at most
// Config.FetchTimeout.
func (c *Cache) Close() error {
	if c == nil || c.source == nil {
		return nil
	}
	var unwritten error
	if c.backup != nil && !within(c.late(), func() { c.writeBackup(true) }) {
		unwritten = fmt.Errorf("%w: writing %s has not ended after %v; the disk, the sealer or the hook hangs",
			ErrSnapshot, c.backup.file.Path(), c.cfg.FetchTimeout)
	}
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		c.cancel()
		c.clock.close()
		c.emptyQueue()
		c.index.clear()
		c.recent, c.without = newTable(1), nil
		clear(c.named)
		clear(c.staged)
		c.notifyAll()
	}
	c.mu.Unlock()
	if within(c.cfg.FetchTimeout, c.running.Wait) {
		return unwritten
	}
	return errors.Join(unwritten, fmt.Errorf("%w: after Close has waited for %v, a call of the source (a %T), the hook or the observer has not returned, though its context has ended",
		ErrTimeout, c.cfg.FetchTimeout, c.source))
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
