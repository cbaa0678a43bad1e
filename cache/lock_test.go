package cache_test

import (
	"context"
	"errors"
	"testing"

	"github.com/typedsecret/typedsecret/cache"
)

// nosy is an error that asks the cache when it is asked what it is.
type nosy struct{ c **cache.Cache }

func (nosy) Error() string { return "nosy" }

func (e nosy) Is(target error) bool {
	(*e.c).Len()
	return target == cache.ErrAccessDenied
}

// TestTheErrorOfASourceMayUseTheCache: its methods are called without the lock.
func TestTheErrorOfASourceMayUseTheCache(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var c *cache.Cache
		c = open(t, cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) { return cache.Value{}, nosy{&c} }), cache.Config{})
		for range 2 {
			if _, err := c.Get(t.Context(), ref("db")); !errors.Is(err, cache.ErrAccessDenied) {
				t.Errorf("got %v", err)
			}
		}
		if _, err := c.Refresh(t.Context(), ref("db")); !errors.Is(err, cache.ErrAccessDenied) {
			t.Errorf("got %v", err)
		}
	})
}
