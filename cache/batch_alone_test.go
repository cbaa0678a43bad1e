package cache_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/cache"
)

// A batch that turns back is no forced fetch, though one was asked for.
func TestARefreshAfterABatchThatTurnedBackFetches(t *testing.T) {
	virtual(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &batching{service: serving("a", "b")}
		s.batch = func(context.Context, []cache.Ref) ([]cache.Result, error) {
			cancel()
			return nil, cache.ErrAccessDenied
		}
		c := open(t, s, cache.Config{Backoff: every(time.Second)})
		s.fail(errDown)
		wantErr(t, c, "a", errDown)
		s.mend()
		time.Sleep(2 * time.Second)
		invalidate(t, c, "a")
		c.LookupAll(ctx, refs("a", "b"), nil, nil)
		settle()
		if v, err := c.Refresh(t.Context(), ref("a")); err != nil {
			t.Errorf("%v, %v", v, err)
		}
	})
}

// What StaleIfError refuses has to be fetched, and by batches.
func TestWhatMayNotBeServedStaleComesByBatch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &batching{service: serving("a", "b", "c")}
		s.batch = func(_ context.Context, refs []cache.Ref) ([]cache.Result, error) { return valuesOf(refs), nil }
		c := open(t, s, cache.Config{
			TTL: time.Minute, Backoff: every(time.Second),
			StaleIfError: func(error, time.Duration) bool { return false },
		})
		ids := []string{"a", "b", "c"}
		for _, id := range ids {
			get(t, c, id)
		}
		time.Sleep(2 * time.Minute)
		s.fail(errDown)
		for _, id := range ids {
			wantErr(t, c, id, errDown)
		}
		s.mend()
		time.Sleep(2 * time.Second)
		before, waited := s.count(), 0
		_, errs := c.LookupAll(t.Context(), refs(ids...), nil, func(context.Context) error { waited++; return nil })
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		if n := s.batches.Load(); n != 1 || s.count() != before || waited != 1 {
			t.Errorf("%d batches and %d single requests, %d waits; want 1, 0, 1", n, s.count()-before, waited)
		}
	})
}

// With a done context, what Lookup would return at once LookupAll does too.
func TestLookupAllWithADoneContextReturnsWhatNeedsNoWait(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("a", "b")
		c := open(t, s, cache.Config{MaxSize: 1, TTL: time.Hour, Backoff: every(time.Second)})
		last := snapshot(t, c, "a")
		get(t, c, "b") // evicts a
		s.fail(errDown)
		wantErr(t, c, "a", errDown)
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		snaps, errs := c.LookupAll(ctx, refs("a"), []*cache.Snapshot{last}, nil)
		if errs[0] != nil || snaps[0] == nil {
			t.Errorf("%v, %v", snaps, errs)
		}
		if got, err := c.Lookup(ctx, ref("a"), last); err != nil {
			t.Errorf("Lookup: %v, %v", got, err)
		}
	})
}
