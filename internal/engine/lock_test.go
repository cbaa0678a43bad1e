package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// nosy is an error that asks the cache when it is asked what it is, and what it says.
type nosy struct {
	c    **engine.Cache
	kind error
}

func (e nosy) Error() string {
	(*e.c).Len()
	return "nosy"
}

func (e nosy) Is(target error) bool {
	(*e.c).Len()
	return target == e.kind
}

// TestTheErrorOfASourceMayUseTheCache: its methods are called without the lock, also while the
// source is down.
func TestTheErrorOfASourceMayUseTheCache(t *testing.T) {
	for _, kind := range []error{secret.ErrAccessDenied, secret.ErrUnavailable, secret.ErrThrottled} {
		virtual(t, func(t *testing.T) {
			var c *engine.Cache
			isUp := true
			c = open(t, secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
				if isUp {
					return secret.Value{VersionID: "v1", Payload: secret.StringPayload("s")}, nil
				}
				return secret.Value{}, nosy{&c, kind}
			}), engine.Config{TTL: time.Minute})
			get(t, c, "known")
			get(t, c, "known too")
			isUp = false
			want := func(_ any, err error) {
				t.Helper()
				if !errors.Is(err, kind) || !strings.Contains(err.Error(), "nosy") {
					t.Errorf("got %v", err)
				}
			}
			for _, id := range []string{"a", "b", "c", "d"} { // the first of them take the source down
				want(c.Get(t.Context(), ref(id)))
				want(c.Get(t.Context(), ref(id)))
				want(c.Refresh(t.Context(), ref(id)))
			}
			time.Sleep(2 * time.Minute)
			want(c.Refresh(t.Context(), ref("known")))
			get(t, c, "known too") // the last good value
		})
	}
}
