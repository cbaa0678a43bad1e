package rotation_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/internal/observed"
)

var pending = []typedsecret.Option{typedsecret.WithPending()}

func TestThePendingVersionIsTriedInTheWindow(t *testing.T) {
	for name, cfg := range map[string]cache.Config{"by default": {}, "with a hook": {Hook: handletest.Flip{}}, "in a cache of one": {MaxSize: 1}} {
		t.Run(name, func(t *testing.T) {
			events := &observed.Journal{}
			cfg.Observer = events
			inWindow(t, cfg, pending, func(t *testing.T, w *window) {
				took, err := w.do(t.Context())
				wantLetIn(t, took, err, 0, 0)
				w.db.WantTries(t, "one", "two")
				handletest.WantGet(t, w.handle, "one") // Get doesn't return the pending version
				for range 9 {
					took, err = w.do(t.Context())
					wantLetIn(t, took, err, 0, 0)
				}
				if n := w.count("AWSPENDING"); n != 1 && cfg.MaxSize != 1 {
					t.Errorf("AWSPENDING was fetched %d times in no time", n)
				}
				for _, e := range observed.Of[hook.Rejected](events) {
					if e.Stage != "AWSCURRENT" || e.VersionID != "version-one" {
						t.Errorf("told of %+v", e)
					}
				}
			})
		})
	}
}

func TestTheErrorOfARefusedPendingVersionSaysThatItIsPending(t *testing.T) {
	events := &observed.Journal{}
	inWindow(t, cache.Config{Observer: events}, append(pending, typedsecret.WithRetryBudget(0)), func(t *testing.T, w *window) {
		w.db.Set("three") // the pending version belongs to an earlier rotation
		took, err := w.do(t.Context())
		handletest.WantRefused(t, err)
		w.db.WantTries(t, "one", "two")
		if took != 0 {
			t.Errorf("took %v", took)
		}
		told := observed.Of[hook.Rejected](events)
		if want := (hook.Secret{ID: "db", Stage: "AWSPENDING", VersionID: "version-two"}); len(told) != 2 || told[1].Secret != want {
			t.Errorf("told of %+v", told)
		}
	})
}

func TestWhatARefreshBroughtIsTriedBeforeWhatIsPending(t *testing.T) {
	inWindow(t, cache.Config{}, pending, func(t *testing.T, w *window) {
		w.after(0, func(v *vault) { v.stages = map[string]string{"AWSCURRENT": "two", "AWSPENDING": "three"} })
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 0, 0)
		w.db.WantTries(t, "one", "two")
	})
}

func TestWhatIsPendingBehindANewVersionIsTriedNext(t *testing.T) {
	inWindow(t, cache.Config{}, pending, func(t *testing.T, w *window) {
		w.db.Set("three")
		w.after(0, func(v *vault) { v.stages = map[string]string{"AWSCURRENT": "two", "AWSPENDING": "three"} })
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 25*time.Millisecond, 50*time.Millisecond)
		w.db.WantTries(t, "one", "two", "three")
	})
}

func TestAPendingVersionThatComesLaterIsFound(t *testing.T) {
	inWindow(t, cache.Config{Backoff: handletest.Eager().Backoff}, pending, func(t *testing.T, w *window) {
		w.after(0, func(v *vault) { delete(v.stages, "AWSPENDING") })
		w.after(2*time.Second, func(v *vault) { v.stages["AWSPENDING"] = "two" })
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 2*time.Second, 4*time.Second)
	})
}

// TestAPendingVersionThatIsNoneHarmsNothing: the error is about the current version alone,
// and Do outlasts the window as without a pending version.
func TestAPendingVersionThatIsNoneHarmsNothing(t *testing.T) {
	for name, change := range map[string]func(v *vault){
		"missing":              func(v *vault) { delete(v.stages, "AWSPENDING") },
		"equal to the current": func(v *vault) { v.stages["AWSPENDING"] = "1" },
		"undecodable":          func(v *vault) { v.stages["AWSPENDING"] = "no number" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				events := &observed.Journal{}
				source := &vault{stages: map[string]string{"AWSCURRENT": "1"}, calls: map[string]int{}}
				source.after(0, change)
				c := handletest.Open(t, source, cache.Config{Observer: events})
				newHandle := func() *typedsecret.Secret[int] {
					return typedsecret.New[int]("db", typedsecret.WithPending(), typedsecret.WithCache(c))
				}
				accepts := func(good int) func(context.Context, int) error {
					return func(_ context.Context, pin int) error {
						if pin != 1 && pin != good {
							t.Errorf("tried %d", pin)
						}
						if pin != good {
							return typedsecret.Rejected(&handletest.Refusal{})
						}
						return nil
					}
				}
				err := newHandle().Do(t.Context(), accepts(3))
				handletest.WantRefused(t, err)
				if tries := len(observed.Of[hook.Rejected](events)); tries > 5 {
					t.Errorf("%d tries in 10 s: one version is tried twice each time", tries)
				}
				if errors.Is(err, codec.ErrSyntax) || errors.Is(err, typedsecret.ErrNotFound) {
					t.Errorf("got %v", err)
				}
				source.after(2*time.Second, func(v *vault) { v.stages["AWSCURRENT"] = "2" })
				start := time.Now()
				err = newHandle().Do(t.Context(), accepts(2))
				wantLetIn(t, time.Since(start), err, 2*time.Second, 4*time.Second)
			})
		})
	}
}
