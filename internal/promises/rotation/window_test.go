package rotation_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/internal/handletest"
)

func TestDoOutlastsTheWindowOfARotation(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		w.after(3*time.Second-1, finishSecret)
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 3*time.Second-1, 5*time.Second)
		if n := w.count("AWSCURRENT"); n > 6 {
			t.Errorf("%d fetches in %v", n, took)
		}
		if n := w.count("AWSPENDING"); n != 0 {
			t.Errorf("AWSPENDING was fetched %d times, though it is not allowed", n)
		}
	})
}

func TestARefusedVersionIsTriedAgainAfterPausesThatGrowTo30s(t *testing.T) {
	inWindow(t, handletest.Eager(), budget(5*time.Minute), func(t *testing.T, w *window) {
		w.do(t.Context())
		pause := time.Second
		for i := 1; i < len(w.db.At()); i++ {
			if got := w.db.At()[i].Sub(w.db.At()[i-1]); got != pause {
				t.Errorf("pause %d is %v, want %v", i, got, pause)
			}
			pause = min(pause*3/2, 30*time.Second)
		}
		if n := len(w.db.At()); n < 15 {
			t.Errorf("only %d tries in 5 minutes", n)
		}
	})
}

// TestTheBudgetsEndIsTheEnd: there is no further wrong login.
func TestTheBudgetsEndIsTheEnd(t *testing.T) {
	for d, tries := range map[time.Duration]int{time.Millisecond: 1, 10 * time.Millisecond: 1, 900 * time.Millisecond: 1, 10 * time.Second: 5} {
		t.Run(d.String(), func(t *testing.T) {
			for name, cfg := range map[string]cache.Config{"handletest.Eager()": handletest.Eager(), "by default": {}} {
				t.Run(name, func(t *testing.T) {
					inWindow(t, cfg, budget(d), func(t *testing.T, w *window) {
						took, err := w.do(t.Context())
						handletest.WantRefused(t, err)
						if took != d || len(w.db.At()) != tries {
							t.Errorf("gave up after %v and %d tries", took, len(w.db.At()))
						}
						if errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("the error says that the caller's context ended, but it has not: %v", err)
						}
					})
				})
			}
		})
	}
}

// TestAPinnedVersionIsTriedAgainAndNotFetchedAgain, since a version never changes.
func TestAPinnedVersionIsTriedAgainAndNotFetchedAgain(t *testing.T) {
	pinned := append(budget(10*time.Second), typedsecret.WithVersionID("12345678-1234-1234-1234-123456789012"))
	inWindow(t, cache.Config{}, pinned, func(t *testing.T, w *window) {
		w.after(0, outage)
		time.AfterFunc(2*time.Second, func() { w.db.Set("one") })
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 2*time.Second, 3*time.Second)
		if n := w.count(""); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestTheDefaultBudgetIs10s(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		if took, err := w.do(t.Context()); took != typedsecret.DefaultRetryBudget {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestABudgetOf0RefreshesOnceAndTriesOnlyWhatIsNew(t *testing.T) {
	inWindow(t, handletest.Eager(), budget(0), func(t *testing.T, w *window) {
		took, err := w.do(t.Context())
		handletest.WantRefused(t, err)
		w.db.WantTries(t, "one")
		if n := w.count("AWSCURRENT"); took != 0 || n != 2 {
			t.Errorf("after %v, %d fetches", took, n)
		}
		w.after(0, finishSecret)
		time.Sleep(time.Nanosecond)
		took, err = w.do(t.Context())
		wantLetIn(t, took, err, 0, 0)
	})
}

// TestABudgetOf0RefreshesAfterWhatAnotherBroughtWasRefusedToo: the version that another
// call fetched may be old by now.
func TestABudgetOf0RefreshesAfterWhatAnotherBroughtWasRefusedToo(t *testing.T) {
	inWindow(t, handletest.Eager(), budget(0), func(t *testing.T, w *window) {
		w.db.Set("three")
		err := w.handle.Do(t.Context(), func(ctx context.Context, password string) error {
			if password == "one" {
				w.after(0, finishSecret)
				handletest.WantRefresh(t, w.handle, "two")
				w.after(0, func(v *vault) { v.stages["AWSCURRENT"] = "three" })
				time.Sleep(time.Nanosecond)
			}
			return w.db.Login(ctx, password)
		})
		if err != nil {
			t.Error(err)
		}
		w.db.WantTries(t, "one", "two", "three")
	})
}

func TestTheContextsDeadlineIsNeverPassed(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		took, err := w.do(ctx)
		handletest.WantRefused(t, err, context.DeadlineExceeded)
		if took != 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestACancelledContextEndsTheWait(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		why := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(1700*time.Millisecond, func() { cancel(why) })
		took, err := w.do(ctx)
		handletest.WantRefused(t, err, context.Canceled, why)
		if took != 1700*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// TestNothingIsTriedAfterTheContextsEnd: a caller that is cancelled during a refresh gets
// the refusal. Its function is not called with a context that is done.
func TestNothingIsTriedAfterTheContextsEnd(t *testing.T) {
	for name, cancelAfter := range map[string]time.Duration{"at first": time.Millisecond, "later": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inWindow(t, handletest.Eager(), budget(time.Minute), func(t *testing.T, w *window) {
				ctx, cancel := context.WithTimeout(t.Context(), cancelAfter)
				defer cancel()
				w.after(cancelAfter/2, hang)
				err := w.handle.Do(ctx, func(ctx context.Context, password string) error {
					if err := ctx.Err(); err != nil {
						t.Error("called after the context's end")
						return err
					}
					return w.db.Login(ctx, password)
				})
				handletest.WantRefused(t, err, context.DeadlineExceeded)
			})
		})
	}
}

func TestASourceThatHangsHoldsDoUpForTheBudgetAtMost(t *testing.T) {
	for _, d := range []time.Duration{3 * time.Second, 10 * time.Second, time.Minute} {
		t.Run(d.String(), func(t *testing.T) {
			inWindow(t, cache.Config{}, budget(d), func(t *testing.T, w *window) {
				w.after(0, hang)
				took, err := w.do(t.Context())
				handletest.WantRefused(t, err, typedsecret.ErrTimeout)
				if took != d {
					t.Errorf("took %v", took)
				}
			})
		})
	}
	t.Run("and for the fetch if there is none", func(t *testing.T) {
		inWindow(t, cache.Config{}, budget(0), func(t *testing.T, w *window) {
			w.after(0, hang)
			took, err := w.do(t.Context())
			handletest.WantRefused(t, err, typedsecret.ErrTimeout)
			if took != cache.DefaultFetchTimeout {
				t.Errorf("took %v", took)
			}
		})
	})
}

// TestASourceThatHangsKeepsNobodyFromTheOldCredential: a cancelled rotation makes that one
// valid again.
func TestASourceThatHangsKeepsNobodyFromTheOldCredential(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		w.after(0, hang)
		time.AfterFunc(4*time.Second, func() { w.db.Set("one") })
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 4*time.Second, 6*time.Second)
	})
}

func TestAnOutageInTheWindowIsOutlastedToo(t *testing.T) {
	cfg := cache.Config{Backoff: handletest.Eager().Backoff}
	inWindow(t, cfg, nil, func(t *testing.T, w *window) {
		w.after(0, outage)
		w.after(3*time.Second, finishSecret)
		w.after(4*time.Second, func(v *vault) { v.err = nil })
		took, err := w.do(t.Context())
		// A probe follows the last one within 5 s, and the retry budget is 10 s.
		wantLetIn(t, took, err, 4*time.Second, 10*time.Second)
	})
	inWindow(t, cfg, nil, func(t *testing.T, w *window) {
		w.after(0, outage)
		_, err := w.do(t.Context())
		handletest.WantRefused(t, err, typedsecret.ErrUnavailable)
	})
}

func TestACancelledRotationIsOutlasted(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		time.AfterFunc(2*time.Second, func() { w.db.Set("one") })
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 2*time.Second, 3*time.Second)
	})
}

func TestAVersionThatDoesNotDecodeLeavesTheOldOneToBeTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, tries := handletest.Storing("pin", "1234"), 0
		c := handletest.Open(t, source, handletest.Eager())
		handle := typedsecret.New[int]("pin", typedsecret.WithCache(c))
		later := typedsecret.New[int]("pin", typedsecret.WithCache(c))
		handletest.WantGet(t, handle, 1234)
		handletest.WantGet(t, later, 1234)
		source.Put("pin", "no number")
		err := handle.Do(t.Context(), func(_ context.Context, pin int) error {
			if tries++; pin != 1234 {
				t.Errorf("tried %d", pin)
			}
			return typedsecret.Rejected(&handletest.Refusal{})
		})
		handletest.WantRefused(t, err, codec.ErrSyntax)
		time.AfterFunc(2*time.Second, func() { source.Put("pin", "5678") })
		if err := later.Do(t.Context(), func(_ context.Context, pin int) error {
			if pin != 5678 {
				return typedsecret.Rejected(&handletest.Refusal{})
			}
			return nil
		}); err != nil || tries < 5 {
			t.Errorf("after %d tries of the old one: %v", tries, err)
		}
	})
}

func TestANewVersionThatAnotherBringsEndsTheWait(t *testing.T) {
	inWindow(t, cache.Config{MinRefreshInterval: -1}, budget(time.Hour), func(t *testing.T, w *window) {
		time.Sleep(time.Millisecond)
		go func() {
			time.Sleep(time.Minute) // the delays have grown by then
			w.after(0, finishSecret)
			handletest.WantRefresh(t, w.handle, "two")
		}()
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, time.Minute, time.Minute)
	})
}

func TestDoFollowsSetDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handletest.SetDefault(t, handletest.Open(t, rotating(), cache.Config{}))
		handle, db := typedsecret.New[string]("db"), handletest.NewDatabase("three")
		next := handletest.Open(t, handletest.Storing("db", "three"), cache.Config{})
		time.AfterFunc(3*time.Second, func() { typedsecret.SetDefault(next) })
		start := time.Now()
		err := handle.Do(t.Context(), db.Login)
		wantLetIn(t, time.Since(start), err, 3*time.Second, 4*time.Second)
	})
}

func TestDoOfACacheThatIsClosedEnds(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		time.AfterFunc(2*time.Second, func() { w.cache.Close() })
		took, err := w.do(t.Context())
		handletest.WantRefused(t, err, typedsecret.ErrClosed)
		if took < 2*time.Second || took > 3*time.Second || slices.Contains(w.db.Tried(), "") {
			t.Errorf("after %v, tried %q", took, w.db.Tried())
		}
	})
}
