package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// expired makes a cache whose value of db has just passed its TTL.
func expired(t *testing.T, s *service, cfg engine.Config) *engine.Cache {
	t.Helper()
	cfg.TTL, cfg.NoRefreshAhead = time.Hour, true
	c := open(t, s, cfg)
	get(t, c, "db")
	time.Sleep(time.Hour)
	return c
}

func TestAReaderWaitsForASlowRefreshNoLongerThanMaxRefreshWait(t *testing.T) {
	for name, row := range map[string]struct {
		setting, takes, deadline, want time.Duration
		version                        string
	}{
		"fast enough":               {0, 900 * time.Millisecond, 0, 900 * time.Millisecond, "v2"},
		"slow":                      {0, 5 * time.Second, 0, time.Second, "v1"},
		"slow, a long deadline":     {0, 5 * time.Second, time.Minute, time.Second, "v1"},
		"slow, a short deadline":    {0, 5 * time.Second, 300 * time.Millisecond, 100 * time.Millisecond, "v1"},
		"slow, and allowed to be":   {6 * time.Second, 5 * time.Second, 0, 5 * time.Second, "v2"},
		"turned off":                {-1, 5 * time.Second, 0, 0, "v1"},
		"a setting of 200 ms":       {200 * time.Millisecond, 5 * time.Second, 0, 200 * time.Millisecond, "v1"},
		"longer than FetchTimeout":  {time.Minute, -1, 0, 10 * time.Second, "v1"},
		"a deadline that has ended": {0, 5 * time.Second, 1, 0, "v1"},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db")
				c := expired(t, s, engine.Config{MaxRefreshWait: row.setting})
				s.rotate("db", "v2")
				s.take(row.takes)
				ctx, cancel := t.Context(), func() {}
				if row.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, row.deadline)
				}
				defer cancel()
				if row.deadline == 1 {
					time.Sleep(time.Nanosecond)
				}
				waited := took(func() {
					v, err := c.Get(ctx, ref("db"))
					if err != nil || v.VersionID != row.version {
						t.Errorf("got %q, %v", v.VersionID, err)
					}
				})
				if waited != row.want {
					t.Errorf("waited %v, want %v", waited, row.want)
				}
				time.Sleep(10 * time.Second)
				if s.takes > 0 {
					wantGet(t, c, "db", "db v2") // the refresh went on
				}
				wantCalls(t, s, 2)
			})
		})
	}
}

// Many readers in a row wait for one slow refresh together no longer than one reader.
func TestAllReadersOfASlowRefreshWaitForTheSameSecond(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, j := serving("db"), &observed.Journal{}
		c := expired(t, s, engine.Config{Observer: j})
		s.rotate("db", "v2")
		s.take(9 * time.Second)
		began := time.Now()
		var readers sync.WaitGroup
		for range 80 {
			readers.Go(func() {
				most := max(0, time.Second-time.Since(began))
				if waited := took(func() { wantGet(t, c, "db", "db v1") }); waited != most {
					t.Errorf("waited %v, want %v", waited, most)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		readers.Wait()
		if stale := observed.Of[hook.ServedStale](j); len(stale) != 1 || !errors.Is(stale[0].Err, secret.ErrTimeout) {
			t.Errorf("told of %v", stale)
		}
	})
}

// The context of a reader may end without a deadline, as that of a request does whose client
// hangs up, or a timer of the program's own.
func TestACancelledReaderGetsTheLastGoodValueToo(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := expired(t, s, engine.Config{})
		s.hang()
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			v, err := c.Get(ctx, ref("db"))
			if err != nil || v.VersionID != "v1" {
				t.Errorf("got %q, %v", v.VersionID, err)
			}
		}
	})
}

// A reader waits if StaleIfError refuses the value, since there is nothing else to return.
func TestWhatStaleIfErrorRefusesOfASlowRefreshIsWaitedFor(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		var asked []error
		c := expired(t, s, engine.Config{StaleIfError: func(err error, age time.Duration) bool {
			if age != time.Hour+time.Second {
				t.Errorf("asked about an age of %v", age)
			}
			asked = append(asked, err)
			return false
		}})
		s.rotate("db", "v2")
		s.take(5 * time.Second)
		if waited := took(func() { wantGet(t, c, "db", "db v2") }); waited != 5*time.Second {
			t.Errorf("waited %v", waited)
		}
		if len(asked) != 1 || !errors.Is(asked[0], secret.ErrTimeout) {
			t.Errorf("StaleIfError was asked about %v", asked)
		}
	})
}

// After Invalidate a reader waits anew, also for a fetch that has been slow for long: the
// fetch that counts is the next one.
func TestAfterInvalidateAReaderWaitsAnewForASlowFetch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := expired(t, s, engine.Config{})
		s.take(5 * time.Second)
		get(t, c, "db")
		time.Sleep(3500 * time.Millisecond) // the fetch ends in half a second
		s.rotate("db", "v2")
		s.take(100 * time.Millisecond)
		invalidate(t, c, "db")
		if waited := took(func() { wantGet(t, c, "db", "db v2") }); waited != 600*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestCloseEndsTheWaitForASlowRefresh(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := expired(t, s, engine.Config{})
		s.hang()
		time.AfterFunc(500*time.Millisecond, func() { c.Close() })
		if waited := took(func() { wantErr(t, c, "db", engine.ErrClosed) }); waited != 500*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
	})
}

// TestAReaderWhomStaleIfErrorRefusedWaitsForTheFetchAfterInvalidateToo: the value that came
// meanwhile was fetched before.
func TestAReaderWhomStaleIfErrorRefusedWaitsForTheFetchAfterInvalidateToo(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{StaleIfError: func(_ error, age time.Duration) bool { return age < 5*time.Second }})
		wantGet(t, c, "db", "db v1")
		time.Sleep(10 * time.Second)
		s.rotate("db", "v2")
		s.take(2 * time.Second)
		go c.Refresh(t.Context(), ref("db"))
		time.Sleep(500 * time.Millisecond)
		s.rotate("db", "v3")
		s.take(100 * time.Millisecond)
		if err := c.Invalidate(ref("db")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(700 * time.Millisecond)
		if d := took(func() { wantGet(t, c, "db", "db v3") }); d != 900*time.Millisecond {
			t.Errorf("took %v", d)
		}
	})
}
