package rotation_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/handletest"
)

// current moves AWSCURRENT to a version.
func (w *window) current(version string) {
	w.after(0, func(v *vault) { v.stages = map[string]string{"AWSCURRENT": version} })
}

// TestAVersionThatBecomesCurrentAgainIsTried: a rotation was undone, and the version was
// refused before.
func TestAVersionThatBecomesCurrentAgainIsTried(t *testing.T) {
	for name, opts := range map[string][]typedsecret.Option{
		"by default": nil, "without a budget": budget(0),
		"with a bound": most(4), "with a bound, without a budget": append(most(4), budget(0)...),
		"with a bound, pending": append(most(4), pending...),
	} {
		for later, idle := range map[string]time.Duration{"at once": 0, "an hour later": time.Hour} {
			t.Run(name+"/"+later, func(t *testing.T) {
				inWindow(t, cache.Config{}, opts, func(t *testing.T, w *window) {
					w.current("one")
					// The window is long, so the pauses have grown.
					for range 60 {
						w.do(t.Context())
						time.Sleep(time.Second)
					}
					w.current("two")
					time.Sleep(time.Second)
					if _, err := w.do(t.Context()); err != nil {
						w.do(t.Context())
					}
					if took, err := w.do(t.Context()); err != nil || took != 0 {
						t.Fatal(took, err)
					}
					time.Sleep(idle)
					// The rotation is undone, first in the database.
					w.db.Set("one")
					for range 3 {
						ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
						w.do(ctx)
						cancel()
					}
					w.current("one")
					time.Sleep(time.Second)
					took, err := w.do(t.Context())
					wantLetIn(t, took, err, 0, 2*time.Second)
				})
			})
		}
	}
}

// TestACallThatIsAcceptedEndsTheHaste: after a budget that ended in vain, refused calls
// return at once. An accepted call ends that, and later calls outlast a window again.
func TestACallThatIsAcceptedEndsTheHaste(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		w.db.Set("one")
		err := w.handle.Do(t.Context(), func(context.Context, string) error { return typedsecret.MaybeRejected(&handletest.Refusal{}) })
		handletest.WantRefused(t, err)
		for range 10 {
			time.Sleep(time.Second)
			took, err := w.do(t.Context())
			wantLetIn(t, took, err, 0, 0)
		}
		w.db.Set("two")
		w.after(3*time.Second, finishSecret)
		began := time.Now()
		err = w.handle.Do(t.Context(), func(ctx context.Context, password string) error {
			if err := w.db.Login(ctx, password); err != nil {
				return typedsecret.MaybeRejected(&handletest.Refusal{})
			}
			return nil
		})
		wantLetIn(t, time.Since(began), err, 3*time.Second, 5*time.Second)
	})
}

// failingKMS is a hook that fails while fails is true.
type failingKMS struct {
	fails *atomic.Bool
	calls *atomic.Int64
}

func (failingKMS) Put(_ context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return handletest.Inverted(b), nil
}

func (m failingKMS) Get(_ context.Context, _ hook.Item, b []byte) ([]byte, error) {
	if m.calls.Add(1) > 1000 {
		time.Sleep(time.Second) // lets the test end even if calls spin
	}
	if m.fails.Load() {
		return nil, errors.New("KMS is unavailable")
	}
	return handletest.Inverted(b), nil
}

// TestACallWhoseHookFailsWaits before the next try, also when the gate has changed.
func TestACallWhoseHookFailsWaits(t *testing.T) {
	m := failingKMS{new(atomic.Bool), new(atomic.Int64)}
	inWindow(t, cache.Config{Hook: m}, nil, func(t *testing.T, w *window) {
		slow := func(ctx context.Context, password string) error {
			time.Sleep(600 * time.Millisecond)
			return w.db.Login(ctx, password)
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { handletest.WantRefused(t, w.handle.Do(t.Context(), slow)) })
		}
		time.Sleep(2 * time.Second) // a call is under way
		m.fails.Store(true)
		before := m.calls.Load()
		all.Wait()
		if n := m.calls.Load() - before; n > 3*20 {
			t.Errorf("%d calls of the hook", n)
		}
	})
}

// TestNoCallIsMadeAfterItsContextsEnd, although a place becomes free at that moment.
func TestNoCallIsMadeAfterItsContextsEnd(t *testing.T) {
	for range 30 {
		inWindow(t, cache.Config{}, most(2), func(t *testing.T, w *window) {
			w.db.Set("one")
			ctx, cancel := context.WithCancel(t.Context())
			var calls sync.WaitGroup
			calls.Go(func() {
				w.handle.Do(t.Context(), func(context.Context, string) error {
					time.Sleep(time.Second)
					cancel()
					return nil
				})
			})
			synctest.Wait()
			calls.Go(func() {
				w.handle.Do(ctx, func(ctx context.Context, _ string) error {
					if ctx.Err() != nil {
						t.Error("called after the context's end")
					}
					return ctx.Err()
				})
			})
			calls.Wait()
		})
	}
}

// TestAGoroutineThatEndsLeavesItsPlace: it ends in f or in a predicate.
func TestAGoroutineThatEndsLeavesItsPlace(t *testing.T) {
	ends := func() error { runtime.Goexit(); return nil }
	for name, ending := range map[string]struct {
		f    func() error
		opts []typedsecret.Option
	}{
		"in f":             {ends, nil},
		"in the predicate": {func() error { return errors.New("x") }, []typedsecret.Option{typedsecret.WithRejected(func(error) bool { runtime.Goexit(); return true })}},
	} {
		t.Run(name, func(t *testing.T) {
			inWindow(t, cache.Config{}, append(most(2), ending.opts...), func(t *testing.T, w *window) {
				w.db.Set("one")
				done := make(chan struct{})
				go func() {
					defer close(done)
					w.handle.Do(t.Context(), func(context.Context, string) error { return ending.f() })
				}()
				<-done
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				took, err := w.do(ctx)
				wantLetIn(t, took, err, 0, 0)
			})
		})
	}
}

// TestOnlyAWholeBudgetIsInVain: a version that came near the end of a budget gets another
// one.
func TestOnlyAWholeBudgetIsInVain(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		w.db.Set("nobody's") // a replica lags
		w.after(8*time.Second, finishSecret)
		_, err := w.do(t.Context())
		handletest.WantRefused(t, err)
		time.AfterFunc(2*time.Second, func() { w.db.Set("two") })
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 2*time.Second, 5*time.Second)
	})
}

// TestRepeatsOfDoubtedCallsAreShared, although other calls are accepted.
func TestRepeatsOfDoubtedCallsAreShared(t *testing.T) {
	besiege(t, 8, nil, func(t *testing.T, s *siege) {
		var tries, calls atomic.Int64
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				time.Sleep(time.Duration(n) * 200 * time.Millisecond)
				for range 4 {
					calls.Add(1)
					s.handle.Do(t.Context(), func(context.Context, string) error {
						tries.Add(1)
						return typedsecret.MaybeRejected(&handletest.Refusal{})
					})
				}
			})
		}
		all.Wait()
		s.wantNoFailure(t)
		if c, n := calls.Load(), tries.Load(); n > c+60 {
			t.Errorf("%d tries of %d calls", n, c)
		}
	})
}
