package engine_test

import (
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
)

// The fetch that ends an outage may be slow. No reader waits for it.
func TestAfterAFailedTryNobodyWaitsUntilOneSucceeds(t *testing.T) {
	for _, since := range []time.Duration{time.Second, time.Hour, 5 * 24 * time.Hour} {
		virtual(t, func(t *testing.T) {
			s := serving("a")
			c := open(t, s, engine.Config{TTL: time.Hour, NoRefreshAhead: true, Backoff: every(time.Minute)})
			get(t, c, "a")
			time.Sleep(time.Hour)
			s.fail(errDown)
			wantGet(t, c, "a", "a v1")
			time.Sleep(since)
			s.mend()
			s.rotate("a", "v2")
			s.take(3 * time.Second)
			for began := time.Now(); time.Since(began) < 2*time.Minute; time.Sleep(time.Second) {
				if d := took(func() { get(t, c, "a") }); d > 0 {
					t.Errorf("%v after the failure a reader waited for %v", since, d)
				}
			}
			wantGet(t, c, "a", "a v2")
			wantCalls(t, s, 3)
		})
	}
}
