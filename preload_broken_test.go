package typedsecret_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
)

type (
	exiting   struct{ Password string }
	forbidden struct{ Password string }
)

func (exiting) Validate() error   { runtime.Goexit(); return nil }
func (forbidden) Validate() error { return errors.New("forbidden") }

func TestPreloadIsNotContentWithWhatEndedItsGoroutine(t *testing.T) {
	c := open(t, storing("k", `{"Password":"hunter2"}`), cache.Config{})
	err := typedsecret.Preload(
		t.Context(),
		typedsecret.New[exiting]("k", typedsecret.WithCache(c)), typedsecret.New[forbidden]("k", typedsecret.WithCache(c)),
	)
	if err == nil || !strings.Contains(err.Error(), "Goexit") || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("Preload: %v", err)
	}
}

func TestAPreloadEndsWhenItsCacheIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, storing("k", "value"), cache.Config{})
		start := time.Now()
		time.AfterFunc(time.Second, func() { c.Close() })
		err := typedsecret.Preloader{Interval: time.Hour}.Preload(
			context.Background(),
			typedsecret.New[string]("k", typedsecret.WithCache(c)), typedsecret.New[string]("other", typedsecret.WithCache(c)),
		)
		if !errors.Is(err, cache.ErrClosed) || time.Since(start) != time.Second {
			t.Errorf("Preload, %v after: %v", time.Since(start), err)
		}
	})
}
