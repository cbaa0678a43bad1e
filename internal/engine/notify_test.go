package engine_test

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// hourly has values refreshed after an hour, and again 10 minutes after a failure.
var hourly = engine.Config{TTL: time.Hour, NoRefreshAhead: true, Backoff: every(10 * time.Minute), MinRefreshInterval: -1}

const forever = time.Duration(math.MaxInt64)

// notified makes a channel that is notified of ref.
func notified(c *engine.Cache, ref secret.Ref) (told <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	return ch, entryOf(c, ref).Notify(ch)
}

// wantTold says whether there was a notification since the last call.
func wantTold(t testing.TB, told <-chan struct{}, want bool) {
	t.Helper()
	settle()
	got := len(told) > 0
	if got {
		<-told
	}
	if got != want {
		t.Errorf("told: %v, want %v", got, want)
	}
}

func TestNotifyTellsOfWhatMayBeNew(t *testing.T) {
	for name, row := range map[string]struct {
		do   func(t *testing.T, c *engine.Cache, s *service)
		want bool
	}{
		"a refresh":       {func(t *testing.T, c *engine.Cache, s *service) { c.Refresh(t.Context(), ref("db")) }, true},
		"a failed one":    {func(t *testing.T, c *engine.Cache, s *service) { s.fail(errDown); c.Refresh(t.Context(), ref("db")) }, true},
		"a read that hit": {func(t *testing.T, c *engine.Cache, s *service) { get(t, c, "db") }, false},
		"a read that missed": {func(t *testing.T, c *engine.Cache, s *service) {
			time.Sleep(time.Hour)
			get(t, c, "db")
		}, true},
		"an Invalidate":  {func(t *testing.T, c *engine.Cache, s *service) { c.Invalidate(ref("db")) }, true},
		"CheckNow":       {func(t *testing.T, c *engine.Cache, s *service) { c.CheckNow() }, true},
		"Close":          {func(t *testing.T, c *engine.Cache, s *service) { c.Close() }, true},
		"a second Close": {func(t *testing.T, c *engine.Cache, s *service) { c.Close(); c.Close() }, true},
		"another secret": {func(t *testing.T, c *engine.Cache, s *service) { get(t, c, "other"); c.Invalidate(ref("other")) }, false},
		"another stage": {func(t *testing.T, c *engine.Cache, s *service) {
			c.Refresh(t.Context(), secret.Ref{ID: "db", Stage: "AWSPREVIOUS"})
		}, false},
		"the same stage": {func(t *testing.T, c *engine.Cache, s *service) {
			c.Refresh(t.Context(), secret.Ref{ID: "db", Stage: "AWSCURRENT"})
		}, true},
		"nothing": {func(t *testing.T, c *engine.Cache, s *service) { time.Sleep(1000 * time.Hour) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db", "other")
				c := open(t, s, hourly)
				get(t, c, "db")
				told, stop := notified(c, ref("db"))
				staged, _ := notified(c, secret.Ref{ID: "db", Stage: "AWSCURRENT"})
				wantTold(t, told, false)
				wantCalls(t, s, 1) // Notify fetched nothing
				row.do(t, c, s)
				wantTold(t, told, row.want)
				wantTold(t, staged, row.want)
				stop()
				row.do(t, c, s)
				wantTold(t, told, false)
			})
		})
	}
}

func TestAnInvalidateJustAfterARefreshNotifiesToo(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := open(t, serving("db"), engine.Config{})
		c.Refresh(t.Context(), ref("db"))
		told, _ := notified(c, ref("db"))
		c.Invalidate(ref("db"))
		wantTold(t, told, true)
	})
}

func TestAnInvalidateOfWhatIsNotKeptIsToldOf(t *testing.T) {
	virtual(t, func(t *testing.T) {
		cfg := hourly
		cfg.MaxSize = 1
		c := open(t, serving("db", "other"), cfg)
		told, _ := notified(c, ref("db"))
		c.Invalidate(ref("db")) // never read
		wantTold(t, told, true)
		get(t, c, "db")
		wantTold(t, told, true)
		get(t, c, "other") // evicts it, which is nothing new
		wantTold(t, told, false)
		c.Invalidate(ref("db"))
		wantTold(t, told, true)
	})
}

func TestNobodyWhoIsSlowIsWaitedFor(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := open(t, serving("db"), hourly)
		for _, ch := range []chan struct{}{nil, make(chan struct{}), make(chan struct{}, 1)} {
			entryOf(c, ref("db")).Notify(ch)
		}
		told, _ := notified(c, ref("db"))
		for range 5 {
			time.Sleep(time.Second)
			if d := took(func() { c.Refresh(t.Context(), ref("db")) }); d != 0 {
				t.Errorf("a Refresh took %v", d)
			}
		}
		wantTold(t, told, true)
		wantTold(t, told, false) // no queue
	})
}

func TestStopEndsOneNotificationAndLeavesNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := open(t, serving("db"), hourly)
		one, stopOne := notified(c, ref("db"))
		two, stopTwo := notified(c, ref("db"))
		three, stopThree := notified(c, ref("db"))
		stopTwo()
		stopTwo() // again
		c.Refresh(t.Context(), ref("db"))
		wantTold(t, one, true)
		wantTold(t, two, false)
		wantTold(t, three, true)
		stopOne()
		stopThree()
		if n := c.Watched(); n != 0 {
			t.Errorf("%d secrets are watched by nobody", n)
		}
		_, stop := notified(c, ref("db"))
		c.Close()
		stop() // after Close too
		if n := c.Watched(); n != 0 {
			t.Errorf("%d secrets are watched after Close", n)
		}
	})
}

// TestAStopIsOfItsOwnNotification: a channel may be notified of a secret twice, as by
// two parts of a program that don't know of each other.
func TestAStopIsOfItsOwnNotification(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := open(t, serving("db"), hourly)
		ch := make(chan struct{}, 1)
		stop := entryOf(c, ref("db")).Notify(ch)
		entryOf(c, ref("db")).Notify(ch)
		stop()
		stop()
		c.Refresh(t.Context(), ref("db"))
		wantTold(t, ch, true)
	})
}

func TestQuietLastsUntilThereIsSomethingToDo(t *testing.T) {
	for name, row := range map[string]struct {
		do   func(t *testing.T, c *engine.Cache, s *service)
		want time.Duration
	}{
		"just fetched":  {func(*testing.T, *engine.Cache, *service) {}, time.Hour},
		"later":         {func(*testing.T, *engine.Cache, *service) { time.Sleep(40 * time.Minute) }, 20 * time.Minute},
		"at the TTL":    {func(*testing.T, *engine.Cache, *service) { time.Sleep(time.Hour) }, 0},
		"long after it": {func(*testing.T, *engine.Cache, *service) { time.Sleep(48 * time.Hour) }, 0},
		"invalidated":   {func(t *testing.T, c *engine.Cache, s *service) { c.Invalidate(ref("db")) }, 0},
		"failed while young": {func(t *testing.T, c *engine.Cache, s *service) {
			s.fail(errDown)
			c.Refresh(t.Context(), ref("db"))
			time.Sleep(20 * time.Minute)
		}, 40 * time.Minute},
		"failed just before it is due": {func(t *testing.T, c *engine.Cache, s *service) {
			s.fail(errDown)
			time.Sleep(59 * time.Minute)
			c.Refresh(t.Context(), ref("db"))
		}, 10 * time.Minute},
		"failed at the TTL": {func(t *testing.T, c *engine.Cache, s *service) {
			s.fail(errDown)
			time.Sleep(time.Hour)
			get(t, c, "db")
			time.Sleep(3 * time.Minute)
		}, 7 * time.Minute},
		"invalidated, and failed": {func(t *testing.T, c *engine.Cache, s *service) {
			s.fail(errDown)
			c.Invalidate(ref("db"))
			get(t, c, "db")
		}, 10 * time.Minute},
		"a fetch under way": {func(t *testing.T, c *engine.Cache, s *service) {
			s.hang()
			go c.Refresh(t.Context(), ref("db"))
			settle()
		}, forever},
		"closed": {func(t *testing.T, c *engine.Cache, s *service) { c.Close() }, forever},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				cfg, s := hourly, serving("db", "other")
				cfg.MaxSize = 1
				c := open(t, s, cfg)
				e := entryOf(c, ref("db"))
				if _, err := e.Get(t.Context()); err != nil {
					t.Fatal(err)
				}
				row.do(t, c, s)
				if got := e.Quiet(); got != row.want {
					t.Errorf("quiet for %v, want %v", got, row.want)
				}
			})
		})
	}
	virtual(t, func(t *testing.T) {
		c := open(t, serving("db"), hourly)
		if got := entryOf(c, ref("db")).Quiet(); got != 0 {
			t.Errorf("quiet for %v about what was never read", got)
		}
		wantErr(t, c, "none", secret.ErrNotFound)
		if got := entryOf(c, ref("none")).Quiet(); got != 10*time.Minute {
			t.Errorf("quiet for %v about what is not there", got)
		}
	})
}

// TestALookupAfterTheQuietFetches, so that who watches looks as often as there are
// fetches, and no more often.
func TestALookupAfterTheQuietFetches(t *testing.T) {
	for _, ahead := range []bool{true, false} {
		for _, ttl := range []time.Duration{time.Second, 10 * time.Second, time.Minute, time.Hour, 1000 * time.Hour} {
			for _, jittered := range []bool{true, false} {
				t.Run(fmt.Sprintf("ttl=%v,ahead=%v,jitter=%v", ttl, ahead, jittered), func(t *testing.T) {
					virtual(t, func(t *testing.T) {
						s, cfg := serving("db"), engine.Config{TTL: ttl, NoRefreshAhead: !ahead, Backoff: every(7 * time.Second)}
						if jittered {
							cfg.Backoff = engine.Config{}.Backoff
						}
						c := open(t, s, cfg)
						for i := range 500 {
							switch { // 10 that fail, 10 that don't
							case i%20 == 10:
								s.fail(errDown)
							case i%20 == 0:
								s.mend()
							}
							before := s.count()
							_, err := c.Lookup(t.Context(), ref("db"))
							if settle(); err != nil || s.count() != before+1 {
								t.Fatalf("look %d: %d fetches, %v", i, s.count()-before, err)
							}
							time.Sleep(entryOf(c, ref("db")).Quiet())
						}
					})
				})
			}
		}
	}
}

func TestNotifyIsSafeForConcurrentUse(t *testing.T) {
	s := serving("db")
	c := open(t, s, engine.Config{MinRefreshInterval: -1, Backoff: backoff.Policy{Base: -1}})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 300 {
				told, stop := notified(c, ref("db"))
				if _, err := c.Refresh(t.Context(), ref("db")); err != nil && !errors.Is(err, errDown) {
					t.Error(err)
				}
				<-told
				entryOf(c, ref("db")).Quiet()
				if stop(); i == 0 {
					c.CheckNow()
				}
			}
		})
	}
	wg.Wait()
	if n := c.Watched(); n != 0 {
		t.Errorf("%d secrets are watched by nobody", n)
	}
}

// TestQuietInAnOutageLastsUntilGetLooksAgain: else a watcher of a value that is due would look a
// thousand times a second, as nothing that it does has the outage's next probe put off.
func TestQuietInAnOutageLastsUntilGetLooksAgain(t *testing.T) {
	for name, checkClock := range map[string]bool{"": false, "with CheckClock": true} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db", "other", "third")
				c := open(t, s, engine.Config{TTL: time.Hour, CheckClock: checkClock})
				for id := range s.versions {
					get(t, c, id)
				}
				s.fail(secret.ErrUnavailable)
				_, _ = c.Refresh(t.Context(), ref("other"))
				_, _ = c.Refresh(t.Context(), ref("third"))
				db := entryOf(c, ref("db"))
				told, stop := notified(c, ref("db"))
				defer stop()
				looks := 0
				for began := time.Now(); time.Since(began) < 2*time.Hour; looks++ { // fresh, due, and past its TTL
					wantGet(t, c, "db", "db v1")
					select {
					case <-time.After(max(db.Quiet(), time.Millisecond)):
					case <-told:
					}
				}
				if looks > 2*s.count()+10 {
					t.Errorf("%d looks for %d calls", looks, s.count())
				}
				s.mend()
				s.rotate("db", "v2")
				for began := time.Now(); get(t, c, "db") != "db v2"; {
					if time.Since(began) > 10*time.Second {
						t.Fatal("the watcher does not see the new version in 10 s")
					}
					select {
					case <-time.After(max(db.Quiet(), time.Millisecond)):
					case <-told:
					}
				}
			})
		})
	}
}
