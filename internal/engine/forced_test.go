package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

func refresh(t *testing.T, c *engine.Cache, id, want string) {
	t.Helper()
	v, err := c.Refresh(t.Context(), ref(id))
	if err != nil || v.Payload.Reveal() != want {
		t.Errorf("Refresh(%s) = %q, %v; want %q", id, v.Payload.Reveal(), err, want)
	}
}

func TestRefreshFetchesNowForAllReaders(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		wantGet(t, c, "db", "db v1")
		s.rotate("db", "v2")
		wantGet(t, c, "db", "db v1")
		refresh(t, c, "db", "db v2")
		wantGet(t, c, "db", "db v2")
		wantCalls(t, s, 2)
	})
}

func TestAStormOfRefreshesMakesOneCallPerInterval(t *testing.T) {
	for name, ids := range map[string][]string{"known": {"db"}, "unknown": nil} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving(ids...)
				c := open(t, s, engine.Config{MinRefreshInterval: time.Second, Backoff: every(time.Millisecond)})
				var storm sync.WaitGroup
				began := time.Now()
				for range 20 {
					storm.Go(func() {
						for time.Since(began) < 10*time.Second {
							_, err := c.Refresh(t.Context(), ref("db"))
							if wrong := errors.Is(err, secret.ErrNotFound) != (ids == nil); wrong {
								t.Errorf("Refresh: %v", err)
							}
							time.Sleep(7 * time.Millisecond)
						}
					})
				}
				storm.Wait()
				// One at once, and one a second for those who asked meanwhile.
				if n := s.count(); n < 10 || n > 12 {
					t.Errorf("%d calls in 10 s, want one a second", n)
				}
			})
		})
	}
}

// A rotation just after a Refresh is not missed by the next one, which waits for the end of
// the interval with all others.
func TestRefreshWithinTheIntervalFetchesAtItsEnd(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{MinRefreshInterval: time.Second})
		s.rotate("db", "v2")
		refresh(t, c, "db", "db v2")
		time.Sleep(200 * time.Millisecond)
		s.rotate("db", "v3")
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				if d := took(func() { refresh(t, c, "db", "db v3") }); d != 800*time.Millisecond {
					t.Errorf("Refresh took %v", d)
				}
			})
		}
		callers.Wait()
		wantCalls(t, s, 2)
	})
}

func TestRefreshWaitsForNoIntervalLongerThanFetchTimeout(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{MinRefreshInterval: time.Minute, FetchTimeout: 10 * time.Second})
		refresh(t, c, "db", "db v1")
		time.Sleep(20 * time.Second)
		s.rotate("db", "v2")
		var failed *secret.Error
		d := took(func() {
			_, err := c.Refresh(t.Context(), ref("db"))
			if !errors.As(err, &failed) || !errors.Is(err, secret.ErrTimeout) || failed.RetryIn != 40*time.Second {
				t.Errorf("got %v", err)
			}
		})
		if d != 0 {
			t.Errorf("the error came after %v", d)
		}
		time.Sleep(30 * time.Second)
		refresh(t, c, "db", "db v2") // 10 s later
	})
}

func TestARefreshThatWaitsForTheIntervalEndsWithItsContextAndWithTheCache(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{MinRefreshInterval: 5 * time.Second})
		refresh(t, c, "db", "db v1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Refresh(ctx, ref("db")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.AfterFunc(time.Second, func() { c.Close() })
		if _, err := c.Refresh(t.Context(), ref("db")); !errors.Is(err, engine.ErrClosed) {
			t.Errorf("got %v", err)
		}
		wantCalls(t, s, 1)
	})
}

// A caller that asked for the new value, and gave up, leaves no old one behind.
func TestARefreshThatIsGivenUpFetchesAtTheEndOfTheInterval(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		refresh(t, c, "db", "db v1")
		s.rotate("db", "v2")
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			_, err := c.Refresh(ctx, ref("db"))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the end of MinRefreshInterval") {
				t.Errorf("got %v", err)
			}
		}
		time.Sleep(time.Second)
		wantGet(t, c, "db", "db v2")
		wantCalls(t, s, 2)
	})
}

// Invalidate within MinRefreshInterval of a forced fetch is not forgotten.
func TestInvalidateJustAfterARefreshMakesTheNextGetFetch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		s.rotate("db", "v2")
		refresh(t, c, "db", "db v2")
		time.Sleep(200 * time.Millisecond)
		s.rotate("db", "v3")
		invalidate(t, c, "db")
		if d := took(func() { wantGet(t, c, "db", "db v3") }); d != 0 {
			t.Errorf("Get waited %v for the interval", d)
		}
	})
}

// The second fetch that Invalidate asks for begins at the end of the interval after the
// first, and a Get waits for it.
func TestInvalidateTwiceInTheIntervalMakesAGetWaitForItsEnd(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.take(20 * time.Millisecond)
		c := open(t, s, engine.Config{})
		get(t, c, "db")
		for i := range 10 {
			s.rotate("db", nameOf(i))
			invalidate(t, c, "db")
			if d := took(func() { wantGet(t, c, "db", "db "+nameOf(i)) }); d > time.Second {
				t.Errorf("Get took %v", d)
			}
		}
		wantCalls(t, s, 11)
	})
}

// The fetch is made though the only reader that waited for it has given up.
func TestAFetchThatWaitsForTheIntervalOutlivesItsReader(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		get(t, c, "db")
		invalidate(t, c, "db")
		get(t, c, "db")
		s.rotate("db", "v2")
		invalidate(t, c, "db")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		v, err := c.Get(ctx, ref("db"))
		if err != nil || v.VersionID != "v1" {
			t.Errorf("got %q, %v", v.VersionID, err)
		}
		time.Sleep(time.Second)
		settle()
		wantCalls(t, s, 3)
		wantGet(t, c, "db", "db v2")
	})
}

func TestRefreshDuringBackoffMakesNoCall(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{Backoff: every(time.Minute)})
		get(t, c, "db")
		s.fail(errDown)
		for range 600 {
			if _, err := c.Refresh(t.Context(), ref("db")); !errors.Is(err, errDown) {
				t.Errorf("Refresh: %v", err)
			}
			time.Sleep(time.Second)
		}
		wantCalls(t, s, 11)
		wantGet(t, c, "db", "db v1") // it survives
	})
}

func TestRefreshAfterABackgroundFetchBeganMakesACallOfItsOwn(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{TTL: time.Hour})
		get(t, c, "db")
		s.take(5 * time.Second)
		time.Sleep(time.Hour - 1)
		get(t, c, "db") // begins a fetch in the background, which sees v1
		settle()
		time.Sleep(time.Second / 2) // within MinRefreshInterval, but that was no forced one
		s.rotate("db", "v2")
		refresh(t, c, "db", "db v2")
		wantCalls(t, s, 3)
	})
}

// A forced fetch that began longer ago than MinRefreshInterval may have missed
// a rotation too.
func TestRefreshDoesNotTakeTheResultOfAForcedFetchBegunLongBefore(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.take(5 * time.Second)
		c := open(t, s, engine.Config{MinRefreshInterval: time.Second})
		var first sync.WaitGroup
		first.Go(func() { refresh(t, c, "db", "db v1") })
		time.Sleep(4 * time.Second)
		s.rotate("db", "v2")
		refresh(t, c, "db", "db v2")
		first.Wait()
		wantCalls(t, s, 2)
	})
}

func TestAFailedRefreshLeavesTheLastGoodValue(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{Backoff: every(time.Minute)})
		get(t, c, "db")
		s.fail(errDown)
		_, err := c.Refresh(t.Context(), ref("db"))
		if !errors.Is(err, errDown) {
			t.Errorf("Refresh: %v", err)
		}
		snap := snapshot(t, c, "db")
		if snap.VersionID() != "v1" || snap.Expired() || !errors.Is(snap.RefreshError(), errDown) {
			t.Errorf("version %s, expired %v, refreshing: %v", snap.VersionID(), snap.Expired(), snap.RefreshError())
		}
		s.mend()
		time.Sleep(time.Minute)
		refresh(t, c, "db", "db v1")
		if err := snap.RefreshError(); err != nil {
			t.Errorf("after a success: %v", err)
		}
	})
}

func TestAnObserverMayRefreshTheSecretOfItsEvent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var c *engine.Cache
		observed := 0
		c = open(t, serving("db"), engine.Config{Observer: hook.ObserverFunc(func(ctx context.Context, e hook.Event) {
			if _, ok := e.(hook.Fetched); ok && observed == 0 {
				observed++
				if _, err := c.Refresh(ctx, ref("db")); err != nil {
					t.Errorf("Refresh in the observer: %v", err)
				}
			}
		})})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := c.Get(ctx, ref("db")); err != nil {
			t.Error(err)
		}
		if observed != 1 {
			t.Error("nothing was observed")
		}
	})
}

func TestRefreshReturnsNoValuePastItsTTL(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{TTL: 100 * time.Millisecond, MinRefreshInterval: time.Second})
		for range 2 {
			if _, err := c.Refresh(t.Context(), ref("db")); err != nil {
				t.Error(err)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if n := s.count(); n != 2 {
			t.Errorf("%d calls, want 2", n)
		}
	})
}

func TestTheSourceLearnsThatAFetchIsForced(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var forced []bool
		c := open(t, secret.SourceFunc(func(ctx context.Context, _ secret.Ref) (secret.Value, error) {
			nested, cancel := context.WithCancel(ctx)
			defer cancel()
			forced = append(forced, secret.IsForced(nested))
			return secret.Value{}, nil
		}), engine.Config{})
		get(t, c, "db")
		c.Refresh(t.Context(), ref("db"))
		time.Sleep(time.Second)
		c.Invalidate(ref("db"))
		get(t, c, "db")
		time.Sleep(time.Hour)
		get(t, c, "db")
		settle()
		if want := []bool{false, true, true, false}; !slices.Equal(forced, want) {
			t.Errorf("got %v, want %v", forced, want)
		}
		if secret.IsForced(t.Context()) {
			t.Error("a context of no fetch")
		}
	})
}
