package typedsecret_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// A watching is a goroutine that ranges over a Watch and records its values.
type watching struct {
	mu    sync.Mutex // guards the fields below
	saw   []string   // values, and "error" for errors
	errs  []error
	ended bool
}

// watch starts a goroutine that ranges over a sequence.
func watch[T any](seq iter.Seq2[T, error]) *watching {
	w := new(watching)
	go func() {
		for v, err := range seq {
			w.note(fmt.Sprint(v), err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended = true
	}()
	synctest.Wait()
	return w
}

func (w *watching) note(v string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		v = "error"
		w.errs = append(w.errs, err)
	}
	w.saw = append(w.saw, v)
}

// want checks the values that were yielded since its last call.
func (w *watching) want(t testing.TB, want ...string) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(want, w.saw); diff != "" {
		t.Errorf("yielded (-want +got):\n%s\nerrors: %v", diff, w.errs)
	}
	w.saw = nil
}

// forget drops the values so far.
func (w *watching) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.saw = nil
}

// failures returns all errors that were yielded.
func (w *watching) failures() []error {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.errs
}

// wantEnd checks that the sequence has ended.
func (w *watching) wantEnd(t testing.TB) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		t.Error("the sequence has not ended")
	}
}

// hourly refreshes a value exactly each hour. Forced refreshes always fetch.
var hourly = cache.Config{NoRefreshAhead: true, MinRefreshInterval: -1, Backoff: eager.Backoff}

// watchOver opens a cache over source, with a handle on "k".
func watchOver(t testing.TB, source secret.Source, cfg cache.Config) *typedsecret.Secret[string] {
	t.Helper()
	return typedsecret.New[string]("k", typedsecret.WithCache(open(t, source, cfg)))
}

func TestWatchYieldsThePresentValueAtOnceAndThenEachChangedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "one")
		w := watch(watchOver(t, source, hourly).Watch(t.Context()))
		w.want(t, "one")
		time.Sleep(5 * time.Hour)
		w.want(t)
		source.put("k", "two")
		time.Sleep(time.Hour)
		w.want(t, "two")
		source.put("k", "two") // another version with the same bytes
		time.Sleep(time.Hour)
		w.want(t, "two")
	})
}

func TestAWatchedSecretStaysFreshThoughNobodyReadsIt(t *testing.T) {
	const days = 30
	start := time.Now() // real time
	for name, ahead := range map[string]bool{"ahead": true, "at the TTL": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, events := storing("k", "one"), &observed.Journal{}
				w := watch(watchOver(t, source, cache.Config{NoRefreshAhead: !ahead, Observer: events}).Watch(t.Context()))
				time.Sleep(days*24*time.Hour + time.Second)
				w.want(t, "one")
				if n := source.count(); !ahead && n != 1+days*24 {
					t.Errorf("%d fetches in %d days, want one each hour", n, days)
				}
				records := events.Records()
				for i, r := range records[1:] {
					gap := r.At.Sub(records[i].At)
					shortest := cache.DefaultTTL / 100 * 70
					if i == 0 { // the first interval may be shorter
						shortest = cache.DefaultTTL / 60
					}
					if ahead && (gap < shortest || gap > cache.DefaultTTL/100*83+time.Second) {
						t.Errorf("%v lie between two refreshes", gap)
					}
				}
				if len(records) != source.count() {
					t.Errorf("%d events of %d fetches", len(records), source.count())
				}
			})
		})
	}
	// A watcher that woke up each millisecond would do so 5,000,000,000 times.
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("two virtual months took %v: the watcher wakes up too often", took)
	}
}

func TestAWatchKeepsUpWithBusyReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "one")
		handle := watchOver(t, source, hourly)
		w := watch(handle.Watch(t.Context()))
		source.put("k", "two")
		time.Sleep(time.Hour - time.Millisecond)
		makeBusy(t, handle)
		w.want(t, "one")
		time.Sleep(time.Millisecond)
		w.want(t, "two")
		wantGet(t, handle, "two")
		if n := source.count(); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestManyWatchersCostOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &slowStore{storing("k", "one"), 3 * time.Second}
		c := open(t, source, hourly)
		watchers := make([]*watching, 50)
		shared := typedsecret.New[string]("k", typedsecret.WithCache(c))
		for i := range watchers {
			handle := shared
			if i%2 == 0 {
				handle = typedsecret.New[string]("k", typedsecret.WithCache(c))
			}
			watchers[i] = watch(handle.Watch(t.Context()))
		}
		time.Sleep(time.Minute)
		source.put("k", "two")
		time.Sleep(time.Hour)
		for _, w := range watchers {
			w.want(t, "one", "two")
		}
		if n := source.count(); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestASlowReaderSeesTheLatestAndNoQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "one")
		handle := watchOver(t, source, hourly)
		w := watch(func(yield func(string, error) bool) {
			for v, err := range handle.Watch(t.Context()) {
				if !yield(v, err) {
					return
				}
				time.Sleep(time.Minute)
			}
		})
		for _, v := range []string{"two", "three", "four", "five"} {
			time.Sleep(time.Second)
			source.put("k", v)
			wantRefresh(t, handle, v)
		}
		time.Sleep(10 * time.Minute)
		w.want(t, "one", "five")
	})
}

func TestWhatOthersDoIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "one")
		c := open(t, source, hourly)
		handle, other := typedsecret.New[string]("k", typedsecret.WithCache(c)), typedsecret.New[string]("k", typedsecret.WithCache(c))
		byID := typedsecret.NewByID[string](typedsecret.WithCache(c))
		w := watch(handle.Watch(t.Context()))
		w.want(t, "one")
		for name, do := range map[string]func() error{
			"Refresh":           func() error { _, err := handle.Refresh(t.Context()); return err },
			"another's Refresh": func() error { _, err := other.Refresh(t.Context()); return err },
			"ByID.Refresh":      func() error { _, err := byID.Refresh(t.Context(), "k"); return err },
			"Cache.Refresh":     func() error { _, err := c.Refresh(t.Context(), secret.Ref{ID: "k"}); return err },
			"Invalidate":        func() error { return handle.Invalidate(t.Context()) },
			"Cache.Invalidate":  func() error { return c.Invalidate(secret.Ref{ID: "k"}) },
			"a Do": func() error {
				return other.Do(t.Context(), func(_ context.Context, v string) error {
					if v != "a Do" {
						return typedsecret.Rejected(&refusal{})
					}
					return nil
				})
			},
		} {
			time.Sleep(time.Second)
			source.put("k", name)
			if err := do(); err != nil {
				t.Error(name, err)
			}
			w.want(t, name)
		}
	})
}

// TestTwoWatchedSecretsInACacheOfOneDoNotFetchInTurns: a fetch of one does not evict the
// other, since a handle names it.
func TestTwoWatchedSecretsInACacheOfOneDoNotFetchInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, cfg := storing("a", "a1", "b", "b1"), hourly
		cfg.MaxSize = 1
		with := typedsecret.WithCache(open(t, source, cfg))
		a := watch(typedsecret.New[string]("a", with).Watch(t.Context()))
		time.Sleep(time.Minute)
		b := watch(typedsecret.New[string]("b", with).Watch(t.Context()))
		time.Sleep(24*time.Hour - time.Second) // a's hour is over, b's is not
		if n := source.count(); n != 25+24 {
			t.Errorf("%d fetches in a day of two secrets", n)
		}
		source.put("a", "a2")
		source.put("b", "b2")
		time.Sleep(time.Hour)
		a.want(t, "a1", "a2")
		b.want(t, "b1", "b2")
	})
}

func TestAWatchEndsWithItsContext(t *testing.T) {
	for name, takes := range map[string]time.Duration{"while it waits": 0, "while a fetch hangs": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				handle := watchOver(t, &slowStore{storing("k", "one"), takes}, hourly)
				w := watch(handle.Watch(ctx))
				time.Sleep(time.Second)
				cancel()
				w.wantEnd(t)
				if w.failures() != nil {
					t.Errorf("the end is no error: %v", w.failures())
				}
				late := watch(handle.Watch(ctx))
				late.want(t) // it yields nothing, not even the present value
				late.wantEnd(t)
			})
		})
	}
}

func TestARangeThatBreaksGetsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "one")
		handle := watchOver(t, source, hourly)
		for range handle.Watch(t.Context()) {
			break
		}
		source.fail(secret.ErrUnavailable)
		handle.Refresh(t.Context())
		for _, err := range handle.Watch(t.Context()) {
			if err != nil {
				break // after the value and the error
			}
		}
		func() {
			defer func() {
				if v := recover(); v != "broken" {
					t.Errorf("recovered %v", v)
				}
			}()
			for range handle.Watch(t.Context()) {
				panic("broken")
			}
		}()
		source.fail(nil)
		before := source.count()
		time.Sleep(24 * time.Hour)
		if n := source.count() - before; n != 0 {
			t.Errorf("%d fetches without a watcher", n)
		}
	})
}

func TestASequenceMayBeRangedOverMoreThanOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "one")
		seq := watchOver(t, source, hourly).Watch(t.Context())
		for range 2 {
			for v := range seq {
				if v != "one" {
					t.Errorf("first %q", v)
				}
				break
			}
		}
		first, second := watch(seq), watch(seq)
		source.put("k", "two")
		time.Sleep(time.Hour)
		first.want(t, "one", "two")
		second.want(t, "one", "two")
	})
}

func TestAWatchWithinAWatchDoesNotDisturbIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handle := watchOver(t, storing("k", "one"), hourly)
		var saw []string
		for outer := range handle.Watch(t.Context()) {
			for inner := range handle.Watch(t.Context()) {
				saw = append(saw, outer, inner, must[string](t)(handle.Refresh(t.Context())))
				break
			}
			break
		}
		if !slices.Equal(saw, []string{"one", "one", "one"}) {
			t.Errorf("saw %q", saw)
		}
	})
}

func TestAHandleThatIsWrongIsAnErrorAndTheEnd(t *testing.T) {
	var none *typedsecret.Secret[string]
	for name, row := range map[string]struct {
		handle *typedsecret.Secret[string]
		want   error
	}{
		"nil": {none, typedsecret.ErrZeroHandle}, "zero": {new(typedsecret.Secret[string]), typedsecret.ErrZeroHandle},
		"a wrong option": {typedsecret.New[string]("k", typedsecret.WithStage("")), typedsecret.ErrInvalidConfig},
		"a zero cache":   {typedsecret.New[string]("k", typedsecret.WithCache(new(cache.Cache))), typedsecret.ErrNilCache},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				//lint:ignore SA1012 that it does no harm is tested too
				w := watch(row.handle.Watch(nil))
				w.want(t, "error")
				w.wantEnd(t)
				if !errors.Is(w.failures()[0], row.want) {
					t.Errorf("got %v", w.failures())
				}
			})
		})
	}
}
