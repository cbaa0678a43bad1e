package typedsecret_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

func TestErrorsOfGetAreReturnedWithoutACall(t *testing.T) {
	c := open(t, storing("number", "no number"), cache.Config{})
	closed := open(t, storing("k", "1"), cache.Config{})
	closed.Close()
	never := func(context.Context, int) error {
		t.Error("the function was called")
		return nil
	}
	var none *typedsecret.Secret[int]
	for name, row := range map[string]struct {
		handle *typedsecret.Secret[int]
		f      func(context.Context, int) error
		want   error
		says   string
	}{
		"a secret that is not there":    {typedsecret.New[int]("k", typedsecret.WithCache(c)), never, typedsecret.ErrNotFound, ""},
		"a secret that does not decode": {typedsecret.New[int]("number", typedsecret.WithCache(c)), never, codec.ErrSyntax, ""},
		"a closed cache":                {typedsecret.New[int]("k", typedsecret.WithCache(closed)), never, typedsecret.ErrClosed, ""},
		"a zero handle":                 {new(typedsecret.Secret[int]), never, typedsecret.ErrZeroHandle, ""},
		"a nil handle":                  {none, never, typedsecret.ErrZeroHandle, ""},
		"a nil predicate":               {typedsecret.New[int]("k", typedsecret.WithRejected(nil)), never, typedsecret.ErrInvalidConfig, "leave WithRejected out"},
		"a negative budget":             {typedsecret.New[int]("k", typedsecret.WithRetryBudget(-1)), never, typedsecret.ErrInvalidConfig, "is -1ns; it must be positive, or 0"},
		"pending of a stage": {
			typedsecret.New[int]("k", typedsecret.WithPending(), typedsecret.WithStage("AWSPREVIOUS")),
			never, typedsecret.ErrInvalidConfig, "WithPending excludes WithStage and WithVersionID",
		},
		"pending of a version": {
			typedsecret.New[int]("k", typedsecret.WithVersionID(strings.Repeat("v", 32)), typedsecret.WithPending()),
			never, typedsecret.ErrInvalidConfig, "WithPending excludes WithStage and WithVersionID",
		},
		"no function": {typedsecret.New[int]("k", typedsecret.WithCache(c)), nil, nil, "the function given to Do is nil"},
	} {
		t.Run(name, func(t *testing.T) {
			var told func(context.Context, int, typedsecret.Info) error
			if row.f != nil {
				told = func(ctx context.Context, v int, _ typedsecret.Info) error { return row.f(ctx, v) }
			}
			for method, err := range map[string]error{
				"Do": row.handle.Do(t.Context(), row.f), "DoWithInfo": row.handle.DoWithInfo(t.Context(), told),
			} {
				if err == nil || row.want != nil && !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.says) {
					t.Errorf("%s: %v", method, err)
				}
			}
		})
	}
}

func TestNothingThatDoSaysHoldsThePassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "hunter2-Tr0ub4dor"
		events, text := &observed.Journal{}, new(bytes.Buffer)
		log := slog.New(slog.NewJSONHandler(text, nil))
		source := storing("db", `{"username":"app","password":"`+secret+`","host":"db","port":5432}`)
		c := open(t, source, cache.Config{Observer: hook.ObserverFunc(func(ctx context.Context, e hook.Event) {
			events.Observe(ctx, e)
			log.Info("event", "event", e)
		})})
		handle := typedsecret.New[DBCreds]("db", typedsecret.WithCache(c), typedsecret.WithPending())
		err := handle.Do(t.Context(), func(_ context.Context, creds DBCreds) error {
			source.put("db", `{"password":"`+secret+`","`+creds.Password) // does not decode
			return typedsecret.Rejected(&refusal{Code: "28P01"})
		})
		wantRefused(t, err, codec.ErrSyntax)
		log.Error("login", "handle", handle, "error", err)
		synctest.Wait() // waits for the observer
		if len(observed.Of[hook.Rejected](events)) < 2 {
			t.Error("the observer got no event")
		}
		for _, text := range []string{
			fmt.Sprintf("%v %+v %#v %q", err, err, err, err), fmt.Sprintf("%+v %#v", events.Records(), events.Records()), text.String(),
		} {
			if strings.Contains(text, secret) || strings.Contains(text, "Tr0ub") {
				t.Errorf("the password is in %s", text)
			}
		}
	})
}

func TestAPanicOfTheFunctionIsTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, db := storing("db", "one"), handletest.NewDatabase("two")
		handle := typedsecret.New[string]("db", typedsecret.WithCache(open(t, source, cache.Config{})))
		for _, at := range []string{"one", "two"} {
			func() {
				defer func() {
					if v := recover(); v != "broken" {
						t.Errorf("recovered %v", v)
					}
				}()
				handle.Do(t.Context(), func(_ context.Context, password string) error {
					if source.put("db", "two"); password == at {
						panic("broken")
					}
					return typedsecret.Rejected(&refusal{})
				})
			}()
		}
		if err := handle.Do(t.Context(), db.Login); err != nil { // later calls still work
			t.Error(err)
		}
	})
}

// TestADoWithinAnotherIsNotTriedTwice: the error with which the inner one gave up is no
// refusal of the outer one's secret.
func TestADoWithinAnotherIsNotTriedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, storing("db", "one", "proxy", "p"), cache.Config{})
		always := typedsecret.WithRejected(func(error) bool { return true })
		db := typedsecret.New[string]("db", typedsecret.WithCache(c), typedsecret.WithRetryBudget(3*time.Second))
		proxy := typedsecret.New[string]("proxy", typedsecret.WithCache(c), always)
		var outer atomic.Int64
		var inner error
		err := proxy.Do(t.Context(), func(ctx context.Context, _ string) error {
			outer.Add(1)
			inner = db.Do(ctx, handletest.NewDatabase("").Login)
			return inner
		})
		if outer.Load() != 1 || err != inner {
			t.Errorf("called %d times: %v", outer.Load(), err)
		}
		wantRefused(t, err)
	})
}

// TestARefusalIsNotLostIfTheNextTryEndsWithTheContext: the context's error alone would not
// say that the credential was refused.
func TestARefusalIsNotLostIfTheNextTryEndsWithTheContext(t *testing.T) {
	broken := errors.New("connection reset")
	for name, second := range map[string]func(context.Context) error{
		"the context's error":         func(ctx context.Context) error { return ctx.Err() },
		"the context's error wrapped": func(ctx context.Context) error { return fmt.Errorf("login: %w", ctx.Err()) },
		"an error of its own":         func(context.Context) error { return broken },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := storing("db", "one")
				db := typedsecret.New[string]("db", typedsecret.WithCache(open(t, store, cache.Config{MinRefreshInterval: -1})))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				tries := 0
				err := db.Do(ctx, func(ctx context.Context, _ string) error {
					if tries++; tries == 1 {
						store.Put("db", "two")
						return typedsecret.Rejected(&refusal{Code: "28P01"})
					}
					<-ctx.Done()
					return second(ctx)
				})
				wantRefused(t, err, context.DeadlineExceeded)
				if tries != 2 || name == "an error of its own" && !errors.Is(err, broken) {
					t.Errorf("after %d tries: %v", tries, err)
				}
			})
		})
	}
}

func TestARefusalByAPredicateIsErrRejectedToo(t *testing.T) {
	c := open(t, storing("db", "one"), cache.Config{})
	handle := typedsecret.New[string]("db", typedsecret.WithCache(c), typedsecret.WithRejected(isRefusal), typedsecret.WithRetryBudget(0))
	wantRefused(t, handle.Do(t.Context(), func(context.Context, string) error { return &refusal{Code: "28P01"} }))
}

func TestRejectedSaysItOnce(t *testing.T) {
	once := typedsecret.Rejected(&refusal{Code: "28P01"})
	if twice := typedsecret.Rejected(once); twice != once || typedsecret.Rejected(nil) != nil {
		t.Errorf("twice: %v", twice)
	}
	if err := typedsecret.Rejected((*brokenError)(nil)); err == nil {
		t.Error("an error whose methods panic became none")
	}
}

// brokenError is an error that can't be walked through.
type brokenError struct{ cause error }

func (*brokenError) Error() string   { return "broken" }
func (e *brokenError) Unwrap() error { return e.cause }

func TestAnErrorWhoseMethodsPanicIsNoRefusal(t *testing.T) {
	handle := typedsecret.New[string]("db", typedsecret.WithCache(open(t, storing("db", "one"), cache.Config{})),
		typedsecret.WithRejected(func(error) bool { return true }))
	broken := (*brokenError)(nil)
	if err := handle.Do(t.Context(), func(context.Context, string) error { return broken }); err != error(broken) {
		t.Errorf("got a %T", err)
	}
}

// TestDoKeepsTheBackOffOfARefusedSecret, since thousands of processes may fail at the same
// time. The user's own Refresh is not held back by it.
func TestDoKeepsTheBackOffOfARefusedSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("db", "old")
		c := open(t, source, cache.Config{Backoff: backoff.Policy{Base: time.Minute, Max: time.Minute, Jitter: backoff.NoJitter}})
		handle := typedsecret.New[string]("db", typedsecret.WithCache(c))
		wantGet(t, handle, "old")
		time.Sleep(time.Second)
		source.fail(secret.ErrAccessDenied)
		for began := time.Now(); time.Since(began) < 10*time.Minute+20*time.Second; time.Sleep(time.Second) {
			err := handle.Do(t.Context(), func(context.Context, string) error {
				return typedsecret.Rejected(errors.New("login failed"))
			})
			if !errors.Is(err, typedsecret.ErrRejected) {
				t.Fatal(err)
			}
		}
		if n := source.count() - 1; n > 11 {
			t.Errorf("Do made %d calls in 10 minutes of a delay of one", n)
		}
		source.put("db", "new")
		source.fail(nil)
		wantRefresh(t, handle, "new")
	})
}

func TestIsTransient(t *testing.T) {
	for err, want := range map[error]bool{
		nil:                        false,
		typedsecret.ErrUnavailable: true, typedsecret.ErrThrottled: true, typedsecret.ErrTimeout: true, typedsecret.ErrHook: true,
		typedsecret.ErrNotFound: false, typedsecret.ErrAccessDenied: false, typedsecret.ErrClosed: false, typedsecret.ErrPanic: false,
		&typedsecret.Error{Err: typedsecret.ErrThrottled}:                true,
		errors.Join(typedsecret.ErrNotFound, typedsecret.ErrUnavailable): true,
	} {
		if typedsecret.IsTransient(err) != want {
			t.Errorf("%v", err)
		}
	}
}
