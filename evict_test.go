package typedsecret_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
)

// evicting is eager, and keeps the last that was read and no other.
var evicting = cache.Config{MaxSize: 1, MinRefreshInterval: eager.MinRefreshInterval, Backoff: eager.Backoff}

func TestAnInvalidatedValueThatWasEvictedIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("a", "1", "b", "1")
		with := typedsecret.WithCache(open(t, source, evicting))
		a, b := typedsecret.New[int]("a", with), typedsecret.New[int]("b", with)
		wantGet(t, a, 1)
		wantGet(t, b, 1) // evicts a
		if err := a.Invalidate(t.Context()); err != nil {
			t.Fatal(err)
		}
		source.fail(cache.ErrUnavailable)
		v, info, err := a.GetWithInfo(t.Context())
		if v != 1 || err != nil || !info.Stale {
			t.Errorf("got %v, stale %v, %v", v, info.Stale, err)
		}
		source.fail(nil)
		source.put("a", "2")
		time.Sleep(time.Second)
		a.Get(t.Context())
		synctest.Wait()
		wantGet(t, a, 2)
	})
}

// TestAnOldValueThatAHandleKeptIsNotFreshAfterANewerWasSeen by another handle, both
// evicted since.
func TestAnOldValueThatAHandleKeptIsNotFreshAfterANewerWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("a", "1", "b", "1")
		with := typedsecret.WithCache(open(t, source, evicting))
		one, two, other := typedsecret.New[int]("a", with), typedsecret.New[int]("a", with), typedsecret.New[int]("b", with)
		wantGet(t, one, 1)
		wantGet(t, other, 1)
		source.put("a", "2")
		wantGet(t, two, 2)
		wantGet(t, other, 1)
		source.fail(cache.ErrUnavailable)
		if v, info, err := one.GetWithInfo(t.Context()); v != 1 || err != nil || !info.Stale {
			t.Errorf("got %v, stale %v, %v", v, info.Stale, err)
		}
		source.fail(nil)
		time.Sleep(time.Second)
		one.Get(t.Context())
		synctest.Wait()
		wantGet(t, one, 2)
	})
}

// TestTheLastGoodValueSurvivesAnEvictionDuringTheFetch: when the fetch that a reader
// waits for fails, others have fetched its secret and evicted it again.
func TestTheLastGoodValueSurvivesAnEvictionDuringTheFetch(t *testing.T) {
	source := storing("a", "1", "b", "1")
	var c *cache.Cache
	cfg := evicting
	cfg.Observer = hook.ObserverFunc(func(ctx context.Context, e hook.Event) {
		if f, ok := e.(hook.FetchFailed); ok && f.ID == "a" {
			source.fail(nil)
			for _, id := range []string{"a", "b"} {
				if _, err := c.Get(ctx, cache.Ref{ID: id}); err != nil {
					t.Error(err)
				}
			}
			source.fail(cache.ErrUnavailable)
		}
	})
	c = open(t, source, cfg)
	with := typedsecret.WithCache(c)
	a, b := typedsecret.New[int]("a", with), typedsecret.New[int]("b", with)
	wantGet(t, a, 1)
	wantGet(t, b, 1)
	source.fail(cache.ErrUnavailable)
	wantGet(t, a, 1)
}

// TestInfoTellsOfAnOutageAlsoWhenAnOlderValueCameBackFirst, by another handle.
func TestInfoTellsOfAnOutageAlsoWhenAnOlderValueCameBackFirst(t *testing.T) {
	source := storing("a", "1", "b", "0")
	with := typedsecret.WithCache(open(t, source, evicting))
	old, a, b := typedsecret.New[int]("a", with), typedsecret.New[int]("a", with), typedsecret.New[int]("b", with)
	wantGet(t, old, 1)
	source.put("a", "2")
	wantRefresh(t, a, 2)
	wantGet(t, b, 0)
	source.fail(cache.ErrUnavailable)
	wantGet(t, old, 1)
	if v, info, err := a.GetWithInfo(t.Context()); v != 2 || info.RefreshErr == nil || err != nil {
		t.Errorf("got %d, RefreshErr %v, %v", v, info.RefreshErr, err)
	}
	wantGet(t, old, 2)
}

// Of two handles whose secret was evicted, one may know an older version, and bring that
// back to be read often.
func TestInfoTellsOfTheOutageAlsoWhereAnotherHandleBroughtBackAnOlderVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("a", "1", "b", "2")
		with := typedsecret.WithCache(open(t, source, cache.Config{
			TTL: time.Minute, MaxSize: 1, Backoff: backoff.Policy{Base: 100 * time.Millisecond, Jitter: backoff.NoJitter},
		}))
		older, newer := typedsecret.New[[]byte]("b", with), typedsecret.New[string]("b", with)
		must[[]byte](t)(older.Get(t.Context()))
		time.Sleep(time.Second)
		must[string](t)(newer.Refresh(t.Context()))
		wantGet(t, typedsecret.New[string]("a", with), "1") // evicts b
		time.Sleep(time.Hour)
		source.fail(cache.ErrUnavailable)
		for range 20 { // so that it may be returned unlooked at
			must[[]byte](t)(older.Get(t.Context()))
		}
		_, info, err := newer.GetWithInfo(t.Context())
		if err != nil || !info.Stale || !errors.Is(info.RefreshErr, cache.ErrUnavailable) {
			t.Errorf("%+v, %v", info, err)
		}
	})
}
