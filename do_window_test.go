package typedsecret_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
)

// A vault is a Source of one secret, whose versions bear stages as the test says. A
// version is called after its payload.
type vault struct {
	mu     sync.Mutex // guards the fields below
	stages map[string]string
	err    error
	hangs  bool
	calls  map[string]int // by stage
}

// rotating makes a vault in which "two" waits for its rotation's end.
func rotating() *vault {
	return &vault{stages: map[string]string{"AWSCURRENT": "one", "AWSPENDING": "two"}, calls: map[string]int{}}
}

func (v *vault) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	v.mu.Lock()
	v.calls[ref.Stage]++
	stage := ref.Stage
	if ref.VersionID != "" {
		stage = "AWSCURRENT"
	}
	payload, known := v.stages[stage]
	err, hangs := v.err, v.hangs
	v.mu.Unlock()
	switch {
	case hangs:
		<-ctx.Done()
		return secret.Value{}, ctx.Err()
	case err != nil:
		return secret.Value{}, err
	case !known:
		return secret.Value{}, secret.ErrNotFound
	}
	return secret.Value{Payload: secret.StringPayload(payload), VersionID: "version-" + payload, Stages: []string{ref.Stage}}, nil
}

// after changes what the vault does, at once or later.
func (v *vault) after(d time.Duration, change func(v *vault)) {
	locked := func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		change(v)
	}
	if d == 0 {
		locked()
	} else {
		time.AfterFunc(d, locked)
	}
}

func (v *vault) count(stage string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls[stage]
}

func finishSecret(v *vault) { v.stages = map[string]string{"AWSCURRENT": "two", "AWSPREVIOUS": "one"} }
func outage(v *vault)       { v.err = secret.ErrUnavailable }
func hang(v *vault)         { v.hangs = true }

// A window is a Do in the midst of a rotation by the single-user strategy: the
// database knows the new password already, AWSCURRENT is the old one.
type window struct {
	*vault
	db     *postgres
	cache  *cache.Cache
	handle *typedsecret.Secret[string]
}

// inWindow runs a test in virtual time, in the window.
func inWindow(t *testing.T, cfg cache.Config, opts []typedsecret.Option, test func(t *testing.T, w *window)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &window{vault: rotating(), db: &postgres{password: "two"}}
		w.cache = open(t, w.vault, cfg)
		w.handle = typedsecret.New[string]("db", append(opts, typedsecret.WithCache(w.cache))...)
		wantGet(t, w.handle, "one")
		test(t, w)
	})
}

// do returns what a Do comes to, and after what time.
func (w *window) do(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	err := w.handle.Do(ctx, w.db.login)
	return time.Since(start), err
}

func budget(d time.Duration) []typedsecret.Option {
	return []typedsecret.Option{typedsecret.WithRetryBudget(d)}
}

// wantLetIn says that a Do must have succeeded between two times.
func wantLetIn(t testing.TB, took time.Duration, err error, from, to time.Duration) {
	t.Helper()
	if err != nil || took < from || took > to {
		t.Errorf("after %v: %v; want to be let in after %v to %v", took, err, from, to)
	}
}

func TestDoOutlastsTheWindowOfARotation(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		w.after(3*time.Second-1, finishSecret)
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 3*time.Second-1, 5*time.Second)
		if n := w.count("AWSCURRENT"); n > 6 {
			t.Errorf("%d fetches in %v", n, took)
		}
		if n := w.count("AWSPENDING"); n != 0 {
			t.Errorf("AWSPENDING was fetched %d times, which nobody allowed", n)
		}
	})
}

func TestARefusedVersionIsTriedAgainAfterPausesThatGrowTo30s(t *testing.T) {
	inWindow(t, eager, budget(5*time.Minute), func(t *testing.T, w *window) {
		w.do(t.Context())
		pause := time.Second
		for i := 1; i < len(w.db.at); i++ {
			if got := w.db.at[i].Sub(w.db.at[i-1]); got != pause {
				t.Errorf("pause %d is %v, want %v", i, got, pause)
			}
			pause = min(pause*3/2, 30*time.Second)
		}
		if n := len(w.db.at); n < 15 {
			t.Errorf("only %d tries in 5 minutes", n)
		}
	})
}

// TestTheBudgetsEndIsTheEnd, and no reason for another wrong login.
func TestTheBudgetsEndIsTheEnd(t *testing.T) {
	for d, tries := range map[time.Duration]int{time.Millisecond: 1, 10 * time.Millisecond: 1, 900 * time.Millisecond: 1, 10 * time.Second: 5} {
		t.Run(d.String(), func(t *testing.T) {
			for name, cfg := range map[string]cache.Config{"eager": eager, "by default": {}} {
				t.Run(name, func(t *testing.T) {
					inWindow(t, cfg, budget(d), func(t *testing.T, w *window) {
						took, err := w.do(t.Context())
						wantRefused(t, err)
						if took != d || len(w.db.at) != tries {
							t.Errorf("gave up after %v and %d tries", took, len(w.db.at))
						}
						if errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("no context of the caller's has ended: %v", err)
						}
					})
				})
			}
		})
	}
}

// TestAPinnedVersionIsTriedAgainAndNotFetchedAgain, since it never changes.
func TestAPinnedVersionIsTriedAgainAndNotFetchedAgain(t *testing.T) {
	pinned := append(budget(10*time.Second), typedsecret.WithVersionID("12345678-1234-1234-1234-123456789012"))
	inWindow(t, cache.Config{}, pinned, func(t *testing.T, w *window) {
		w.after(0, outage)
		time.AfterFunc(2*time.Second, func() { w.db.set("one") })
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
	inWindow(t, eager, budget(0), func(t *testing.T, w *window) {
		took, err := w.do(t.Context())
		wantRefused(t, err)
		w.db.wantTries(t, "one")
		if n := w.count("AWSCURRENT"); took != 0 || n != 2 {
			t.Errorf("after %v, %d fetches", took, n)
		}
		w.after(0, finishSecret)
		time.Sleep(time.Nanosecond)
		took, err = w.do(t.Context())
		wantLetIn(t, took, err, 0, 0)
	})
}

// TestABudgetOf0RefreshesAfterWhatAnotherBroughtWasRefusedToo: that may be old by now.
func TestABudgetOf0RefreshesAfterWhatAnotherBroughtWasRefusedToo(t *testing.T) {
	inWindow(t, eager, budget(0), func(t *testing.T, w *window) {
		w.db.set("three")
		err := w.handle.Do(t.Context(), func(ctx context.Context, password string) error {
			if password == "one" {
				w.after(0, finishSecret)
				wantRefresh(t, w.handle, "two")
				w.after(0, func(v *vault) { v.stages["AWSCURRENT"] = "three" })
				time.Sleep(time.Nanosecond)
			}
			return w.db.login(ctx, password)
		})
		if err != nil {
			t.Error(err)
		}
		w.db.wantTries(t, "one", "two", "three")
	})
}

func TestTheContextsDeadlineIsNeverPassed(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		took, err := w.do(ctx)
		wantRefused(t, err, context.DeadlineExceeded)
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
		wantRefused(t, err, context.Canceled, why)
		if took != 1700*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// TestNothingIsTriedAfterTheContextsEnd: who is cancelled while a refresh is under way
// gets the refusal, not what a function makes of a context that is done.
func TestNothingIsTriedAfterTheContextsEnd(t *testing.T) {
	for name, cancelAfter := range map[string]time.Duration{"at first": time.Millisecond, "later": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inWindow(t, eager, budget(time.Minute), func(t *testing.T, w *window) {
				ctx, cancel := context.WithTimeout(t.Context(), cancelAfter)
				defer cancel()
				w.after(cancelAfter/2, hang)
				err := w.handle.Do(ctx, func(ctx context.Context, password string) error {
					if err := ctx.Err(); err != nil {
						t.Error("called after the context's end")
						return err
					}
					return w.db.login(ctx, password)
				})
				wantRefused(t, err, context.DeadlineExceeded)
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
				wantRefused(t, err, typedsecret.ErrTimeout)
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
			wantRefused(t, err, typedsecret.ErrTimeout)
			if took != cache.DefaultFetchTimeout {
				t.Errorf("took %v", took)
			}
		})
	})
}

// TestASourceThatHangsKeepsNobodyFromTheOldCredential, which a cancelled rotation makes
// good again.
func TestASourceThatHangsKeepsNobodyFromTheOldCredential(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		w.after(0, hang)
		time.AfterFunc(4*time.Second, func() { w.db.set("one") })
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 4*time.Second, 6*time.Second)
	})
}

func TestAnOutageInTheWindowIsOutlastedToo(t *testing.T) {
	cfg := cache.Config{Backoff: eager.Backoff}
	inWindow(t, cfg, nil, func(t *testing.T, w *window) {
		w.after(0, outage)
		w.after(3*time.Second, finishSecret)
		w.after(5*time.Second, func(v *vault) { v.err = nil })
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 5*time.Second, 7*time.Second)
	})
	inWindow(t, cfg, nil, func(t *testing.T, w *window) {
		w.after(0, outage)
		_, err := w.do(t.Context())
		wantRefused(t, err, typedsecret.ErrUnavailable)
	})
}

func TestACancelledRotationIsOutlasted(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		time.AfterFunc(2*time.Second, func() { w.db.set("one") })
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 2*time.Second, 3*time.Second)
	})
}

func TestAVersionThatDoesNotDecodeLeavesTheOldOneToBeTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, tries := storing("pin", "1234"), 0
		c := open(t, source, eager)
		handle := typedsecret.New[int]("pin", typedsecret.WithCache(c))
		later := typedsecret.New[int]("pin", typedsecret.WithCache(c))
		wantGet(t, handle, 1234)
		wantGet(t, later, 1234)
		source.put("pin", "no number")
		err := handle.Do(t.Context(), func(_ context.Context, pin int) error {
			if tries++; pin != 1234 {
				t.Errorf("tried %d", pin)
			}
			return typedsecret.Rejected(&refusal{})
		})
		wantRefused(t, err, codec.ErrSyntax)
		time.AfterFunc(2*time.Second, func() { source.put("pin", "5678") })
		if err := later.Do(t.Context(), func(_ context.Context, pin int) error {
			if pin != 5678 {
				return typedsecret.Rejected(&refusal{})
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
			time.Sleep(time.Minute) // by when the delays have grown
			w.after(0, finishSecret)
			wantRefresh(t, w.handle, "two")
		}()
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, time.Minute, time.Minute)
	})
}

func TestDoFollowsSetDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		setDefault(t, open(t, rotating(), cache.Config{}))
		handle, db := typedsecret.New[string]("db"), &postgres{password: "three"}
		next := open(t, storing("db", "three"), cache.Config{})
		time.AfterFunc(3*time.Second, func() { typedsecret.SetDefault(next) })
		start := time.Now()
		err := handle.Do(t.Context(), db.login)
		wantLetIn(t, time.Since(start), err, 3*time.Second, 4*time.Second)
	})
}

func TestDoOfACacheThatIsClosedEnds(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		time.AfterFunc(2*time.Second, func() { w.cache.Close() })
		took, err := w.do(t.Context())
		wantRefused(t, err, typedsecret.ErrClosed)
		if took < 2*time.Second || took > 3*time.Second || slices.Contains(w.db.tried(), "") {
			t.Errorf("after %v, tried %q", took, w.db.tried())
		}
	})
}
