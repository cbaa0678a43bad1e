package engine_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// A clock is the system's, in a machine that a test suspends and whose wall clock
// it sets.
type clock struct{ offset atomic.Int64 }

func (k *clock) config(cfg engine.Config) engine.Config {
	cfg.SetClock(func(start time.Time) (wall, mono int64) {
		now := time.Now()
		return now.UnixNano() + k.offset.Load(), int64(now.Sub(start))
	})
	return cfg
}

// suspend has d go by that the monotonic clock and the timers don't see.
func (k *clock) suspend(d time.Duration) { k.offset.Add(int64(d)) }

// set moves the wall clock.
func (k *clock) set(by time.Duration) { k.offset.Add(int64(by)) }

// wantTried reads a secret that was busy, and looks when a fetch is tried.
func wantTried(t *testing.T, c *engine.Cache, s *service, strict bool) {
	t.Helper()
	calls := s.count()
	get(t, c, "db")
	if strict && s.count() == calls {
		t.Error("the first Get tried no fetch")
	}
	time.Sleep(engine.Tick)
	settle()
	get(t, c, "db")
	if s.count() == calls {
		t.Errorf("no fetch was tried after %v of running time", engine.Tick)
	}
}

func TestAfterTheMachineWasSuspendedAValuePastItsTTLIsTried(t *testing.T) {
	for _, strict := range []bool{false, true} {
		for name, asleep := range map[string]func(*clock){
			"suspended":                       func(k *clock) { k.suspend(time.Hour) },
			"wall clock set forward":          func(k *clock) { k.set(time.Hour) },
			"suspended and then set back":     func(k *clock) { k.suspend(2 * time.Hour); k.set(-time.Hour) },
			"virtual machine restored, later": func(k *clock) { k.set(24 * 365 * time.Hour) },
		} {
			t.Run(fmt.Sprintf("%s,CheckClock=%v", name, strict), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					s, k := serving("db"), &clock{}
					c := open(t, s, k.config(engine.Config{TTL: time.Hour, CheckClock: strict}))
					snapshot(t, c, "db")
					asleep(k)
					wantTried(t, c, s, strict)
				})
			})
		}
	}
}

func TestSettingTheWallClockBackMakesNothingYounger(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db"), &clock{}
		c := open(t, s, k.config(engine.Config{TTL: time.Hour, NoRefreshAhead: true}))
		snapshot(t, c, "db")
		k.set(-24 * time.Hour)
		time.Sleep(time.Hour)
		wantTried(t, c, s, true)
	})
}

// Nor does it make anybody wait or fetch.
func TestSettingTheWallClockToAndFroCostsAFetchAtMost(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db"), &clock{}
		c := open(t, s, k.config(engine.Config{TTL: time.Hour, NoRefreshAhead: true, CheckClock: true}))
		get(t, c, "db")
		k.set(48 * time.Hour)
		get(t, c, "db")
		wantCalls(t, s, 2)
		for range 100 {
			k.set(-24 * time.Hour)
			get(t, c, "db")
			k.set(24 * time.Hour)
			get(t, c, "db")
		}
		wantCalls(t, s, 2)
	})
}

// The clock is set while the fetch is under way, by more than the TTL.
func TestSettingTheWallClockDuringAFetchDoesNotLoseItsResult(t *testing.T) {
	for _, by := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		virtual(t, func(t *testing.T) {
			s, k := serving("db"), &clock{}
			s.take(time.Second)
			c := open(t, s, k.config(engine.Config{TTL: time.Minute}))
			time.AfterFunc(time.Second/2, func() { k.set(by) })
			if d := took(func() { get(t, c, "db") }); d != time.Second {
				t.Errorf("clock set by %v: Get took %v", by, d)
			}
			wantCalls(t, s, 1)
		})
	}
}

func TestABackoffEndsWithTheSuspension(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving(), &clock{}
		c := open(t, s, k.config(engine.Config{Backoff: every(time.Hour)}))
		wantErr(t, c, "db", secret.ErrNotFound)
		s.rotate("db", "v1")
		wantErr(t, c, "db", secret.ErrNotFound)
		k.suspend(time.Hour)
		wantGet(t, c, "db", "db v1")
	})
}

func TestCheckNowMakesTheNextReadLook(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db"), &clock{}
		c := open(t, s, k.config(engine.Config{TTL: time.Hour}))
		snap := snapshot(t, c, "db")
		k.suspend(time.Hour)
		if !snap.Fresh() {
			t.Fatal("the snapshot is not fresh")
		}
		c.CheckNow()
		if snap.Fresh() {
			t.Error("the snapshot is still fresh")
		}
		wantTried(t, c, s, true)
	})
}

func TestInLambdaEachReadLooksAtTheClock(t *testing.T) {
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "mine")
	virtual(t, func(t *testing.T) {
		s, k := serving("db"), &clock{}
		c := open(t, s, k.config(engine.Config{TTL: time.Hour}))
		if snapshot(t, c, "db").Fresh() {
			t.Error("a snapshot is fresh without a look at the clock")
		}
		k.suspend(time.Hour)
		wantTried(t, c, s, true)
	})
}

// TestAfterTheMachineWasSuspendedInAFetchReadersWaitForIt: nobody has waited while it slept.
func TestAfterTheMachineWasSuspendedInAFetchReadersWaitForIt(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db"), &clock{}
		c := open(t, s, k.config(engine.Config{NoRefreshAhead: true}))
		wantGet(t, c, "db", "db v1")
		time.Sleep(time.Minute)
		s.rotate("db", "v2")
		s.take(2500 * time.Millisecond)
		go c.Refresh(t.Context(), ref("db"))
		time.Sleep(2 * time.Second)
		k.suspend(8 * time.Hour)
		time.Sleep(engine.Tick)
		if d := took(func() { wantGet(t, c, "db", "db v2") }); d > time.Second {
			t.Errorf("took %v", d)
		}
	})
}

// TestAValueThatWasFetchedWhileTheClockWasBackExpires when the clock is set forward again,
// also within a tick.
func TestAValueThatWasFetchedWhileTheClockWasBackExpires(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db", "key"), &clock{}
		c := open(t, s, k.config(engine.Config{TTL: time.Minute}))
		get(t, c, "key") // starts the coarse clock
		time.Sleep(engine.Tick / 4)
		k.set(-3 * time.Hour)
		get(t, c, "db")
		time.Sleep(engine.Tick / 4)
		k.set(time.Hour)
		wantTried(t, c, s, false)
	})
}
