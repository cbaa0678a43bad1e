package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// TestABackendThatIsDownByAbandonedRequestsSaysWhy, whichever is noticed first: that the request of
// a Preload has not returned, or that its fetch has not.
func TestABackendThatIsDownByAbandonedRequestsSaysWhy(t *testing.T) {
	for range 20 {
		virtual(t, func(t *testing.T) {
			stuck := make(chan struct{})
			c := open(t, secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
				<-stuck
				return secret.Value{}, secret.ErrUnavailable
			}), engine.Config{})
			defer close(stuck)
			go getAll(t.Context(), c, refs("a", "b"), func(context.Context) error { return nil })
			time.Sleep(engine.DefaultFetchTimeout + time.Second)
			if b := c.Status().Backends[0]; !b.Down || !strings.Contains(b.Error, "has not returned") {
				t.Errorf("the backend is %+v", b)
			}
		})
	}
}
