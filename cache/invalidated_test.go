package cache_test

import (
	"context"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/cache"
)

// forcing is a service that notes which of its fetches were forced.
type forcing struct {
	*service
	forced []bool
}

func (f *forcing) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	f.set(func(*service) { f.forced = append(f.forced, cache.IsForced(ctx)) })
	return f.service.Fetch(ctx, ref)
}

// A source that has a cache of its own must not answer from it.
func TestTheFetchAfterInvalidateOfWhatIsNotKeptIsForced(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T, s *forcing, c *cache.Cache){
		"it was evicted": func(t *testing.T, _ *forcing, c *cache.Cache) {
			get(t, c, "a")
			get(t, c, "b")
			invalidate(t, c, "a")
		},
		"it is evicted then": func(t *testing.T, _ *forcing, c *cache.Cache) {
			get(t, c, "a")
			invalidate(t, c, "a")
			get(t, c, "b")
		},
		"it was never read": func(t *testing.T, _ *forcing, c *cache.Cache) {
			invalidate(t, c, "a")
		},
		"others were invalidated since": func(t *testing.T, _ *forcing, c *cache.Cache) {
			invalidate(t, c, "a")
			for i := range 100 {
				invalidate(t, c, nameOf(i))
			}
		},
		"the next fetch fails": func(t *testing.T, s *forcing, c *cache.Cache) {
			get(t, c, "a")
			get(t, c, "b")
			invalidate(t, c, "a")
			s.fail(errDown)
			wantErr(t, c, "a", errDown)
			s.mend()
			time.Sleep(time.Minute)
		},
		"it was failing": func(t *testing.T, s *forcing, c *cache.Cache) {
			s.fail(errDown)
			wantErr(t, c, "a", errDown)
			s.mend()
			invalidate(t, c, "a")
			time.Sleep(time.Minute)
		},
		"a fetch is under way, which fails": func(t *testing.T, s *forcing, c *cache.Cache) {
			s.fail(errDown)
			s.take(time.Second)
			go wantErr(t, c, "a", errDown)
			settle()
			invalidate(t, c, "a")
			time.Sleep(time.Minute)
			s.mend()
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := &forcing{service: serving("a", "b")}
				c := open(t, s, cache.Config{MaxSize: 1, Backoff: every(2 * time.Second)})
				happens(t, s, c)
				for _, want := range []bool{true, false} {
					get(t, c, "a")
					if n := len(s.forced); s.forced[n-1] != want {
						t.Errorf("IsForced is %v, want %v", s.forced[n-1], want)
					}
					get(t, c, "b") // evicts a
				}
			})
		})
	}
}

func TestWhatWasInvalidatedAndIsNotKeptTakesNoRoomForEver(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const most = 2048
		c := open(t, serving(), cache.Config{MaxSize: most})
		for i := range 10 * most {
			invalidate(t, c, nameOf(i))
		}
		if n := c.Entries(); n > most {
			t.Errorf("%d secrets are remembered, want at most %d", n, most)
		}
	})
}

// TestAfterInvalidateTheNextGetWaitsAlsoIfATryFailedBefore: the try was from before it.
func TestAfterInvalidateTheNextGetWaitsAlsoIfATryFailedBefore(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, cache.Config{TTL: time.Minute, Backoff: every(time.Second)})
		get(t, c, "db")
		time.Sleep(2 * time.Minute)
		s.fail(errDown)
		wantGet(t, c, "db", "db v1")
		s.mend()
		s.rotate("db", "v2")
		time.Sleep(2 * time.Second) // the back-off is over
		if err := c.Invalidate(ref("db")); err != nil {
			t.Fatal(err)
		}
		wantGet(t, c, "db", "db v2")
	})
}
