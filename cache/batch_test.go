package cache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
)

// batching is a service that can do batches, as batch says.
type batching struct {
	*service
	batches atomic.Int64
	batch   func(ctx context.Context, refs []cache.Ref) ([]cache.Result, error)
}

func (b *batching) FetchBatch(ctx context.Context, refs []cache.Ref) ([]cache.Result, error) {
	b.batches.Add(1)
	return b.batch(ctx, refs)
}

func valuesOf(refs []cache.Ref) (results []cache.Result) {
	for _, ref := range refs {
		results = append(results, cache.Result{Value: cache.Value{Payload: cache.StringPayload("v1 of " + ref.ID), VersionID: "v1"}})
	}
	return results
}

func refs(ids ...string) (refs []cache.Ref) {
	for _, id := range ids {
		refs = append(refs, ref(id))
	}
	return refs
}

func TestWhateverABatchDoesEachSecretHasItsAnswer(t *testing.T) {
	whole := errors.New("no such operation")
	for name, row := range map[string]struct {
		batch  func(ctx context.Context, refs []cache.Ref) ([]cache.Result, error)
		err    error // of each secret; nil: it is there
		single int   // requests
	}{
		"answers": {func(_ context.Context, refs []cache.Ref) ([]cache.Result, error) { return valuesOf(refs), nil }, nil, 0},
		"has no answer about any": {func(_ context.Context, refs []cache.Ref) ([]cache.Result, error) {
			results := make([]cache.Result, len(refs))
			for i := range results {
				results[i].Err = fmt.Errorf("cut short: %w", cache.ErrNotInBatch)
			}
			return results, nil
		}, nil, 3},
		"fails for each": {func(_ context.Context, refs []cache.Ref) ([]cache.Result, error) {
			results := valuesOf(refs)
			for i := range results {
				results[i].Err = cache.ErrAccessDenied
			}
			return results, nil
		}, cache.ErrAccessDenied, 0},
		"is not permitted":   {func(context.Context, []cache.Ref) ([]cache.Result, error) { return nil, cache.ErrAccessDenied }, nil, 3},
		"is throttled":       {func(context.Context, []cache.Ref) ([]cache.Result, error) { return nil, cache.ErrThrottled }, nil, 3},
		"is unknown":         {func(context.Context, []cache.Ref) ([]cache.Result, error) { return nil, whole }, nil, 3},
		"is unavailable":     {func(context.Context, []cache.Ref) ([]cache.Result, error) { return nil, cache.ErrUnavailable }, cache.ErrUnavailable, 0},
		"panics":             {func(context.Context, []cache.Ref) ([]cache.Result, error) { panic("batch") }, cache.ErrPanic, 0},
		"ends its goroutine": {func(context.Context, []cache.Ref) ([]cache.Result, error) { runtime.Goexit(); return nil, nil }, cache.ErrPanic, 0},
		"answers too little": {func(context.Context, []cache.Ref) ([]cache.Result, error) { return nil, nil }, cache.ErrUnavailable, 0},
		"hangs": {func(ctx context.Context, _ []cache.Ref) ([]cache.Result, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, cache.ErrTimeout, 0},
		"fails with what panics itself": {func(_ context.Context, refs []cache.Ref) ([]cache.Result, error) {
			results := valuesOf(refs)
			for i := range results {
				results[i].Err = (*cache.Error)(nil)
			}
			return results, nil
		}, cache.ErrPanic, 0},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := &batching{service: serving("a", "b", "c"), batch: row.batch}
				c := open(t, s, cache.Config{})
				snaps, errs := c.LookupAll(t.Context(), refs("a", "b", "c", "a"), nil, nil)
				for i, err := range errs {
					switch {
					case row.err == nil && (err != nil || snaps[i] == nil):
						t.Errorf("secret %d: %v", i, err)
					case row.err != nil && !errors.Is(err, row.err):
						t.Errorf("secret %d: %v, want %v", i, err, row.err)
					}
				}
				if n := s.batches.Load(); n != 1 || s.count() != row.single {
					t.Errorf("%d batches and %d single requests, want 1 and %d", n, s.count(), row.single)
				}
			})
		})
	}
}

func TestASourceThatSaysNotInBatchOfASingleFetchHasFailed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("a")
		s.fail(cache.ErrNotInBatch)
		c := open(t, s, cache.Config{})
		if _, err := c.Get(t.Context(), ref("a")); !errors.Is(err, cache.ErrNotInBatch) {
			t.Errorf("got %v", err)
		}
		wantCalls(t, s, 1)
	})
}

func TestOnlyTheCurrentVersionsComeByBatch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &batching{service: serving("a", "b", "c", "d")}
		s.batch = func(_ context.Context, refs []cache.Ref) ([]cache.Result, error) {
			for _, ref := range refs {
				if ref.Stage != "AWSCURRENT" || ref.VersionID != "" {
					t.Errorf("%v is in a batch", ref)
				}
			}
			return valuesOf(refs), nil
		}
		c := open(t, s, cache.Config{})
		_, errs := c.LookupAll(t.Context(), append(refs("a", "b"),
			cache.Ref{ID: "c", Stage: "AWSPREVIOUS"}, cache.Ref{ID: "d", VersionID: "00000000-0000-4000-8000-000000000000"}), nil, nil)
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		if n := s.batches.Load(); n != 1 || s.count() != 2 {
			t.Errorf("%d batches and %d single requests, want 1 and 2", n, s.count())
		}
	})
}

func TestTheHookStoresWhatComesByBatch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &batching{service: serving("a", "b"), batch: func(_ context.Context, refs []cache.Ref) ([]cache.Result, error) { return valuesOf(refs), nil }}
		c := open(t, s, cache.Config{Hook: failingFor("b")})
		snaps, errs := c.LookupAll(t.Context(), refs("a", "b"), nil, nil)
		if errs[0] != nil || !errors.Is(errs[1], cache.ErrHook) {
			t.Fatalf("got %v", errs)
		}
		if v, err := snaps[0].Value(t.Context()); err != nil || v.Payload.Reveal() != "v1 of a" {
			t.Errorf("%v: %q", err, v.Payload.Reveal())
		}
	})
}

// failingFor is a hook that leaves all as it is but for the secret id.
type failingFor string

func (h failingFor) Put(_ context.Context, item hook.Item, plain []byte) ([]byte, error) {
	if item.ID == string(h) {
		return nil, errors.New("not this one")
	}
	return append([]byte("stored "), plain...), nil
}

func (h failingFor) Get(_ context.Context, _ hook.Item, stored []byte) ([]byte, error) {
	return stored[len("stored "):], nil
}

func TestCloseEndsABatch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &batching{service: serving(), batch: func(ctx context.Context, _ []cache.Ref) ([]cache.Result, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		c := open(t, s, cache.Config{})
		done := make(chan []error)
		go func() {
			_, errs := c.LookupAll(t.Context(), refs("a", "b"), nil, nil)
			done <- errs
		}()
		synctest.Wait()
		if d := took(func() { c.Close() }); d != 0 {
			t.Errorf("Close took %v", d)
		}
		for _, err := range <-done {
			if !errors.Is(err, cache.ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestAReaderJoinsABatchThatIsUnderWay(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &batching{service: serving("a", "b")}
		answered := true
		s.batch = func(ctx context.Context, refs []cache.Ref) ([]cache.Result, error) {
			time.Sleep(time.Second)
			results := valuesOf(refs)
			if !answered {
				results[0].Err = cache.ErrNotInBatch
			}
			return results, nil
		}
		for _, answered = range []bool{true, false} {
			c := open(t, s, cache.Config{})
			before := s.count()
			go c.LookupAll(t.Context(), refs("a", "b"), nil, nil)
			synctest.Wait()
			if d := took(func() { get(t, c, "a") }); d != time.Second {
				t.Errorf("the reader waited for %v", d)
			}
			if d := took(func() { c.Refresh(t.Context(), ref("b")) }); d != 0 {
				t.Errorf("the refresh took %v", d)
			}
			settle()
			single := 1 // of the forced refresh
			if !answered {
				single++
			}
			if n := s.count() - before; n != single {
				t.Errorf("%d single requests, want %d", n, single)
			}
		}
	})
}

func TestABatchAfterInvalidateIsForced(t *testing.T) {
	virtual(t, func(t *testing.T) {
		forced := false
		b := &batching{service: serving()}
		b.batch = func(ctx context.Context, refs []cache.Ref) ([]cache.Result, error) {
			forced = cache.IsForced(ctx)
			return valuesOf(refs), nil
		}
		c := open(t, b, cache.Config{})
		for _, want := range []bool{false, true} {
			if _, errs := c.LookupAll(t.Context(), refs("a", "b"), nil, nil); errors.Join(errs...) != nil {
				t.Error(errs)
			}
			if forced != want {
				t.Errorf("IsForced is %v, want %v", forced, want)
			}
			for _, ref := range refs("a", "b") {
				if err := c.Invalidate(ref); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// Not even by chance.
func TestLookupAllWithADoneContextBeginsNoRequest(t *testing.T) {
	for name, ids := range map[string][]string{"a batch": {"a", "b", "c"}, "single": {"a"}, "what is kept": {"kept"}} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := &batching{service: serving("a", "b", "c", "kept")}
				s.batch = func(_ context.Context, refs []cache.Ref) ([]cache.Result, error) { return valuesOf(refs), nil }
				c := open(t, s, cache.Config{})
				get(t, c, "kept")
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				for range 50 {
					_, errs := c.LookupAll(ctx, refs(ids...), nil, nil)
					for i, err := range errs {
						if ids[i] == "kept" && err != nil || ids[i] != "kept" && !errors.Is(err, context.Canceled) {
							t.Errorf("%s: %v", ids[i], err)
						}
					}
					settle()
				}
				if n := s.batches.Load(); n != 0 || s.count() != 1 {
					t.Errorf("%d batches and %d single requests, want none but that of the secret kept", n, s.count())
				}
			})
		})
	}
}

// TestAReaderThatEndsItsGoroutineHasAnAnswerInLookupAll: a Snapshot or an error, never
// neither.
func TestAReaderThatEndsItsGoroutineHasAnAnswerInLookupAll(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, cache.Config{TTL: time.Minute, StaleIfError: func(error, time.Duration) bool {
			runtime.Goexit() // as a test's FailNow does
			return true
		}})
		get(t, c, "db")
		s.fail(errDown)
		time.Sleep(2 * time.Minute)
		if snaps, errs := c.LookupAll(t.Context(), refs("db"), nil, nil); snaps[0] == nil && errs[0] == nil {
			t.Error("there is neither a Snapshot nor an error")
		}
	})
}
