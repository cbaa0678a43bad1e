package typedsecret

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"golang.org/x/sync/singleflight"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// These variables hold the default cache, and the caches that WithClient makes.
var (
	defaultCache atomic.Pointer[engine.Cache]
	building     singleflight.Group // of the default cache
	byClient     sync.Map           // from an awssm.Client to a weak.Pointer[engine.Cache]
)

// buildTimeout bounds the time for making the default cache, which may ask the instance for
// its region.
const buildTimeout = 10 * time.Second

// SetDefault makes c the cache of all handles that were made without WithCache or
// WithClient, also of handles that were read before. Their next Get goes to c, and a Watch
// of them notices the change. If c is nil, the next Get builds a cache from the
// environment, as [Default] does. SetDefault does not close the former cache.
//
// SetDefault wakes each Watch of such a handle. So if a handle is watched in a
// testing/synctest bubble, SetDefault must be called inside the bubble.
func SetDefault(c *cache.Cache) {
	defaultCache.Store((*engine.Cache)(c))
	notifyOfDefault()
}

// CloseDefault closes the default cache, if there is one, as [cache.Cache.Close] does: at
// the end of main, say, or between tests. The next read of a handle builds a new default
// cache, as at the start.
func CloseDefault() error {
	c := defaultCache.Swap(nil)
	notifyOfDefault()
	return c.Close()
}

func notifyOfDefault() {
	for ch := range defaultWatchers.Range {
		select {
		case ch.(chan struct{}) <- struct{}{}:
		default:
		}
	}
}

// defaultWatchers are the channels of watchers of handles that follow the default cache.
// They are notified when it is replaced, or built.
var defaultWatchers sync.Map

// Default returns the default cache. It is the one of SetDefault, or one with default
// settings that the first call builds. The environment variable TYPEDSECRET_SOURCE names
// its source: static:dev.json, say, or another one that [source.Open] knows. A ttl in that
// variable is the cache's TTL. Without the variable, the source is an AWS client with the
// settings of the SDK's config.LoadDefaultConfig: AWS_REGION, AWS_PROFILE,
// AWS_ENDPOINT_URL_SECRETS_MANAGER and so on. After a failure, the next call tries again.
func Default(ctx context.Context) (*cache.Cache, error) {
	c, err := defaultNow(ctx)
	return (*cache.Cache)(c), err
}

// defaultNow is like Default, for the handles.
func defaultNow(ctx context.Context) (*engine.Cache, error) {
	if c := defaultCache.Load(); c != nil {
		return c, nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	values := context.WithoutCancel(ctx)
	result := building.DoChan("", func() (any, error) { return buildDefault(values) })
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*engine.Cache), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("gave up waiting for the default cache: %w", ended(ctx))
	}
}

// ended returns an error that says that ctx is done, and why.
func ended(ctx context.Context) error {
	err := ctx.Err()
	if cause := guard.Finite("cause of the context", context.Cause(ctx)); !errors.Is(cause, err) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

func buildDefault(ctx context.Context) (*engine.Cache, error) {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	from, err := source.FromEnvironment(ctx)
	if err != nil {
		return nil, fmt.Errorf("default cache: %w", err)
	}
	c, err := engine.New(from, engine.Config{TTL: source.TTL(from)})
	if err != nil {
		return nil, err
	}
	if !defaultCache.CompareAndSwap(nil, c) {
		if set := defaultCache.Load(); set != nil {
			return set, nil // SetDefault was called meanwhile
		}
	}
	notifyOfDefault()
	return c, nil
}

// bind returns the cache from which handles with these settings read now.
func (set *settings) bind(ctx context.Context) (*engine.Cache, error) {
	switch {
	case set.err != nil:
		return nil, set.err
	case set.cache != nil:
		return set.cache, nil
	default:
		return defaultNow(ctx)
	}
}

// present returns the cache that bind would return, or nil if that is a default cache that
// is not built yet.
func (set *settings) present() *engine.Cache {
	if set.followsDefault() {
		return defaultCache.Load()
	}
	return set.cache
}

// follow calls read with the cache from which handles with these settings read, and returns
// its result. If SetDefault changed the cache meanwhile, it calls read again with the new
// one.
func follow[T any](ctx context.Context, set *settings, ref secret.Ref, read func(*engine.Cache) (*view[T], error)) (*view[T], error) {
	for {
		c, err := set.bind(ctx)
		if err != nil {
			return nil, &Error{Ref: ref, Err: err}
		}
		v, err := read(c)
		if set.bound(c) || err != nil && ctx != nil && ctx.Err() != nil {
			return v, err
		}
	}
}

// followsDefault reports whether bind returns the default cache.
func (set *settings) followsDefault() bool { return set.cache == nil }

// bound reports whether c is still the cache that bind would return.
func (set *settings) bound(c *engine.Cache) bool {
	return !set.followsDefault() || defaultCache.Load() == c
}

func clientCache(client awssm.Client) (*engine.Cache, error) {
	if c := liveCache(client); c != nil {
		return c, nil
	}
	from, err := awssm.New(client)
	if err != nil {
		return nil, err
	}
	c, err := engine.New(from, engine.Config{})
	if err != nil {
		return nil, err
	}
	sweepClients()
	for {
		if winner := liveCache(client); winner != nil {
			return winner, nil
		}
		dead, known := byClient.LoadOrStore(client, weak.Make(c))
		if !known || byClient.CompareAndSwap(client, dead, weak.Make(c)) {
			return c, nil
		}
	}
}

// liveCache returns the cache over client that a handle keeps, or nil.
func liveCache(client awssm.Client) *engine.Cache {
	if c, ok := byClient.Load(client); ok {
		return c.(weak.Pointer[engine.Cache]).Value()
	}
	return nil
}

// sweepClients removes the clients whose caches ended with their last handles.
func sweepClients() {
	for client, c := range byClient.Range {
		if c.(weak.Pointer[engine.Cache]).Value() == nil {
			byClient.CompareAndDelete(client, c)
		}
	}
}
