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

// TestALateSecretIsNotHeldBackByAnUnknownOne: the pace holds back the one for 100 ms, and the rate of
// unknown IDs the other for a second.
func TestALateSecretIsNotHeldBackByAnUnknownOne(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db", "a", "b")
		c := open(t, s, engine.Config{TTL: time.Minute, NoRefreshAhead: true})
		for id := range s.versions {
			get(t, c, id)
		}
		time.Sleep(time.Minute)
		for i := range 50 {
			wantErr(t, c, nameOf(i), secret.ErrNotFound)
		}
		s.failFor("a", secret.ErrThrottled)
		s.failFor("b", secret.ErrThrottled)
		get(t, c, "a")
		get(t, c, "b")
		settle()
		get(t, c, "db")
		go func() { _, _ = c.Get(t.Context(), ref("unknown")) }()
		time.Sleep(200 * time.Millisecond)
		if s.countOf()["db"] != 2 {
			t.Error("db has not been fetched 200 ms after it queued")
		}
		time.Sleep(time.Second)
	})
}

// TestARefreshIsTheProbeSoon, also if another reader begins to wait for a later one.
func TestARefreshIsTheProbeSoon(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db", "a", "b")
		c := open(t, s, engine.Config{})
		for id := range s.versions {
			get(t, c, id)
		}
		s.fail(secret.ErrUnavailable)
		_, _ = c.Refresh(t.Context(), ref("a"))
		_, _ = c.Refresh(t.Context(), ref("b"))
		for range 5 { // so that the next probe comes after 3 s
			wantErr(t, c, "cold", secret.ErrUnavailable)
		}
		s.mend()
		go func() {
			time.Sleep(time.Millisecond)
			_, _ = c.Get(t.Context(), ref("cold"))
		}()
		if d := took(func() { _, _ = c.Refresh(t.Context(), ref("db")) }); d > 1100*time.Millisecond {
			t.Errorf("Refresh took %v", d)
		}
		time.Sleep(5 * time.Second)
	})
}
