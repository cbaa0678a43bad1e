package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// nosy is an error that asks the cache when it is asked what it is.
type nosy struct{ c **engine.Cache }

func (nosy) Error() string { return "nosy" }

func (e nosy) Is(target error) bool {
	(*e.c).Len()
	return target == secret.ErrAccessDenied
}

// TestTheErrorOfASourceMayUseTheCache: its methods are called without the lock.
func TestTheErrorOfASourceMayUseTheCache(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var c *engine.Cache
		c = open(t, secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) { return secret.Value{}, nosy{&c} }), engine.Config{})
		for range 2 {
			if _, err := c.Get(t.Context(), ref("db")); !errors.Is(err, secret.ErrAccessDenied) {
				t.Errorf("got %v", err)
			}
		}
		if _, err := c.Refresh(t.Context(), ref("db")); !errors.Is(err, secret.ErrAccessDenied) {
			t.Errorf("got %v", err)
		}
	})
}
