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
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// The default cache, and the caches that WithClient makes.
var (
	defaultCache atomic.Pointer[engine.Cache]
	building     singleflight.Group // of the default cache
	byClient     sync.Map           // awssm.Client to weak.Pointer[engine.Cache]
)

// buildTimeout bounds the making of the default cache, which may ask the
// instance for its region.
const buildTimeout = 10 * time.Second

// SetDefault makes c the cache of all handles that were made without WithCache
// or WithClient, also of those that were read before: their next Get goes to c, and
// those who watch them see it. With nil, the next Get builds one from the environment
// as [Default] does. The cache before is not closed.
//
// As it wakes those who watch, it must be called from within a testing/synctest bubble
// in which such a handle is watched.
func SetDefault(c *cache.Cache) {
	defaultCache.Store((*engine.Cache)(c))
	notifyOfDefault()
}

// CloseDefault closes the default cache, if there is one, as [cache.Cache.Close] does: at the
// end of main, say, or between tests. A handle that is read after that has a new default cache
// built, as at the start.
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

// defaultWatchers are the channels of those who watch handles that follow the default
// cache, to be notified when it is replaced, or built at last.
var defaultWatchers sync.Map

// Default returns the default cache: the one that SetDefault set, else one of
// default settings over the source that the environment variable TYPEDSECRET_SOURCE
// names: static:dev.json, say, or what else [source.Open] knows. A ttl in that variable is the
// cache's TTL. Without the variable, the source is a
// client that is built, on the first call, as the AWS SDK's config.LoadDefaultConfig
// says: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_SECRETS_MANAGER and so on. A failure is
// not remembered: the next call tries again.
func Default(ctx context.Context) (*cache.Cache, error) {
	c, err := defaultNow(ctx)
	return (*cache.Cache)(c), err
}

// defaultNow is Default for the handles.
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

// ended says that a ctx is done, and why.
func ended(ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); !errors.Is(cause, err) {
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

// bind returns the cache that handles of these settings read from now.
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

// present returns the cache that bind would return; nil if that is a default one which is
// not built yet.
func (set *settings) present() *engine.Cache {
	if set.followsDefault() {
		return defaultCache.Load()
	}
	return set.cache
}

// follow returns what read makes of the cache that handles of these settings read
// from; if SetDefault changed that meanwhile, it starts anew with the new one.
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

// sweepClients forgets the clients whose caches ended with their last handles.
func sweepClients() {
	for client, c := range byClient.Range {
		if c.(weak.Pointer[engine.Cache]).Value() == nil {
			byClient.CompareAndDelete(client, c)
		}
	}
}
