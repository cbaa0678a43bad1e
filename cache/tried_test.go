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
				known := makeBusy(t, c, "a")
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
