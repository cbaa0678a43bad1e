package engine_test

import (
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// TestALaptopThatSleptHasNoOutage: connections broke while it slept, so that the first requests
// after that fail. A source that is down would ask for one secret at a time, and later.
func TestALaptopThatSleptHasNoOutage(t *testing.T) {
	for _, sleeps := range []bool{true, false} {
		virtual(t, func(t *testing.T) {
			k, s := &clock{}, serving("a", "b", "new")
			c := open(t, s, k.config(engine.Config{TTL: time.Hour, NoRefreshAhead: true}))
			get(t, c, "a")
			get(t, c, "b")
			s.fail(secret.ErrUnavailable)
			if sleeps {
				k.suspend(3 * time.Hour)
			} else {
				time.Sleep(3 * time.Hour)
			}
			time.Sleep(engine.Tick)
			get(t, c, "a")
			get(t, c, "b")
			s.mend()
			began := time.Now()
			get(t, c, "new")
			if waited := time.Since(began); sleeps != (waited == 0) {
				t.Errorf("asleep %v: a new secret came after %v", sleeps, waited)
			}
		})
	}
}
