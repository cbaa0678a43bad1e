package typedsecret_test

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
)

// Info tells of an evicted value that the handle still knows what it tells of a kept one.
func TestInfoOfAnEvictedValueWhoseFetchHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var isHanging bool
		s := storing("a", "A", "b", "B")
		c := open(t, cache.SourceFunc(func(ctx context.Context, ref cache.Ref) (cache.Value, error) {
			if isHanging {
				<-ctx.Done()
			}
			return s.Fetch(ctx, ref)
		}), cache.Config{MaxSize: 1})
		a, b := typedsecret.New[string]("a", typedsecret.WithCache(c)), typedsecret.New[string]("b", typedsecret.WithCache(c))
		wantGet(t, a, "A")
		wantGet(t, b, "B") // evicts a
		isHanging = true
		want := func(stale bool) {
			t.Helper()
			value, info, err := a.GetWithInfo(t.Context())
			if value != "A" || err != nil || info.Stale != stale || !errors.Is(info.RefreshErr, cache.ErrTimeout) {
				t.Errorf("got %q, %v; stale: %v, refreshing: %v", value, err, info.Stale, info.RefreshErr)
			}
		}
		want(false)
		if err := a.Invalidate(t.Context()); err != nil {
			t.Error(err)
		}
		want(true)
		time.Sleep(20 * time.Second)
		want(true)
	})
}

// verbatim is a Hook that changes nothing.
type verbatim struct{}

func (verbatim) Put(_ context.Context, _ hook.Item, plain []byte) ([]byte, error) {
	return bytes.Clone(plain), nil
}

func (verbatim) Get(_ context.Context, _ hook.Item, stored []byte) ([]byte, error) {
	return bytes.Clone(stored), nil
}

// The value that another reader took back is the one that the handle has decoded.
func TestAnEvictedValueThatWasTakenBackNeedsNoWaitForTheHook(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			s := storing("a", "A", "b", "B")
			c := open(t, s, cache.Config{MaxSize: 1, Hook: verbatim{}})
			a, b := typedsecret.New[string]("a", typedsecret.WithCache(c)), typedsecret.New[string]("b", typedsecret.WithCache(c))
			wantGet(t, a, "A")
			wantGet(t, b, "B") // evicts a
			s.fail(cache.ErrUnavailable)
			done, cancel := context.WithCancel(t.Context())
			cancel()
			for range 3 {
				if value, err := a.Get(done); value != "A" || err != nil {
					t.Errorf("got %q, %v", value, err)
				}
				synctest.Wait()
			}
		})
	}
}
