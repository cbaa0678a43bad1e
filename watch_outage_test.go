package typedsecret_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// each10min is like hourly, and tries again 10 minutes after a failure.
var each10min = cache.Config{
	NoRefreshAhead: true, MinRefreshInterval: -1,
	Backoff: backoff.Policy{Base: 10 * time.Minute, Max: 10 * time.Minute, Growth: 1, Jitter: backoff.NoJitter},
}

func TestEachFailedRefreshIsSeenOnceAndTheValueStays(t *testing.T) {
	for name, ends := range map[string]struct {
		put  string
		want []string
	}{
		"with the same version": {"", nil}, "with a new one": {"two", []string{"two"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := storing("k", "one")
				handle := watchOver(t, source, each10min)
				w := watch(handle.Watch(t.Context()))
				w.want(t, "one")
				source.fail(secret.ErrAccessDenied)
				time.Sleep(59 * time.Minute)
				w.want(t)
				for range 12 { // after 1 h, 1 h 10 min, …
					time.Sleep(10 * time.Minute)
					w.want(t, "error")
					wantGet(t, handle, "one")
				}
				if n := source.count(); n != 1+12 {
					t.Errorf("%d fetches", n)
				}
				for _, err := range w.failures() {
					if failed, ok := errors.AsType[*typedsecret.Error](err); !ok || failed.RetryIn != 10*time.Minute || !errors.Is(err, secret.ErrAccessDenied) {
						t.Errorf("got %v", err)
					}
				}
				source.fail(nil)
				if ends.put != "" {
					source.put("k", ends.put)
				}
				time.Sleep(10 * time.Minute)
				w.want(t, ends.want...)
				time.Sleep(50 * time.Minute) // 59 of the 60 minutes since the recovery are over then
				w.want(t)
				source.fail(secret.ErrAccessDenied) // the same error is yielded again
				time.Sleep(time.Minute)
				w.want(t, "error")
			})
		})
	}
}

func TestALongOutageCostsWhatTheBackoffSays(t *testing.T) {
	start := time.Now() // real time
	for name, failure := range map[string]struct {
		err         error
		days        int
		few, enough int
	}{
		// About 20 until the delays have grown to an hour at most, then 2 an hour.
		"a deletion": {secret.ErrDeleted, 7, 2 * 24 * 5, 2 * 24 * 9},
		// About 12 until the delays have grown to a minute at most, then 2 a minute.
		"a refusal": {secret.ErrAccessDenied, 7, 2 * 60 * 24 * 6, 2 * 60 * 24 * 8},
		// About 15 until the delays have grown to 5 minutes at most, then 24 an hour.
		"no secret": {secret.ErrNotFound, 7, 24 * 24 * 6, 24 * 24 * 8},
		// A probe each 3.3 s to 5 s.
		"no answer": {secret.ErrUnavailable, 1, 24 * 3600 / 5, 24 * 3600 / 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, events := storing("k", "one"), &observed.Journal{}
				w := watch(watchOver(t, source, cache.Config{Observer: events}).Watch(t.Context()))
				source.fail(failure.err)
				time.Sleep(time.Duration(failure.days) * 24 * time.Hour)
				failures := observed.Of[hook.FetchFailed](events)
				if n := len(failures); n < failure.few || n > failure.enough {
					t.Errorf("%d fetches in %d days", n, failure.days)
				}
				if n := len(w.failures()); n != len(failures) {
					t.Errorf("%d errors of %d failures", n, len(failures))
				}
			})
		})
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("a virtual week took %v", took)
	}
}

func TestTwoWatchedSecretsInACacheOfOneOutlastRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, events, cfg := storing("a", "a1", "b", "b1"), &observed.Journal{}, each10min
		cfg.MaxSize, cfg.Observer = 1, events
		with := typedsecret.WithCache(open(t, source, cfg))
		a := watch(typedsecret.New[string]("a", with).Watch(t.Context()))
		b := watch(typedsecret.New[string]("b", with).Watch(t.Context()))
		source.fail(secret.ErrAccessDenied)
		time.Sleep(24*time.Hour + time.Second)
		// Each after 1 h, 1 h 10 min, …, 24 h.
		if n := source.count(); n != 2*(1+23*6+1) {
			t.Errorf("%d fetches in a day", n)
		}
		if n := len(observed.Of[hook.Evicted](events)); n > 2*source.count() {
			t.Errorf("%d times one took the other's place", n)
		}
		source.fail(nil)
		source.put("a", "a2")
		a.forget()
		b.forget()
		time.Sleep(10 * time.Minute)
		a.want(t, "a2")
		b.want(t)
	})
}

func TestAForcedRefreshThatFailsIsSeenWhileTheValueIsYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "one")
		handle := watchOver(t, source, hourly)
		w := watch(handle.Watch(t.Context()))
		source.fail(secret.ErrThrottled)
		for range 3 {
			time.Sleep(time.Minute)
			handle.Refresh(t.Context())
		}
		w.want(t, "one", "error", "error", "error")
		source.fail(nil)
		time.Sleep(time.Hour)
		w.want(t)
		if n := source.count(); n != 1+3+1 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestStaleIfErrorThatSaysNoIsAnErrorEachTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, cfg := storing("k", "one"), each10min
		var asked atomic.Int64
		cfg.StaleIfError = func(error, time.Duration) bool {
			asked.Add(1)
			return false
		}
		handle := watchOver(t, source, cfg)
		w := watch(handle.Watch(t.Context()))
		source.fail(secret.ErrAccessDenied)
		time.Sleep(61 * time.Minute)
		w.want(t, "one", "error")
		time.Sleep(time.Hour)
		w.want(t, "error", "error", "error", "error", "error", "error")
		if n := asked.Load(); n > 3*7 { // a look every few milliseconds would call it more often
			t.Errorf("called %d times for 7 failures", n)
		}
		source.fail(nil)
		time.Sleep(10 * time.Minute)
		w.want(t)
		wantGet(t, handle, "one")
	})
}

func TestASecretThatIsNotThereIsSeenWhenItIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing()
		w := watch(watchOver(t, source, each10min).Watch(t.Context()))
		w.want(t, "error")
		time.Sleep(30 * time.Minute)
		w.want(t, "error", "error", "error")
		source.put("k", "one")
		time.Sleep(10 * time.Minute)
		w.want(t, "one")
		if n := source.count(); n != 5 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestAVersionThatDoesNotDecodeIsSeenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "1")
		handle := typedsecret.New[int]("k", typedsecret.WithCache(open(t, source, hourly)))
		w := watch(handle.Watch(t.Context()))
		source.put("k", "no number")
		time.Sleep(5 * time.Hour)
		w.want(t, "1", "error")
		if !errors.Is(w.failures()[0], codec.ErrSyntax) {
			t.Errorf("got %v", w.failures())
		}
		wantGet(t, handle, 1)
		source.put("k", "2")
		time.Sleep(time.Hour)
		w.want(t, "2")
		source.put("k", "no number either")
		time.Sleep(time.Hour)
		w.want(t, "error")
	})
}

func TestAVersionThatACodecPanicsOverIsSeenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, picky := storing("k", "1"), counting(codec.JSON{})
		picky.before = func(data []byte) {
			if string(data) == "2" {
				panic("broken")
			}
		}
		handle := typedsecret.New[int]("k", typedsecret.WithCodec(picky), typedsecret.WithCache(open(t, source, hourly)))
		w := watch(handle.Watch(t.Context()))
		source.put("k", "2")
		time.Sleep(5 * time.Hour)
		w.want(t, "1", "error")
	})
}

// brittle can't be cloned.
type brittle struct{ Parts []int }

func (brittle) Clone() brittle { panic("no clone") }

func TestAValueThatCannotBeClonedIsSeenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, storing("k", `{"Parts":[1]}`), hourly)
		w := watch(typedsecret.New[brittle]("k", typedsecret.WithCache(c)).Watch(t.Context()))
		time.Sleep(24 * time.Hour)
		w.want(t, "error")
	})
}

func TestCloseEndsAWatch(t *testing.T) {
	for name, takes := range map[string]time.Duration{"that waits": 0, "that fetches": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, &slowStore{storing("k", "one"), takes}, hourly)
				w := watch(typedsecret.New[string]("k", typedsecret.WithCache(c)).Watch(t.Context()))
				time.Sleep(time.Second)
				c.Close()
				w.wantEnd(t)
				if len(w.failures()) != 1 || !errors.Is(w.failures()[0], typedsecret.ErrClosed) {
					t.Errorf("errors: %v", w.failures())
				}
			})
		})
	}
}

// TestAClosedCacheBehindTheSourceIsAFailureAsOthers: the watched cache is open.
func TestAClosedCacheBehindTheSourceIsAFailureAsOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "one")
		source.fail(typedsecret.ErrClosed)
		w := watch(watchOver(t, source, each10min).Watch(t.Context()))
		w.want(t, "error")
		source.fail(nil)
		time.Sleep(10 * time.Minute)
		w.want(t, "one")
	})
}

// sullen is a hook whose first calls of Get succeed, and whose later ones fail for a while.
type sullen struct {
	gives, fails atomic.Int64
}

func (*sullen) Put(_ context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return bytes.Clone(b), nil
}

func (h *sullen) Get(_ context.Context, _ hook.Item, b []byte) ([]byte, error) {
	if h.gives.Add(-1) < 0 && h.fails.Add(-1) >= 0 {
		return nil, errors.New("no key")
	}
	return bytes.Clone(b), nil
}

// TestAHookThatFailsForAWhileHidesNoValue: the next Get would return the value, so a
// watcher gets it soon, and not only at the next refresh.
func TestAHookThatFailsForAWhileHidesNoValue(t *testing.T) {
	for _, gives := range []int64{0, 1} { // the hook fails for the watcher, or for another reader before it
		for _, fails := range []int64{1, 4} {
			synctest.Test(t, func(t *testing.T) {
				h, cfg := &sullen{}, hourly
				h.gives.Store(gives)
				h.fails.Store(fails)
				cfg.Hook = h
				handle := watchOver(t, storing("k", "one"), cfg)
				if gives > 0 {
					wantGet(t, handle, "one")
				}
				w := watch(handle.Watch(t.Context()))
				time.Sleep(time.Minute)
				w.want(t, "error", "one") // failures in a row are yielded once
				for _, err := range w.failures() {
					if !errors.Is(err, typedsecret.ErrHook) {
						t.Errorf("got %v", err)
					}
				}
			})
		}
	}
}

func TestAHookThatFailsForANewVersionDelaysIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, h, cfg := storing("k", "one"), &moody{}, hourly
		cfg.Hook = h
		handle := watchOver(t, source, cfg)
		w := watch(handle.Watch(t.Context()))
		w.want(t, "one")
		source.put("k", "two")
		h.refused.Store("v2")
		handle.Refresh(t.Context())
		wantGet(t, handle, "one")
		w.want(t, "error")
		h.refused.Store("")
		time.Sleep(time.Minute)
		w.want(t, "two")
	})
}

// TestNothingIsLeftOfAWatchOrADo after its end.
func TestNothingIsLeftOfAWatchOrADo(t *testing.T) {
	c := open(t, storing("k", "one"), eager)
	setDefault(t, c)
	bound, following := typedsecret.New[string]("k", typedsecret.WithCache(c), typedsecret.WithRetryBudget(0)), typedsecret.New[string]("k")
	run := func(n int) {
		for range n {
			for range bound.Watch(t.Context()) {
				break
			}
			for range following.Watch(t.Context()) {
				break
			}
			bound.Do(t.Context(), func(context.Context, string) error { return typedsecret.ErrRejected })
		}
	}
	run(100)
	before := inUse()
	const n = 3000
	run(n)
	if grown := inUse() - before; grown > n*50 {
		t.Errorf("%d bytes are left of %d watches and Dos", grown, n)
	}
}

// inUse returns how many bytes are in use.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
