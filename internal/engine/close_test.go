package engine_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// A bubble of virtual time panics if a goroutine is left when its test ends, so
// each test here is one of leaks too: they close, and don't wait after it.

func wantClosed(t *testing.T, c *engine.Cache) {
	t.Helper()
	_, get := c.Get(t.Context(), ref("db"))
	_, invalid := c.Get(t.Context(), secret.Ref{})
	_, refresh := c.Refresh(t.Context(), ref("db"))
	_, lookup := c.Lookup(t.Context(), ref("db"))
	_, now := c.LookupNow(t.Context(), ref("db"))
	for method, err := range map[string]error{
		"Get": get, "Get of an invalid Ref": invalid, "Refresh": refresh, "Lookup": lookup, "LookupNow": now,
		"Invalidate": c.Invalidate(ref("db")),
	} {
		if !errors.Is(err, engine.ErrClosed) {
			t.Errorf("%s after Close: %v", method, err)
		}
	}
	if n := c.Len(); n != 0 {
		t.Errorf("Len after Close: %d", n)
	}
	c.CheckNow()
}

func TestAfterCloseEveryMethodReturnsErrClosed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		snap := snapshot(t, c, "db")
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if snap.Fresh() {
				t.Error("a snapshot is fresh after Close")
			}
			if c.ClockRuns() {
				t.Error("a timer runs after Close")
			}
			wantClosed(t, c)
		}
		wantCalls(t, s, 1)
	})
}

func TestCloseEndsTheWaitsAndTheFetches(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db", "warm")
		c := open(t, s, engine.Config{TTL: time.Hour})
		get(t, c, "warm")
		time.Sleep(time.Hour - 1)
		s.hang()
		get(t, c, "warm") // a fetch in the background
		var waiters sync.WaitGroup
		for range 50 {
			waiters.Go(func() { wantErr(t, c, "db", engine.ErrClosed) })
			waiters.Go(func() {
				if _, err := c.Refresh(t.Context(), ref("warm")); !errors.Is(err, engine.ErrClosed) {
					t.Errorf("Refresh: %v", err)
				}
			})
		}
		settle()
		if d := took(func() { c.Close(); waiters.Wait() }); d > 0 {
			t.Errorf("closing took %v", d)
		}
		wantClosed(t, c)
	})
}

func TestCloseWaitsUntilASlowSourceHasEnded(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.take(time.Second) // sleeps whatever its context says
		c := open(t, s, engine.Config{})
		var waiter sync.WaitGroup
		waiter.Go(func() {
			if d := took(func() { wantErr(t, c, "db", engine.ErrClosed) }); d > 0 {
				t.Errorf("the reader waited for %v", d)
			}
		})
		settle()
		var closers sync.WaitGroup
		for range 3 {
			closers.Go(func() {
				if d := took(func() { c.Close() }); d != time.Second {
					t.Errorf("Close took %v", d)
				}
			})
		}
		closers.Wait()
		waiter.Wait()
	})
}

func TestCloseInTheMiddleOfEverything(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			s := serving("a", "b", "c")
			s.take(time.Microsecond)
			c := open(t, s, engine.Config{MaxSize: 2, TTL: time.Millisecond, MinRefreshInterval: -1, Observer: &observed.Journal{}})
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for n := 0; ; n++ {
						r, err := ref(string(rune('a'+(n+i)%4))), error(nil) // d does not exist
						switch (n + i) % 5 {
						case 0:
							_, err = c.Refresh(t.Context(), r)
						case 1:
							err = c.Invalidate(r)
						default:
							_, err = c.Get(t.Context(), r)
						}
						if errors.Is(err, engine.ErrClosed) {
							return
						}
						if err != nil && !errors.Is(err, secret.ErrNotFound) {
							t.Errorf("%v", err)
						}
						time.Sleep(time.Microsecond)
					}
				})
			}
			time.Sleep(100 * time.Microsecond)
			wg.Go(func() { c.Close() })
			wg.Go(func() { c.Close() })
			wg.Wait()
			wantClosed(t, c)
		})
	}
}

// Real time and two processors, for the race detector.
func TestCloseAmongReadersOnRealThreads(t *testing.T) {
	for range 100 {
		s := serving("a", "b", "c")
		c := open(t, s, engine.Config{MaxSize: 2, TTL: time.Millisecond, MinRefreshInterval: -1})
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				var snap *engine.Snapshot
				for n := 0; ; n++ {
					if snap != nil && snap.Fresh() {
						continue
					}
					next, err := c.Lookup(context.Background(), ref(string(rune('a'+(n/20+i)%3))))
					if err != nil {
						if !errors.Is(err, engine.ErrClosed) {
							t.Error(err)
						}
						return
					}
					snap = next
					if n > 200 && i == 0 {
						go c.Close()
					}
					c.Invalidate(snap.Ref())
				}
			})
		}
		wg.Wait()
		wantClosed(t, c)
	}
}

func TestAnIdleCacheHasNoTimerAfterTwoTicksAndTheNextReadStartsIt(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		var cfg engine.Config
		var reads atomic.Int64 // of the system's clock
		cfg.SetClock(func(start time.Time) (int64, int64) {
			reads.Add(1)
			now := time.Now()
			return now.UnixNano(), int64(now.Sub(start))
		})
		cfg.TTL, cfg.NoRefreshAhead = 10000*time.Hour, true
		c := open(t, s, cfg)
		if c.ClockRuns() {
			t.Error("the timer runs before the first read")
		}
		snap := snapshot(t, c, "db")
		for range 50 { // as long as it is read, the timer runs
			time.Sleep(engine.Tick)
			settle()
			if !snap.Fresh() || !c.ClockRuns() {
				t.Fatal("the clock stopped though there are reads")
			}
		}
		time.Sleep(3 * engine.Tick)
		settle()
		if snap.Fresh() || c.ClockRuns() {
			t.Error("the clock runs though nobody reads")
		}
		before := reads.Load()
		time.Sleep(1000 * time.Hour)
		settle()
		if n := reads.Load() - before; n != 0 || c.ClockRuns() {
			t.Errorf("the clock was read %d times", n)
		}
		get(t, c, "db")
		if !snap.Fresh() || !c.ClockRuns() {
			t.Error("a read did not start the clock")
		}
		wantCalls(t, s, 1)
	})
}
