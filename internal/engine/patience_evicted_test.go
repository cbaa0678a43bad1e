package engine_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// TestAReaderWhoseValueIsEvictedWhileItWaitsOutlivesAnOutage: the reader has waited long enough at the
// moment at which its fetch fails and the source is down. Then there is neither a value nor a fetch.
func TestAReaderWhoseValueIsEvictedWhileItWaitsOutlivesAnOutage(t *testing.T) {
	virtual(t, func(t *testing.T) {
		isDown := false
		c := open(t, secret.SourceFunc(func(_ context.Context, ref secret.Ref) (secret.Value, error) {
			if isDown && ref.ID != "other" {
				time.Sleep(engine.DefaultMaxRefreshWait)
				return secret.Value{}, secret.ErrUnavailable
			}
			return secret.Value{Payload: secret.StringPayload(ref.ID), VersionID: "v1"}, nil
		}), engine.Config{MaxSize: 1, NoRefreshAhead: true})
		held := entryOf(c, ref("other")) // no eviction drops its value
		wantEntry(t, held, "other")
		get(t, c, "db") // takes the one place
		time.Sleep(10 * time.Second)
		if _, err := held.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour - 5*time.Second) // db is past its TTL, other is not
		isDown = true
		var readers sync.WaitGroup
		for i := range 100 {
			id := "db"
			if i == 0 {
				id = "missing"
			}
			readers.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := c.Get(ctx, ref(id)); !errors.Is(err, secret.ErrUnavailable) {
					t.Errorf("Get(%s): %v", id, err)
				}
			})
		}
		time.Sleep(engine.DefaultMaxRefreshWait / 2)
		get(t, c, "other") // evicts db
		readers.Wait()
		runtime.KeepAlive(held)
	})
}
