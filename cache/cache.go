// Package cache is for settings other than the defaults. Make a [Cache] over a source by [New]
// with a [Config], and give it to handles by typedsecret.WithCache, or to all of them by
// typedsecret.SetDefault:
//
//	c, err := cache.New(source, cache.Config{TTL: 10 * time.Minute})
//	defer c.Close()
//
// A Cache keeps the bytes of secrets in memory and keeps them current. It fetches each secret
// from a [secret.Source] when it is first read, returns it from memory from then on, refreshes
// it in the background before its TTL is over, and holds on to the last good value while
// refreshing fails. It knows bytes and versions; the typed handles of package typedsecret are
// built on it.
package cache

import (
	"context"
	"fmt"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/status"
)

// A Cache is safe for concurrent use. At most 64 requests are under way at a time; fetches
// beyond that wait for their turn, and one that nobody waits for any more is given up before
// it begins. A Cache has goroutines for what is under way alone, and one timer that runs only
// while secrets are read. A Cache that is used in a testing/synctest bubble has to be made,
// used and closed in there alone. Make one with [New]; those methods of a nil or zero Cache
// that can fail return [ErrNilCache], but for Close.
type Cache engine.Cache

// New makes a Cache over source. A Config that makes no sense, or no source, is an error
// that wraps [ErrInvalidConfig]. It does no I/O, except for a sealed file: there it
// creates an empty file beside it, to see that this can be done, and removes that.
func New(source secret.Source, cfg Config) (*Cache, error) {
	c, err := engine.New(source, cfg.engine())
	return (*Cache)(c), err
}

func (c *Cache) engine() *engine.Cache { return (*engine.Cache)(c) }

// Get returns the secret's value: from memory if it is younger than its TTL,
// else from the source. If refreshing it fails or takes long, Get returns the last good
// value, as far as Config.StaleIfError allows. Errors are of type [*secret.Error].
//
// A done ctx ends the wait of this caller and nothing else: a fetch goes on for
// the others and for the cache. A value that needs no wait is returned although ctx is
// done.
func (c *Cache) Get(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	return c.engine().Get(ctx, ref)
}

// Refresh fetches the secret and returns the value that came; later calls of [Cache.Get]
// get that value too. The fetch begins after the call of Refresh, so that it misses no
// rotation before the call. Forced fetches of a secret are Config.MinRefreshInterval apart:
// Refresh waits for the end of that interval, together with all other callers, and then
// makes one fetch for all. If that wait would be longer than Config.FetchTimeout, Refresh
// returns an error at once, which wraps [ErrTimeout] and says in RetryIn how long the wait
// would be.
//
// While a back-off delay runs because the source can't answer, Refresh returns the error
// that began it. If the source refused the secret, the fetches that Refresh and Invalidate
// ask for have a back-off of their own, of 1 s to 30 s. If a fetch is under way at the call
// and fails, Refresh returns that fetch's error. A failure leaves the last good value where
// it is.
func (c *Cache) Refresh(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	return c.engine().Refresh(ctx, ref)
}

// Invalidate makes the next Get of ref fetch, and wait for that fetch, as if the value were
// past its TTL; if the fetch fails or takes long, Config.StaleIfError decides whether Get
// returns the last good value. The fetch is a forced one, as IsForced reports to the Source. It
// begins at once if the last one that Invalidate asked for began Config.MinRefreshInterval
// ago or earlier, and otherwise at the end of that interval. If the end is more than
// Config.MaxRefreshWait away, Get does not wait for it, and returns the last good value at
// once if Config.StaleIfError allows.
func (c *Cache) Invalidate(ref secret.Ref) error { return c.engine().Invalidate(ref) }

// HandleEvent takes an event that announces a rotation, from a [notify.Receiver] or a
// [notify.Handler]:
//
//	err := receiver.Receive(ctx, c.HandleEvent)
//
// An event is a hint to look now. HandleEvent waits for no fetch, and the Cache fetches the secret in
// the background, within Config.EventSpread. It does so only if it holds a value of the secret or is
// fetching one, under any spelling of the ID, and only for the version stages that the event names.
// AWSPREVIOUS moves with AWSCURRENT. A Ref with a version ID never moves.
//
// If the Cache holds the announced version already, it fetches nothing. If the fetch brings another
// version than the announced one, up to three more follow, after 1, 2 and 4 s. If the source can't
// answer, the Cache fetches the secret within about a minute of the outage's end. After
// [notify.Missed] the Cache fetches all that it holds once, some 10 secrets a second. An event that
// comes meanwhile does not wait for that.
//
// Events may be repeated, out of order or forged. So no event makes a value stale or passes a
// back-off. The fetches for events are at most five in a row and one a minute from then on, for each
// ID and stage under which a secret is held.
//
// HandleEvent returns an error if the Cache is closed ([ErrClosed]), and if the event names no
// secret. An event about a secret that the Cache does not hold is no error. HandleEvent is safe for
// concurrent use.
func (c *Cache) HandleEvent(ctx context.Context, event notify.Event) error {
	return c.engine().HandleEvent(ctx, event)
}

// Len returns how many secrets are kept for reads by ID, at most Config.MaxSize. A secret that
// a handle names counts until others have taken its place; its value stays all the same.
func (c *Cache) Len() int { return c.engine().Len() }

// Status returns what the Cache knows of its secrets and of itself, without I/O and without
// waiting for a fetch. It reads no value and counts as no read. Readers of ten thousand secrets
// are held up for some microseconds at a time.
func (c *Cache) Status() status.Cache { return c.engine().Status() }

// CheckNow makes the next read of each secret see that time has passed, also
// where [Config].CheckClock is off. A program calls it when it knows that it was
// frozen, in a hook that runs after a virtual machine was restored, say.
func (c *Cache) CheckNow() { c.engine().CheckNow() }

// Close drops all values, cancels the fetches and hooks under way and waits until they have
// ended, for at most Config.FetchTimeout. The error says what has not ended by then; mostly
// it is nil. After Close, reads and refreshes return [ErrClosed], and no goroutine and no
// timer of the Cache is left but those that the error speaks of. Close may be called more
// than once, but not from a hook, an observer or a source, for whose end it waits. A sealed
// file that is out of date is written first, for which Close also waits for at most
// Config.FetchTimeout.
func (c *Cache) Close() error { return c.engine().Close() }

// Format shows that it is a Cache and nothing of what it holds, for every verb.
func (c *Cache) Format(f fmt.State, _ rune) { fmt.Fprint(f, "Cache") }
