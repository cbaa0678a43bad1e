package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// TestAForcedFetchThatFailedStaysForcedUntilOneSucceeds, so that a source with a cache of its
// own is not asked for what that has, and its old copy is not taken for a recovery.
func TestAForcedFetchThatFailedStaysForcedUntilOneSucceeds(t *testing.T) {
	for name, force := range map[string]func(ctx context.Context, c *engine.Cache){
		"Refresh":      func(ctx context.Context, c *engine.Cache) { _, _ = c.Refresh(ctx, ref("db")) },
		"LookupRecent": func(ctx context.Context, c *engine.Cache) { _, _ = c.LookupRecent(ctx, ref("db")) },
		"Invalidate": func(ctx context.Context, c *engine.Cache) {
			_ = c.Invalidate(ref("db"))
			_, _ = c.Get(ctx, ref("db"))
		},
	} {
		for _, cause := range []error{secret.ErrUnavailable, secret.ErrThrottled, secret.ErrAccessDenied, errDown} {
			t.Run(fmt.Sprintf("%s, %v", name, cause), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					s := serving("db")
					var forced []bool
					c := open(t, secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
						forced = append(forced, secret.IsForced(ctx))
						return s.Fetch(ctx, ref)
					}), engine.Config{TTL: time.Hour, Backoff: every(10 * time.Minute)})
					get(t, c, "db")
					time.Sleep(time.Minute)
					s.fail(cause)
					force(t.Context(), c)
					for range 2 {
						time.Sleep(2 * time.Hour) // long past the delay, and the TTL
						get(t, c, "db")
						time.Sleep(time.Second)
					}
					time.Sleep(10 * time.Minute)
					s.mend()
					get(t, c, "db")
					time.Sleep(time.Hour)
					get(t, c, "db")
					time.Sleep(time.Second)
					if got := fmt.Sprint(forced); got != "[false true true true true false]" {
						t.Errorf("forced were %s", got)
					}
				})
			})
		}
	}
}

// TestARefreshThatCannotBeginItsFetchIsNotForgotten, since the next fetch of a source with a
// cache of its own would bring the old copy, and that would count as a recovery.
func TestARefreshThatCannotBeginItsFetchIsNotForgotten(t *testing.T) {
	for name, force := range map[string]func(ctx context.Context, c *engine.Cache) error{
		"Refresh": func(ctx context.Context, c *engine.Cache) error {
			_, err := c.Refresh(ctx, ref("db"))
			return err
		},
		"LookupRecent": func(ctx context.Context, c *engine.Cache) error {
			_, err := c.LookupRecent(ctx, ref("db"))
			return err
		},
	} {
		for _, when := range []string{"while a fetch that fails is under way", "in the back-off", "while the source is down", "while the source is down, not for long"} {
			t.Run(name+" "+when, func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					s := serving("db", "other", "third")
					var mu sync.Mutex
					var forced []bool
					c := open(t, secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
						if ref.ID == "db" {
							mu.Lock()
							forced = append(forced, secret.IsForced(ctx))
							mu.Unlock()
						}
						time.Sleep(time.Second)
						return s.Fetch(ctx, ref)
					}), engine.Config{TTL: time.Hour, NoRefreshAhead: true, Backoff: every(10 * time.Minute)})
					get(t, c, "db")
					get(t, c, "other")
					get(t, c, "third")
					time.Sleep(time.Hour)
					ctx := t.Context()
					switch when {
					case "while a fetch that fails is under way":
						s.fail(errDown)
						go get(t, c, "db")
						time.Sleep(time.Millisecond)
					case "in the back-off":
						s.fail(errDown)
						get(t, c, "db")
					default:
						s.fail(secret.ErrUnavailable)
						get(t, c, "other")
						get(t, c, "third")
					}
					if when == "while the source is down, not for long" {
						short, cancel := context.WithTimeout(ctx, time.Millisecond)
						defer cancel()
						ctx = short
					}
					if err := force(ctx, c); err == nil || errors.Is(err, secret.ErrInvalidRequest) {
						t.Errorf("forced: %v", err)
					}
					s.mend()
					time.Sleep(20 * time.Minute)
					get(t, c, "db")
					time.Sleep(2 * time.Hour)
					get(t, c, "db")
					mu.Lock()
					defer mu.Unlock()
					if n := len(forced); n < 3 || !forced[n-2] || forced[n-1] {
						t.Errorf("forced were %v: the one before the last is to be", forced)
					}
				})
			})
		}
	}
}

// TestARefreshWhoseCallerIsGoneIsNotForgotten, whatever keeps its fetch from beginning.
func TestARefreshWhoseCallerIsGoneIsNotForgotten(t *testing.T) {
	giveUp := func(t *testing.T, refresh func(context.Context) error) {
		t.Helper()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := refresh(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("forced: %v", err)
		}
	}
	for name, prevent := range map[string]func(t *testing.T, s *service, c *engine.Cache, refresh func(context.Context) error){
		"a read's fetch, which succeeds": func(t *testing.T, s *service, c *engine.Cache, refresh func(context.Context) error) {
			time.Sleep(time.Hour)
			s.take(3 * time.Second)
			go get(t, c, "db")
			settle()
			giveUp(t, refresh)
			time.Sleep(2 * time.Second)
		},
		"a queue, which the outage empties": func(t *testing.T, s *service, c *engine.Cache, refresh func(context.Context) error) {
			s.hang()
			for i := range 64 {
				e := entryOf(c, ref(nameOf(i)))
				go func() { _, _ = e.Get(t.Context()) }()
			}
			settle()
			for _, other := range []string{"other", "third"} {
				go func() { _, _ = c.Refresh(t.Context(), ref(other)) }()
			}
			settle()
			giveUp(t, refresh)
			time.Sleep(15 * time.Second)
		},
		"the interval, at whose end another is the probe": func(t *testing.T, s *service, c *engine.Cache, refresh func(context.Context) error) {
			if err := refresh(t.Context()); err != nil {
				t.Error(err)
			}
			giveUp(t, refresh)
			s.fail(secret.ErrUnavailable)
			_, _ = c.Refresh(t.Context(), ref("other"))
			_, _ = c.Refresh(t.Context(), ref("third"))
			time.Sleep(3 * time.Second)
			s.hang()
			go func() { _, _ = c.Refresh(t.Context(), ref("fourth")) }()
			time.Sleep(time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db", "other", "third", "fourth")
				var forced []bool
				c := open(t, secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
					if ref.ID == "db" {
						forced = append(forced, secret.IsForced(ctx))
					}
					return s.Fetch(ctx, ref)
				}), engine.Config{TTL: time.Hour, NoRefreshAhead: true, MinRefreshInterval: 5 * time.Second})
				for _, id := range []string{"db", "other", "third", "fourth"} {
					get(t, c, id)
				}
				prevent(t, s, c, func(ctx context.Context) error {
					_, err := c.Refresh(ctx, ref("db"))
					return err
				})
				before := len(forced)
				s.mend()
				for range 3 {
					time.Sleep(time.Hour)
					get(t, c, "db") // perhaps the probe, in the background
					settle()
				}
				if n := len(forced) - before; n < 2 || !forced[before] || forced[before+1] {
					t.Errorf("forced were %v, %d of them before: the next one is to be", forced, before)
				}
			})
		})
	}
}
