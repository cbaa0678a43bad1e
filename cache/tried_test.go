package cache_test

import (
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/cache"
)

// That fetching an evicted secret failed was no try to refresh the value that a caller
// still knows, if this was not yet to be refreshed then.
func TestAFailureFromBeforeIsNoTryToRefresh(t *testing.T) {
	const ttl = time.Hour
	for name, happens := range map[string]func(t *testing.T, s *service, c *cache.Cache, known *cache.Snapshot){
		"the value passes its TTL after it": func(t *testing.T, s *service, c *cache.Cache, known *cache.Snapshot) {
			time.Sleep(ttl - 3*time.Second)
			s.fail(errDown)
			if _, err := c.Lookup(t.Context(), ref("a"), known); err != nil {
				t.Error(err)
			}
		},
		"it is invalidated after it": func(t *testing.T, s *service, c *cache.Cache, _ *cache.Snapshot) {
			s.fail(errDown)
			wantErr(t, c, "a", errDown)
			if err := c.Invalidate(ref("a")); err != nil {
				t.Error(err)
			}
		},
		"it is invalidated after it, and was taken back": func(t *testing.T, s *service, c *cache.Cache, known *cache.Snapshot) {
			s.fail(errDown)
			if _, err := c.Lookup(t.Context(), ref("a"), known); err != nil {
				t.Error(err)
			}
			if err := c.Invalidate(ref("a")); err != nil {
				t.Error(err)
			}
		},
		"it is invalidated meanwhile": func(t *testing.T, s *service, c *cache.Cache, _ *cache.Snapshot) {
			s.fail(errDown)
			s.take(2 * time.Second)
			go wantErr(t, c, "a", errDown)
			time.Sleep(time.Second)
			if err := c.Invalidate(ref("a")); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("a", "b")
				c := open(t, s, cache.Config{MaxSize: 1, TTL: ttl, NoRefreshAhead: true, Backoff: every(2 * time.Second)})
				known := snapshot(t, c, "a")
				get(t, c, "b") // evicts a
				happens(t, s, c, known)
				s.mend()
				s.rotate("a", "v2")
				time.Sleep(4 * time.Second) // longer than the back-off
				got, err := c.Lookup(t.Context(), ref("a"), known)
				if err != nil || got.VersionID() != "v2" {
					t.Errorf("got %v, %v, and v2 is there", got, err)
				}
			})
		})
	}
}

// The value counts as past its TTL from the moment it is known to be outdated, but that
// is no reason to return it after its TTL without a try.
func TestAFailureFromBeforeTheTTLOfAnOutdatedValueIsNoTryToRefreshIt(t *testing.T) {
	const ttl = time.Hour
	virtual(t, func(t *testing.T) {
		s := serving("a", "b")
		c := open(t, s, cache.Config{MaxSize: 1, TTL: ttl, NoRefreshAhead: true, Backoff: every(2 * time.Second)})
		known := snapshot(t, c, "a")
		get(t, c, "b")
		s.rotate("a", "v2")
		get(t, c, "a") // so known is outdated
		get(t, c, "b")
		time.Sleep(ttl - 3*time.Second)
		s.fail(errDown)
		if got, err := c.Lookup(t.Context(), ref("a"), known); err != nil || got.VersionID() != "v1" {
			t.Errorf("got %v, %v; v1 is all that is left", got, err)
		}
		s.mend()
		time.Sleep(4 * time.Second)
		if got, err := c.Lookup(t.Context(), ref("a"), known); err != nil || got.VersionID() != "v2" {
			t.Errorf("got %v, %v, and v2 is there", got, err)
		}
	})
}

// The fetch that ends an outage may be slow. No reader waits for it.
func TestAfterAFailedTryNobodyWaitsUntilOneSucceeds(t *testing.T) {
	for _, since := range []time.Duration{time.Second, time.Hour, 5 * 24 * time.Hour} {
		virtual(t, func(t *testing.T) {
			s := serving("a")
			c := open(t, s, cache.Config{TTL: time.Hour, NoRefreshAhead: true, Backoff: every(time.Minute)})
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
