package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// The reader joins a fetch that began before Invalidate, and then waits for the queued one.
func TestAReaderOfAQueuedFetchWaitsForMaxRefreshWaitFromItsBeginning(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		get(t, c, "db")
		s.take(300 * time.Millisecond)
		invalidate(t, c, "db")
		go c.Get(t.Context(), ref("db"))
		time.Sleep(100 * time.Millisecond)
		invalidate(t, c, "db")
		s.hang()
		wantGet(t, c, "db", "db v1")
		wantCalls(t, s, 3)
		if waited := time.Since(s.calls[2].began); waited != time.Second {
			t.Errorf("the reader waited for %v after the fetch had begun", waited)
		}
	})
}

func TestWithoutMaxRefreshWaitNoReaderWaitsForAQueuedFetch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{MaxRefreshWait: -1})
		get(t, c, "db")
		s.take(100 * time.Millisecond)
		for range 3 {
			invalidate(t, c, "db")
			if waited := took(func() { wantGet(t, c, "db", "db v1") }); waited != 0 {
				t.Errorf("waited %v", waited)
			}
			time.Sleep(200 * time.Millisecond)
		}
		if quiet := entryOf(c, ref("db")).Quiet(); quiet != 400*time.Millisecond {
			t.Errorf("quiet for %v, and the next fetch begins in 400 ms", quiet)
		}
	})
}

// A fetch that may begin at once does not wait for one that is queued: the secret was evicted
// meanwhile, or the machine was suspended for longer than the interval.
func TestAFetchThatMayBeginAtOnceDoesNotWaitForAQueuedOne(t *testing.T) {
	var suspended atomic.Int64
	for name, row := range map[string]struct {
		happens func(t *testing.T, c *engine.Cache)
		read    func(c *engine.Cache, ctx context.Context, ref secret.Ref) (secret.Value, error)
	}{
		"Get, evicted":       {func(t *testing.T, c *engine.Cache) { get(t, c, "b") }, (*engine.Cache).Get},
		"Get, suspended":     {func(*testing.T, *engine.Cache) { suspended.Add(int64(time.Hour)) }, (*engine.Cache).Get},
		"Refresh, suspended": {func(*testing.T, *engine.Cache) { suspended.Add(int64(time.Hour)) }, (*engine.Cache).Refresh},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("a", "b")
				cfg := engine.Config{MaxSize: 1, TTL: 24 * time.Hour, MinRefreshInterval: time.Minute}
				cfg.SetClock(func(start time.Time) (wall, mono int64) {
					return time.Now().UnixNano() + suspended.Load(), int64(time.Since(start))
				})
				c := open(t, s, cfg)
				for range 2 {
					invalidate(t, c, "a")
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					c.Get(ctx, ref("a"))
					cancel()
					invalidate(t, c, "a")
				}
				row.happens(t, c)
				s.rotate("a", "v2")
				waited := took(func() {
					if v, err := row.read(c, t.Context(), ref("a")); err != nil || v.VersionID != "v2" {
						t.Errorf("got %q, %v", v.VersionID, err)
					}
				})
				if waited != 0 {
					t.Errorf("waited %v", waited)
				}
			})
		})
	}
}

// TestNoReaderWaitsForTheEndOfALongInterval: MinRefreshInterval may be an hour. A reader waits for
// its end only if that is at most MaxRefreshWait away.
func TestNoReaderWaitsForTheEndOfALongInterval(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{MinRefreshInterval: time.Hour})
		get(t, c, "db")
		invalidate(t, c, "db")
		get(t, c, "db")
		s.rotate("db", "v2")
		invalidate(t, c, "db")
		for range 5 {
			if waited := took(func() { wantGet(t, c, "db", "db v1") }); waited != 0 {
				t.Errorf("waited %v", waited)
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(55*time.Minute - time.Second/2)
		if waited := took(func() { wantGet(t, c, "db", "db v2") }); waited != time.Second/2 {
			t.Errorf("waited %v, and the interval ends in half a second", waited)
		}
		wantCalls(t, s, 3)
	})
}

// A reader joins a fetch. Invalidate then makes it wait for another one. Its two waits count
// together.
func TestAReaderWaitsForTwoMaxRefreshWaitsInAll(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{MinRefreshInterval: 1600 * time.Millisecond})
		get(t, c, "db")
		invalidate(t, c, "db")
		s.take(700 * time.Millisecond)
		go c.Get(t.Context(), ref("db"))
		settle()
		s.hang()
		invalidate(t, c, "db")
		if waited := took(func() { wantGet(t, c, "db", "db v1") }); waited != 2*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}
