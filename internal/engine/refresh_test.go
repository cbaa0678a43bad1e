package engine_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

func TestAWarmGetNeverWaitsForARefresh(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{TTL: 24 * time.Hour, FetchTimeout: 11 * time.Hour})
		get(t, c, "db")
		s.hang()
		for range 24*60 - 1 {
			time.Sleep(time.Minute)
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if d := took(func() { wantGet(t, c, "db", "db v1") }); d > 0 {
						t.Errorf("a Get waited for %v", d)
					}
				})
			}
			wg.Wait()
		}
		if n := s.count(); n < 2 {
			t.Errorf("%d calls: no refresh was under way", n)
		}
	})
}

func TestRefreshAheadReturnsThePresentValueAndThenTheNewOne(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, j := serving("db"), &observed.Journal{}
		c := open(t, s, engine.Config{TTL: time.Hour, Observer: j})
		get(t, c, "db")
		s.rotate("db", "v2")
		time.Sleep(time.Hour - 1)
		wantGet(t, c, "db", "db v1")
		settle()
		wantGet(t, c, "db", "db v2")
		wantCalls(t, s, 2)
		current := hook.Secret{ID: "db", Stage: "AWSCURRENT", VersionID: "v1"}
		rotated := current
		rotated.VersionID = "v2"
		if diff := cmp.Diff([]hook.Event{
			hook.Fetched{Secret: current}, hook.Fetched{Secret: rotated}, hook.Rotated{Secret: rotated, From: "v1"},
		}, observed.Of[hook.Event](j)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestTheRefreshPointIsDrawnFrom70To83PercentOfTheTTL(t *testing.T) {
	got := refreshPoints(t, 2)
	for i, n := range got {
		part := 0.0 // of the 2.6 minutes
		switch {
		case i == 14 || i == 15:
			part = 1 / 2.6
		case i == 16:
			part = 0.6 / 2.6
		}
		if want := 2000 * part; math.Abs(float64(n)-want) > 5*math.Sqrt(want*(1-part)) {
			t.Errorf("%d of 2000 caches refreshed in minute %d of 20, want about %.0f", n, i, want)
		}
	}
}

func TestAfterAFirstFetchTheRefreshPointIsDrawnAsIfTheFleetHadNotBegunInStep(t *testing.T) {
	got := refreshPoints(t, 1)
	for i, n := range got {
		// The density is even for 14 minutes and falls to 0 in 2.6 more: of what would be
		// steps of 2000/15.3, the last three have what is below that slope. The first
		// sixtieth of the TTL, a third of a step, is left out.
		part := 1.0
		switch {
		case i == 0:
			part = 0.67
		case i == 14:
			part = (2.6*2.6 - 1.6*1.6) / (2 * 2.6)
		case i == 15:
			part = (1.6*1.6 - 0.6*0.6) / (2 * 2.6)
		case i == 16:
			part = 0.6 * 0.6 / (2 * 2.6)
		case i > 16:
			part = 0
		}
		if want := 2000 / 15.3 * part; math.Abs(float64(n)-want) > 5*math.Sqrt(want)+4 {
			t.Errorf("%d of 2000 caches refreshed in minute %d of 20, want about %.0f", n, i, want)
		}
	}
}

func TestAForcedRefreshAndTheEndOfAnOutageAreTakenForInStep(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for name, fetch := range map[string]func(c *engine.Cache, s *service){
			"forced": func(c *engine.Cache, _ *service) { c.Refresh(t.Context(), ref("db")) },
			"invalidated": func(c *engine.Cache, _ *service) {
				c.Invalidate(ref("db"))
				get(t, c, "db")
			},
			"after an outage": func(c *engine.Cache, s *service) {
				s.fail(secret.ErrUnavailable)
				c.Refresh(t.Context(), ref("db"))
				s.fail(nil)
				time.Sleep(time.Second)
				c.Refresh(t.Context(), ref("db"))
			},
			"past the TTL": func(c *engine.Cache, _ *service) {
				time.Sleep(time.Hour)
				get(t, c, "db")
			},
		} {
			early := 0
			for range 100 {
				s := serving("db")
				c := open(t, s, engine.Config{TTL: 20 * time.Minute})
				get(t, c, "db")
				fetch(c, s)
				before := s.count()
				time.Sleep(10*time.Minute - time.Second)
				get(t, c, "db")
				settle()
				early += s.count() - before
				c.Close()
			}
			// Two of three are due in the first half.
			if early < 45 || early > 90 {
				t.Errorf("%s: %d of 100 refreshed in the first half of the TTL", name, early)
			}
		}
	})
}

// refreshPoints counts by twentieth of the TTL when 2000 caches refresh a secret for
// the nth time.
func refreshPoints(t *testing.T, nth int) (refreshed [20]int) {
	virtual(t, func(t *testing.T) {
		for range 2000 {
			s := serving("db")
			c := open(t, s, engine.Config{TTL: 20 * time.Minute})
			get(t, c, "db")
			for s.count() < nth {
				time.Sleep(10 * time.Second)
				get(t, c, "db")
				settle()
			}
			i := 0
			for ; s.count() == nth; i++ {
				time.Sleep(time.Minute - time.Nanosecond)
				get(t, c, "db")
				settle()
				time.Sleep(time.Nanosecond)
			}
			refreshed[i-1]++
			c.Close()
		}
	})
	return refreshed
}

func TestARefreshThatTakesLongBeginsEarlyEnoughForNobodyToWait(t *testing.T) {
	for _, c := range []struct{ ttl, timeout, takes time.Duration }{
		{time.Second, 0, 200 * time.Millisecond},
		{time.Minute, 10 * time.Second, 10*time.Second - time.Millisecond},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db")
				s.take(c.takes)
				cc := open(t, s, engine.Config{TTL: c.ttl, FetchTimeout: c.timeout})
				get(t, cc, "db")
				for range 10_000 {
					time.Sleep(c.ttl / 100)
					if d := took(func() { get(t, cc, "db") }); d > 0 {
						t.Fatalf("a Get waited for %v", d)
					}
				}
				if n := s.count(); n < 100 {
					t.Errorf("%d calls in 100 TTLs", n)
				}
			})
		})
	}
}

func TestNoRefreshAheadFetchesAtTheTTLAndNotBefore(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{TTL: time.Hour, NoRefreshAhead: true})
		get(t, c, "db")
		s.rotate("db", "v2")
		time.Sleep(time.Hour - 1)
		wantGet(t, c, "db", "db v1")
		settle()
		wantCalls(t, s, 1)
		time.Sleep(time.Nanosecond)
		wantGet(t, c, "db", "db v2")
		wantCalls(t, s, 2)
	})
}

func TestAValuePastItsTTLIsNotReturnedUntried(t *testing.T) {
	for _, ttl := range []time.Duration{time.Millisecond, time.Millisecond + 1, 2 * time.Millisecond, 99 * time.Millisecond, 250 * time.Millisecond, time.Second, time.Hour} {
		for _, ahead := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v,ahead=%v", ttl, ahead), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					s := serving("db")
					c := open(t, s, engine.Config{TTL: ttl, NoRefreshAhead: !ahead})
					for range 200 {
						snapshot(t, c, "db")
						calls := s.count()
						time.Sleep(ttl)
						get(t, c, "db")
						if s.count() == calls {
							t.Fatalf("the value is %v old, and no fetch was tried", ttl)
						}
					}
				})
			})
		}
	}
}

func TestNoReadMissesTheEndOfTheTTL(t *testing.T) {
	const ttl = time.Second
	virtual(t, func(t *testing.T) {
		for before := time.Duration(0); before <= 4*engine.Tick; before += 5 * time.Millisecond {
			s := serving("db")
			c := open(t, s, engine.Config{TTL: ttl, NoRefreshAhead: true})
			get(t, c, "db")
			done := make(chan struct{})
			go func() { // its timer is older than the clock's, and runs first
				defer close(done)
				time.Sleep(ttl)
				get(t, c, "db")
				wantCalls(t, s, 2)
			}()
			go func() {
				time.Sleep(ttl - 1)
				get(t, c, "db")
				wantCalls(t, s, 1)
			}()
			if before > 0 {
				time.Sleep(ttl - before)
				snapshot(t, c, "db")
			}
			<-done
			if t.Failed() {
				t.Fatalf("with reads %v before the end of the TTL", before)
			}
		}
	})
}

func TestAHugeTTLNeverEnds(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		const forever = 1<<63 - 1
		c := open(t, s, engine.Config{TTL: forever, FetchTimeout: forever, MinRefreshInterval: forever})
		get(t, c, "db")
		time.Sleep(4 * 365 * 24 * time.Hour) // of 292, of which a sixtieth is 4.9
		snapshot(t, c, "db")
		settle()
		wantCalls(t, s, 1)
		if _, err := c.Refresh(t.Context(), ref("db")); err != nil {
			t.Error(err)
		}
		wantCalls(t, s, 2)
	})
}

func TestAFetchOfTheSameVersionIsNoRotation(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, j := serving("db"), &observed.Journal{}
		c := open(t, s, engine.Config{Observer: j})
		first := snapshot(t, c, "db")
		time.Sleep(2 * time.Hour)
		second := snapshot(t, c, "db")
		wantCalls(t, s, 2)
		if n := len(observed.Of[hook.Rotated](j)); n != 0 {
			t.Errorf("%d Rotated events", n)
		}
		if !first.Same(second) || !first.Before(second) || second.Before(first) || first.Fresh() || !second.Fresh() {
			t.Error("the second snapshot should be the same version, newer, and alone be fresh")
		}
		if first.Same(nil) {
			t.Error("a snapshot is not the same as none")
		}
	})
}

func TestARotationIsSeenByTheNextReadOfABusySecret(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		old := snapshot(t, c, "db")
		if !old.Fresh() {
			t.Fatal("the snapshot is not fresh")
		}
		s.rotate("db", "v2")
		if _, err := c.Refresh(t.Context(), ref("db")); err != nil {
			t.Fatal(err)
		}
		if old.Fresh() {
			t.Error("the old snapshot is still fresh")
		}
		wantGet(t, c, "db", "db v2")
	})
}

// A reader that comes while the observer runs waits for it, but not for a value that
// has grown old meanwhile.
func TestASlowObserverMakesNobodyGetAValuePastItsTTL(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		var fetches atomic.Int32
		c := open(t, s, engine.Config{TTL: time.Second, Observer: hook.ObserverFunc(func(_ context.Context, e hook.Event) {
			if _, ok := e.(hook.Fetched); ok && fetches.Add(1) == 1 {
				time.Sleep(5 * time.Second)
			}
		})})
		go c.Get(t.Context(), ref("db"))
		time.Sleep(3 * time.Second)
		s.rotate("db", "v2")
		wantGet(t, c, "db", "db v2")
		wantCalls(t, s, 2)
	})
}
