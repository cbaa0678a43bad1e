package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// forcing is a service that notes which of its fetches were forced.
type forcing struct {
	*service
	forced []bool
}

func (f *forcing) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	f.set(func(*service) { f.forced = append(f.forced, secret.IsForced(ctx)) })
	return f.service.Fetch(ctx, ref)
}

// A source that has a cache of its own must not answer from it.
func TestTheFetchAfterInvalidateOfWhatIsNotKeptIsForced(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T, s *forcing, c *engine.Cache){
		"it was evicted": func(t *testing.T, _ *forcing, c *engine.Cache) {
			get(t, c, "a")
			get(t, c, "b")
			invalidate(t, c, "a")
		},
		"it is evicted then": func(t *testing.T, _ *forcing, c *engine.Cache) {
			get(t, c, "a")
			invalidate(t, c, "a")
			get(t, c, "b")
		},
		"it was never read": func(t *testing.T, _ *forcing, c *engine.Cache) {
			invalidate(t, c, "a")
		},
		"others were invalidated since": func(t *testing.T, _ *forcing, c *engine.Cache) {
			invalidate(t, c, "a")
			for i := range 100 {
				invalidate(t, c, nameOf(i))
			}
		},
		"the next fetch fails": func(t *testing.T, s *forcing, c *engine.Cache) {
			get(t, c, "a")
			get(t, c, "b")
			invalidate(t, c, "a")
			s.fail(errDown)
			wantErr(t, c, "a", errDown)
			s.mend()
			time.Sleep(time.Minute)
		},
		"it was failing": func(t *testing.T, s *forcing, c *engine.Cache) {
			s.fail(errDown)
			wantErr(t, c, "a", errDown)
			s.mend()
			invalidate(t, c, "a")
			time.Sleep(time.Minute)
		},
		"a fetch is under way, which fails": func(t *testing.T, s *forcing, c *engine.Cache) {
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
				c := open(t, s, engine.Config{MaxSize: 1, Backoff: every(2 * time.Second)})
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
		c := open(t, serving(), engine.Config{MaxSize: most})
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
		c := open(t, s, engine.Config{TTL: time.Minute, Backoff: every(time.Second)})
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

func invalidate(t *testing.T, c *engine.Cache, id string) {
	t.Helper()
	if err := c.Invalidate(ref(id)); err != nil {
		t.Errorf("Invalidate(%s): %v", id, err)
	}
}

func TestInvalidateMakesTheNextGetFetch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		invalidate(t, c, "db") // unknown so far: its first fetch is a forced one
		snap := snapshot(t, c, "db")
		time.Sleep(engine.DefaultMinRefreshInterval)
		s.rotate("db", "v2")
		invalidate(t, c, "db")
		wantCalls(t, s, 1)
		if snap.Fresh() || !snap.Expired() {
			t.Error("the snapshot is not expired")
		}
		wantGet(t, c, "db", "db v2")
		wantGet(t, c, "db", "db v2")
		wantCalls(t, s, 2)
	})
}

func TestInvalidateWhileAFetchIsUnderWayMakesReadersWaitForTheNext(t *testing.T) {
	for name, warm := range map[string]bool{"cold": false, "warm": true} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db")
				c := open(t, s, engine.Config{TTL: time.Hour, MaxRefreshWait: time.Minute})
				if warm {
					get(t, c, "db")
					time.Sleep(time.Hour - time.Second)
				}
				calls := s.count()
				s.take(2 * time.Second)
				go c.Get(t.Context(), ref("db"))
				time.Sleep(500 * time.Millisecond)
				s.rotate("db", "v2")
				invalidate(t, c, "db")
				wantGet(t, c, "db", "db v2")
				wantCalls(t, s, calls+2)
			})
		})
	}
}

// The try that was begun before Invalidate does not count as one after it.
func TestInvalidateWhileAFetchFailsMakesALaterGetTryAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{TTL: time.Hour, Backoff: every(time.Second)})
		get(t, c, "db")
		time.Sleep(time.Hour - time.Minute)
		s.take(2 * time.Second)
		s.fail(errDown)
		get(t, c, "db")
		time.Sleep(time.Second)
		invalidate(t, c, "db")
		time.Sleep(time.Second)
		settle()
		s.mend()
		s.rotate("db", "v2")
		time.Sleep(time.Second)
		wantGet(t, c, "db", "db v2")
	})
}

func TestAnInvalidatedValueSurvivesAnOutage(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		get(t, c, "db")
		s.fail(errDown)
		invalidate(t, c, "db")
		wantGet(t, c, "db", "db v1")
		wantCalls(t, s, 2)
	})
}

func TestAnInvalidatedValueMakesOneReaderWaitInAnOutage(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{FetchTimeout: 10 * time.Second})
		get(t, c, "db")
		s.hang()
		invalidate(t, c, "db")
		var waited time.Duration
		for range 1000 {
			waited += took(func() { wantGet(t, c, "db", "db v1") })
			time.Sleep(time.Second)
		}
		if waited != engine.DefaultMaxRefreshWait {
			t.Errorf("readers waited %v in all", waited)
		}
	})
}

func TestAStormOfInvalidationsMakesOneCallPerInterval(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{MinRefreshInterval: time.Second})
		get(t, c, "db")
		for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
			invalidate(t, c, "db")
			get(t, c, "db")
		}
		if n := s.count(); n > 12 {
			t.Errorf("%d calls in 10 s, want one a second", n)
		}
	})
}

// The fetches that Do asks for after Invalidate are no exception.
func TestAStormOfInvalidationsAndLookupsOfTheRecentMakesOneCallPerInterval(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.take(5 * time.Millisecond)
		c := open(t, s, engine.Config{MinRefreshInterval: time.Second})
		get(t, c, "db")
		for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
			invalidate(t, c, "db")
			if _, err := c.LookupRecent(t.Context(), ref("db")); err != nil {
				t.Error(err)
			}
		}
		if n := s.count(); n > 12 {
			t.Errorf("%d calls in 10 s, want one a second", n)
		}
	})
}

// A reader is owed a fetch that began after it asked, not one that no
// invalidation meets.
func TestInvalidationsDuringSlowFetchesDoNotStarveReaders(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.take(3 * time.Second)
		c := open(t, s, engine.Config{MinRefreshInterval: time.Second})
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Second):
					c.Invalidate(ref("db"))
				}
			}
		}()
		for name, read := range map[string]func() error{
			"Get":     func() error { _, err := c.Get(t.Context(), ref("db")); return err },
			"Refresh": func() error { _, err := c.Refresh(t.Context(), ref("db")); return err },
		} {
			time.Sleep(1500 * time.Millisecond)
			d := took(func() {
				done := make(chan error, 1)
				go func() { done <- read() }()
				select {
				case err := <-done:
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
				case <-time.After(time.Minute):
					t.Errorf("%s: no answer within a minute", name)
				}
			})
			if d > 6*time.Second {
				t.Errorf("%s waited %v, for more than the fetch under way and the next", name, d)
			}
		}
	})
}
