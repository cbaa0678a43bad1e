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
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/world"
)

// A Cache is safe for concurrent use. It starts no goroutine but for fetches,
// and one timer that runs only while secrets are being read. One that is used in a
// testing/synctest bubble has to be made, used and closed in there alone. Make one with
// [New]; those methods of a nil or zero Cache that can fail return [ErrNilCache],
// but for Close.
type Cache struct {
	cfg    Config // resolved
	source Source
	start  time.Time
	seed   maphash.Seed    // of index
	basis  uint64          // of group
	done   context.Context // ends with Close
	cancel context.CancelFunc

	index   index
	common  sync.Map // for Common
	leases  leases
	flights singleflight.Group

	// mu guards the fields below, and what says so in leases, entry and
	// Snapshot. It is never held across I/O or a call of the user's code.
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // fetches and Snapshot.Go; added to only while not closed
	fetched uint64         // counts the values published
	// outdated has for each of some groups of Refs the number of the newest value of
	// which an evicted one is known to be out of date. Nil until one was evicted.
	outdated []uint64
	recent   *table  // entries that have a value
	without  *table  // entries that have none, but a past; nil until there is one
	backup   *backup // nil: none

	watchers map[string][]chan<- struct{} // for Notify, by the key of an entry
}

// New makes a Cache over source. A Config that makes no sense, or no source, is
// an error that wraps [ErrInvalidConfig]. It does no I/O, but to see that the file of a
// sealed snapshot can be written: it creates an empty one beside it, and removes that.
func New(source Source, cfg Config) (*Cache, error) {
	if guard.IsNil(source) {
		return nil, fmt.Errorf("%w: the source is nil", ErrInvalidConfig)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Cache{cfg: cfg.resolved(), source: source, start: time.Now(), seed: maphash.MakeSeed(), basis: world.Uint64()}
	var err error
	if c.backup, err = openBackup(c.cfg); err != nil {
		return nil, err
	}
	c.index.clear()
	c.recent = newTable(c.cfg.MaxSize)
	c.leases.epoch.Store(1)
	c.leases.timer = time.AfterFunc(math.MaxInt64, c.lapse)
	c.leases.timer.Stop()
	c.done, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Get returns the secret's value: from memory if it is younger than its TTL,
// else from the source. If refreshing it fails, it is the last good value, as
// far as Config.StaleIfError allows. Errors are of type [*Error].
//
// A done ctx ends the wait of this caller and nothing else: a fetch goes on for
// the others and for the cache. What needs no wait is returned although ctx is
// done.
func (c *Cache) Get(ctx context.Context, ref Ref) (Value, error) {
	s, err := c.Lookup(ctx, ref, nil)
	if err != nil {
		return Value{}, err
	}
	return s.Value(ctx)
}

// Lookup is Get for typed handles: it returns the Snapshot, which holds the
// Value. A caller that got one for ref before passes it as last: if it was
// evicted since and can't be fetched now, it takes its place again, and is
// returned as if it had never left. Otherwise last is nil.
func (c *Cache) Lookup(ctx context.Context, ref Ref, last *Snapshot) (*Snapshot, error) {
	if c == nil || c.source == nil {
		return nil, &Error{Ref: ref, Err: ErrNilCache}
	}
	ref = c.resolve(ref)
	if e := c.find(&ref); e != nil {
		// Another handle may have brought back an older one than last.
		if s := e.snap.Load(); s != nil && s.Fresh() && (last == nil || !s.Before(last)) {
			return s, nil
		}
	}
	return c.lookup(ctx, ref, last)
}

func (c *Cache) lookup(ctx context.Context, ref Ref, last *Snapshot) (*Snapshot, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	var asked instant
	for first := true; ; first = false {
		d := c.look(ref, last)
		if first {
			asked = d.at
		}
		if d.evicted != nil {
			c.observe(ctx, hook.Evicted{Secret: d.evicted.event()})
		}
		switch d.verdict {
		case hit:
			if d.refresh {
				c.fetch(ctx, ref, false)
			}
			return d.snap, nil
		case stale:
			refused := c.maySeeStale(ctx, d)
			if refused == nil {
				if d.refresh {
					c.fetch(ctx, ref, false)
				}
				return d.snap, nil
			}
			if d.waitFor > 0 {
				return nil, refused
			}
		case refused:
			return nil, d.err
		}
		out, err := c.await(ctx, &ref, &d, false)
		switch {
		case err != nil:
			return nil, err
		case out.err == nil && !out.answers(asked, c.cfg.TTL):
			continue
		case out.err == nil:
			return out.snap, nil
		}
		return c.lastGood(ctx, ref, last, out.err)
	}
}

// Refresh fetches the secret now and returns what came, also for all who call
// [Cache.Get] after. Within Config.MinRefreshInterval of the last forced fetch
// it returns what that brought, unless that is past its TTL by now; while a back-off
// delay runs, the error that began it. If the fetch fails, the last good value stays
// where it is.
func (c *Cache) Refresh(ctx context.Context, ref Ref) (Value, error) {
	s, err := c.LookupNow(ctx, ref)
	if err != nil {
		return Value{}, err
	}
	return s.Value(ctx)
}

// LookupNow is Refresh for typed handles, as Lookup is Get for them.
func (c *Cache) LookupNow(ctx context.Context, ref Ref) (*Snapshot, error) {
	if c == nil || c.source == nil {
		return nil, &Error{Ref: ref, Err: ErrNilCache}
	}
	ref = c.resolve(ref)
	if ctx == nil {
		ctx = context.Background()
	}
	asked := c.now()
	for {
		d := c.lookForced(ref)
		switch d.verdict {
		case hit:
			return d.snap, nil
		case refused:
			return nil, d.err
		}
		out, err := c.await(ctx, &ref, &d, true)
		switch {
		case err != nil:
			return nil, err
		case out.err != nil:
			return nil, out.err
		case !out.forced || !out.answers(asked, c.cfg.TTL) || asked.mono-out.began.mono >= int64(c.cfg.MinRefreshInterval):
			continue // a fetch that began before this call may have missed a rotation
		}
		return out.snap, nil
	}
}

// Invalidate makes the next Get of ref fetch, as if the value were past its TTL;
// if that fails, the last good value is what Config.StaleIfError decides about.
// It counts as a forced refresh, also if there is no value now: within
// Config.MinRefreshInterval of the last one it does nothing.
func (c *Cache) Invalidate(ref Ref) error {
	if c == nil || c.source == nil {
		return &Error{Ref: ref, Err: ErrNilCache}
	}
	ref = c.resolve(ref)
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.entry(ref)
	switch {
	case err != nil:
		return err
	case e.forcedWithin(c.cfg.MinRefreshInterval, now):
		return nil
	}
	c.outdate(ref, c.fetched) // a caller may know a newer value than the one that is kept
	e.invalidate()
	e.forgetTry()
	if s := e.snap.Load(); s != nil {
		s.invalid = true
		s.lease.Store(0)
	} else {
		c.noteWithout(e)
	}
	c.notify(e.key)
	return nil
}

// Len returns how many secrets are kept.
func (c *Cache) Len() int {
	if c == nil || c.source == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.len()
}

// CheckNow makes the next read of each secret look at its age and state, also
// where [Config].CheckClock is off. A program calls it when it knows that it was
// frozen, in a hook that runs after a virtual machine was restored, say.
func (c *Cache) CheckNow() {
	if c == nil || c.source == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leases.lapse()
	c.notifyAll()
}

func (c *Cache) lapse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leases.lapse()
}

// Close drops all values, cancels the fetches and hooks under way and waits until
// they have ended. After it, reads and refreshes return [ErrClosed], and no
// goroutine and no timer of the Cache is left. It may be called more than once, but
// not from a hook, an observer or a source, for whose end it waits. A sealed snapshot that
// is out of date is written first. The error is nil.
func (c *Cache) Close() error {
	if c == nil || c.source == nil {
		return nil
	}
	if c.backup != nil {
		c.writeBackup(true)
	}
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		c.cancel()
		c.leases.timer.Stop()
		c.leases.lapse()
		c.index.clear()
		c.recent, c.without = newTable(1), nil
		c.notifyAll()
	}
	c.mu.Unlock()
	c.running.Wait()
	return nil
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
