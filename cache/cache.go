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
	clock   coarseClock
	flights singleflight.Group

	// mu guards the fields below, and what says so in entry and
	// Snapshot. It is never held across I/O or a call of the user's code.
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // fetches and Snapshot.Go; added to only while not closed
	begun   uint64         // counts the fetches that begin
	fetched uint64         // counts the values published
	// outdated has for each of some groups of Refs the number of the newest value of
	// which an evicted one is known to be out of date. Nil until one was evicted.
	outdated []uint64
	recent   *table  // entries that have a value
	without  *table  // entries that have none, but a past; nil until there is one
	backup   *backup // nil: none

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
	c := &Cache{cfg: cfg.resolved(), source: source, start: time.Now(), seed: maphash.MakeSeed(), basis: world.Uint64()}
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
	c.clock.wake()
	if e := c.find(&ref); e != nil {
		// Another handle may have brought back an older one than last.
		if s := e.snap.Load(); s != nil && s.Fresh() && (last == nil || !s.Before(last)) {
			return s, nil
		}
	}
	return c.lookup(ctx, ref, last, wait{})
}

func (c *Cache) lookup(ctx context.Context, ref Ref, last *Snapshot, wait wait) (*Snapshot, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	var asked instant
	defer wait.stop()
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
				c.fetch(ctx, ref, read)
			}
			return d.snap, nil
		case stale:
			refused := c.maySeeStale(ctx, d)
			if refused == nil {
				if d.refresh {
					c.fetch(ctx, ref, read)
				}
				return d.snap, nil
			}
			if d.waitFor > 0 {
				return nil, refused
			}
		case refused:
			return nil, d.err
		}
		wait.begin(c, ctx, &d, last)
		out, err := c.await(ctx, &ref, &d, read, wait.enough())
		switch {
		case err != nil:
			if s, good := c.lastGoodSoFar(ctx, ref, last); good {
				return s, nil
			}
			if err != errLongEnough {
				return nil, err
			}
			wait.goOn(c, ctx, ref)
		case out.err == nil && !out.answers(asked, c.cfg.TTL):
			continue
		case out.err == nil:
			return out.snap, nil
		default:
			return c.lastGood(ctx, ref, last, out.err)
		}
	}
}

// Refresh fetches the secret and returns the value that came; later calls of [Cache.Get]
// get that value too. The fetch begins after the call of Refresh, so that it misses no
// rotation before the call. Forced fetches of a secret are Config.MinRefreshInterval apart:
// Refresh waits for the end of that interval, together with all other callers, and then
// makes one fetch for all. If that wait would be longer than Config.FetchTimeout, Refresh
// returns an error at once, which wraps [ErrTimeout] and says in RetryIn how long the wait
// would be.
//
// While a back-off delay runs, Refresh returns the error that began it. If a fetch is under
// way at the call and fails, Refresh returns that fetch's error. A failure leaves the last
// good value where it is.
func (c *Cache) Refresh(ctx context.Context, ref Ref) (Value, error) {
	s, err := c.LookupNow(ctx, ref)
	if err != nil {
		return Value{}, err
	}
	return s.Value(ctx)
}

// LookupNow is Refresh for typed handles, as Lookup is Get for them.
func (c *Cache) LookupNow(ctx context.Context, ref Ref) (*Snapshot, error) {
	return c.lookupForced(ctx, ref, renewal)
}

// LookupRecent is LookupNow without the wait for the end of Config.MinRefreshInterval:
// within it, LookupRecent returns what the last forced fetch brought. It is for a caller that
// asks again and again.
func (c *Cache) LookupRecent(ctx context.Context, ref Ref) (*Snapshot, error) {
	return c.lookupForced(ctx, ref, recent)
}

func (c *Cache) lookupForced(ctx context.Context, ref Ref, asks request) (*Snapshot, error) {
	if c == nil || c.source == nil {
		return nil, &Error{Ref: ref, Err: ErrNilCache}
	}
	ref = c.resolve(ref)
	if ctx == nil {
		ctx = context.Background()
	}
	asked := c.lookForced(ref, asks, math.MaxUint64)
	for d := asked; ; d = c.lookForced(ref, asks, asked.begun) {
		switch d.verdict {
		case hit:
			return d.snap, nil
		case refused:
			return nil, d.err
		}
		if d.startIn > c.cfg.FetchTimeout {
			return nil, &Error{Ref: ref, RetryIn: d.startIn, Err: fmt.Errorf(
				"%w: the next forced fetch may begin in %v, as Config.MinRefreshInterval (%v) says, and Refresh waits no longer than FetchTimeout (%v)",
				ErrTimeout, d.startIn, c.cfg.MinRefreshInterval, c.cfg.FetchTimeout)}
		}
		out, err := c.await(ctx, &ref, &d, asks, nil)
		switch {
		case err != nil:
			return nil, err
		case out.err != nil:
			return nil, out.err
		case out.isFor(&asked, asks, &c.cfg):
			return out.snap, nil
		}
	}
}

// pause waits for d, or until ctx or the Cache ends.
func (c *Cache) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.done.Done():
	case <-ctx.Done():
	}
}

// isFor reports whether a successful outcome is what a forced refresh asked for. A fetch
// that began before the call may have missed a rotation.
func (o *outcome) isFor(asked *decision, asks request, cfg *Config) bool {
	if !o.forced {
		return false
	}
	if asks == renewal {
		return o.number > asked.begun && o.snap != nil
	}
	return o.answers(asked.at, cfg.TTL) && asked.at.mono-o.began.mono < int64(max(cfg.MinRefreshInterval, 1))
}

// Invalidate makes the next Get of ref fetch, and wait for that fetch, as if the value were
// past its TTL; if the fetch fails or takes long, Config.StaleIfError decides whether Get
// returns the last good value. The fetch is a forced one, as IsForced tells the Source. It
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
	c.outdate(ref, c.fetched) // a caller may know a newer value than the one that is kept
	e.invalidate(now)
	e.forgetTry()
	if s := e.snap.Load(); s != nil {
		s.invalid = true
		s.expire()
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
		c.clock.close()
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
