package rotation_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/secret"
)

// TestACallThatWaitedAtTheGateTriesWhatIsCurrentThen: the version that it read before the
// wait may have been replaced. A login with that one would be wrong.
func TestACallThatWaitedAtTheGateTriesWhatIsCurrentThen(t *testing.T) {
	for name, row := range map[string]struct {
		cfg     cache.Config
		opts    []typedsecret.Option
		refused bool // the first call is refused, with "one"
		refresh bool // a refresh brings "three" before the wait ends
	}{
		"for a place":                         {opts: most(2), refresh: true},
		"for a place, past the TTL":           {opts: most(2), cfg: cache.Config{TTL: 100 * time.Millisecond}},
		"for the first result":                {refused: true, refresh: true},
		"for the first result, past the TTL":  {refused: true, cfg: cache.Config{TTL: 100 * time.Millisecond}},
		"for the first result, with a Hook":   {refused: true, refresh: true, cfg: cache.Config{Hook: handletest.Flip{}}},
		"for the first result, with a bound":  {refused: true, refresh: true, opts: most(3)},
		"for the first result, and a pending": {refused: true, refresh: true, opts: pending},
	} {
		t.Run(name, func(t *testing.T) {
			row.cfg.MinRefreshInterval = -1
			inWindow(t, row.cfg, row.opts, func(t *testing.T, w *window) {
				w.current("two")
				if !row.refused {
					wantRefreshed(t, w.handle, "two")
				}
				var all sync.WaitGroup
				all.Go(func() {
					err := w.handle.Do(t.Context(), func(ctx context.Context, password string) error {
						if password == "one" {
							return typedsecret.Rejected(&handletest.Refusal{})
						}
						time.Sleep(600 * time.Millisecond)
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				})
				time.Sleep(100 * time.Millisecond)
				all.Go(func() {
					took, err := w.do(t.Context())
					wantLetIn(t, took, err, 500*time.Millisecond, 500*time.Millisecond)
				})
				time.Sleep(100 * time.Millisecond)
				w.current("three")
				w.db.Set("three")
				if row.refresh {
					wantRefreshed(t, w.handle, "three")
				}
				all.Wait()
				w.db.WantTries(t, "three")
			})
		})
	}
}

func wantRefreshed(t *testing.T, s *typedsecret.Secret[string], want string) {
	t.Helper()
	if got, err := s.Refresh(t.Context()); got != want || err != nil {
		t.Errorf("Refresh returned %q, %v", got, err)
	}
}

// TestACallThatWaitedAtTheGateIsGivenNoValueThatStaleIfErrorRefuses: the value became too
// old during the wait.
func TestACallThatWaitedAtTheGateIsGivenNoValueThatStaleIfErrorRefuses(t *testing.T) {
	cfg := cache.Config{TTL: time.Second, StaleIfError: func(error, time.Duration) bool { return false }}
	inWindow(t, cfg, most(2), func(t *testing.T, w *window) {
		go w.handle.Do(t.Context(), func(context.Context, string) error {
			time.Sleep(5 * time.Second)
			return nil
		})
		synctest.Wait()
		w.after(0, func(v *vault) { v.err = secret.ErrUnavailable })
		took, err := w.do(t.Context())
		if !errors.Is(err, secret.ErrUnavailable) || took != 5*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		w.db.WantTries(t)
	})
}
