package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

func TestTheFirstCallerCancelsAndTheOthersGetTheValueFromTheSameCall(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.take(5 * time.Second)
		c := open(t, s, engine.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			d := took(func() {
				if _, err := c.Get(ctx, ref("db")); !errors.Is(err, context.Canceled) {
					t.Errorf("the caller who gave up got %v", err)
				}
			})
			if d != time.Second {
				t.Errorf("it waited for %v", d)
			}
		})
		settle() // its call began the fetch
		for range 999 {
			wg.Go(func() { wantGet(t, c, "db", "db v1") })
		}
		time.Sleep(time.Second)
		cancel()
		wg.Wait()
		wantCalls(t, s, 1)
	})
}

func TestACancelledCallersFetchIsThereForTheNext(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.take(time.Second)
		c := open(t, s, engine.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Get(ctx, ref("db")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * time.Second)
		wantGet(t, c, "db", "db v1")
		wantCalls(t, s, 1)
		// And what is in memory needs no wait, so a done context is no hindrance.
		if v, err := c.Get(ctx, ref("db")); err != nil || v.VersionID != "v1" {
			t.Errorf("got %v, %v", v.VersionID, err)
		}
	})
}

func TestAFetchKeepsTheCallersValuesAndNotItsCancellation(t *testing.T) {
	type key struct{}
	virtual(t, func(t *testing.T) {
		c := open(t, secret.SourceFunc(func(ctx context.Context, _ secret.Ref) (secret.Value, error) {
			if got := ctx.Value(key{}); got != "trace" {
				t.Errorf("the context's value is %v", got)
			}
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); !ok || left != 3*time.Second {
				t.Errorf("the context ends in %v", left)
			}
			time.Sleep(2 * time.Second)
			if err := ctx.Err(); err != nil {
				t.Errorf("after the caller gave up: %v", err)
			}
			return secret.Value{VersionID: "v1"}, nil
		}), engine.Config{FetchTimeout: 3 * time.Second})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "trace"), time.Second)
		defer cancel()
		if _, err := c.Get(ctx, ref("db")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller got %v", err)
		}
		time.Sleep(time.Second)
		wantGet(t, c, "db", "")
	})
}

func TestAFetchIsBoundedByFetchTimeout(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.hang()
		c := open(t, s, engine.Config{FetchTimeout: 3 * time.Second, Backoff: never})
		d := took(func() {
			_, err := c.Get(t.Context(), ref("db"))
			if !errors.Is(err, secret.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
		if d != 3*time.Second {
			t.Errorf("the caller waited for %v", d)
		}
	})
}

func TestTheCauseOfACancellationIsReachable(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.hang()
		c := open(t, s, engine.Config{})
		reason := errors.New("the client hung up")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(reason)
		for name, err := range map[string]error{
			"Get":     func() error { _, err := c.Get(ctx, ref("db")); return err }(),
			"Refresh": func() error { _, err := c.Refresh(ctx, ref("db")); return err }(),
		} {
			var e *secret.Error
			if !errors.Is(err, reason) || !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.RetryIn != 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestACancelledWaitIsNoFailureOfTheSecret(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, j := serving("db"), &observed.Journal{}
		s.take(time.Second)
		c := open(t, s, engine.Config{TTL: time.Hour, NoRefreshAhead: true, Observer: j})
		get(t, c, "db")
		time.Sleep(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := c.Refresh(ctx, ref("db")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		wantGet(t, c, "db", "db v1")
		wantCalls(t, s, 2)
	})
}
