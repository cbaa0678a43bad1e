package rotation_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/handletest"
)

// TestWithoutABudgetThereIsOneRefresh: long tries and new versions don't cause more.
func TestWithoutABudgetThereIsOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, calls := handletest.Storing("db", "one"), 0
		handle := typedsecret.New[string]("db", typedsecret.WithCache(handletest.Open(t, source, cache.Config{})), typedsecret.WithRetryBudget(0))
		handletest.WantGet(t, handle, "one")
		err := handle.Do(t.Context(), func(context.Context, string) error {
			source.Put("db", "another")
			time.Sleep(2 * cache.DefaultMinRefreshInterval)
			if calls++; calls == 10 {
				return nil
			}
			return typedsecret.Rejected(&handletest.Refusal{})
		})
		handletest.WantRefused(t, err)
		if n := source.Count() - 1; n != 1 || calls != 2 {
			t.Errorf("%d refreshes, called %d times", n, calls)
		}
	})
}

// TestWithoutABudgetWhatIsPendingBehindANewVersionIsTriedToo: a budget makes no difference
// to that.
func TestWithoutABudgetWhatIsPendingBehindANewVersionIsTriedToo(t *testing.T) {
	inWindow(t, cache.Config{}, append(budget(0), pending...), func(t *testing.T, w *window) {
		w.db.Set("three")
		w.after(0, func(v *vault) { v.stages = map[string]string{"AWSCURRENT": "two", "AWSPENDING": "three"} })
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 0, 0)
		w.db.WantTries(t, "one", "two", "three")
	})
}

// TestARefusedCredentialIsTriedOnWhileARefreshHangs: Do may have begun that refresh, or the
// end of the value's TTL, or an Invalidate.
func TestARefusedCredentialIsTriedOnWhileARefreshHangs(t *testing.T) {
	expires := cache.Config{TTL: 5 * time.Second, NoRefreshAhead: true}
	for name, row := range map[string]struct {
		cfg    cache.Config
		begins func(w *window)
	}{
		"as its TTL ends": {expires, func(*window) { time.Sleep(4 * time.Second) }},
		"as it is invalidated": {cache.Config{}, func(w *window) {
			time.AfterFunc(1900*time.Millisecond, func() { w.handle.Invalidate(context.Background()) })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inWindow(t, row.cfg, nil, func(t *testing.T, w *window) {
				row.begins(w)
				w.after(0, hang)
				time.AfterFunc(4*time.Second, func() { w.db.Set("one") })
				took, err := w.do(t.Context())
				wantLetIn(t, took, err, 4*time.Second, 6*time.Second)
			})
		})
	}
}

// lazy is a hook that ignores its context, and is slow for pending versions.
type lazy struct{}

func (lazy) Put(_ context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return bytes.Clone(b), nil
}

func (lazy) Get(ctx context.Context, item hook.Item, b []byte) ([]byte, error) {
	if item.Stage == "AWSPENDING" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return bytes.Clone(b), nil
}

func TestAHookThatIsSlowForWhatIsPendingKeepsNobody(t *testing.T) {
	for name, begin := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"past the context's end": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 3*time.Second)
		},
		"past the budget's end": context.WithCancel,
		"past it without a context's end": func(context.Context) (context.Context, context.CancelFunc) {
			return context.Background(), func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWindow(t, cache.Config{Hook: lazy{}}, pending, func(t *testing.T, w *window) {
				ctx, cancel := begin(t.Context())
				defer cancel()
				took, err := w.do(ctx)
				handletest.WantRefused(t, err)
				if took > 10*time.Second || ctx.Err() != nil && took > 3*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// TestARefreshThatFailedIsNoReasonOnceAnotherSucceeded: the error of Do does not mention an
// outage that has ended.
func TestARefreshThatFailedIsNoReasonOnceAnotherSucceeded(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		w.after(0, outage)
		err := w.handle.Do(t.Context(), func(_ context.Context, password string) error {
			switch {
			case password == "two":
				time.Sleep(typedsecret.DefaultRetryBudget)
			case w.count("AWSCURRENT") > 1: // Do has failed to refresh it
				w.after(0, func(v *vault) { v.err = nil })
				w.after(0, finishSecret)
				time.Sleep(2 * time.Second) // longer than the back-off
				handletest.WantRefresh(t, w.handle, "two")
			}
			return typedsecret.Rejected(&handletest.Refusal{})
		})
		handletest.WantRefused(t, err)
		if errors.Is(err, typedsecret.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}
