package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

const leaked = "hunter2-s3cret"

// wantSilent checks that nothing in err's text, whatever the verb, is secret.
func wantSilent(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, verb := range []string{"%v", "%+v", "%s", "%q"} {
			if text := fmt.Sprintf(verb, err); strings.Contains(text, "hunter2") {
				t.Errorf("%s shows %s", verb, text)
			}
		}
	}
}

func TestAPanicInTheSourceIsAnErrorOfThatFetch(t *testing.T) {
	for name, broken := range map[string]func(){
		"panic with a string": func() { panic(leaked) },
		"panic with an error": func() { panic(errors.New(leaked)) },
		"nil dereference":     func() { var v *secret.Value; v.Name = leaked },
		"end of goroutine":    runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				breaks := true
				c := open(t, secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
					if breaks {
						broken()
					}
					return secret.Value{VersionID: "v1"}, nil
				}), engine.Config{Backoff: every(time.Second)})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := c.Get(ctx, ref("db"))
				if !errors.Is(err, engine.ErrPanic) {
					t.Errorf("got %v", err)
				}
				wantSilent(t, err)
				breaks = false
				time.Sleep(time.Second)
				get(t, c, "db")
			})
		})
	}
}

// A faultyHook does in Put and Get what the test says.
type faultyHook struct{ put, get func() error }

func (h *faultyHook) Put(_ context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return append([]byte("stored "), b...), h.put()
}

func (h *faultyHook) Get(_ context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return b[len("stored "):], h.get()
}

func TestAFaultOfTheHookIsAnErrorOfThatGet(t *testing.T) {
	fine := func() error { return nil }
	for name, fault := range map[string]func() error{
		"panic": func() error { panic(leaked) },
		"error": func() error { return &fs.PathError{Op: "encrypt", Path: leaked, Err: errors.New(leaked)} },
	} {
		for _, method := range []string{"Put", "Get"} {
			t.Run(method+" "+name, func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					h := &faultyHook{put: fine, get: fine}
					if method == "Put" {
						h.put = fault
					} else {
						h.get = fault
					}
					c := open(t, serving("db"), engine.Config{Hook: h, Backoff: every(time.Second)})
					_, err := c.Get(t.Context(), ref("db"))
					var e *secret.Error
					if !errors.Is(err, engine.ErrHook) || !errors.As(err, &e) || errors.Is(err, engine.ErrPanic) != (name == "panic") {
						t.Errorf("got %v", err)
					}
					var quoting *fs.PathError
					if errors.As(err, &quoting) {
						t.Error("the hook's error, which quotes the secret, can be reached")
					}
					if !strings.Contains(err.Error(), method) {
						t.Errorf("it does not name the method: %v", err)
					}
					wantSilent(t, err)
					h.put, h.get = fine, fine
					time.Sleep(time.Second)
					wantGet(t, c, "db", "db v1")
				})
			})
		}
	}
}

func TestAPanicInTheObserverHarmsNobody(t *testing.T) {
	for name, fault := range map[string]func(){"panic": func() { panic(leaked) }, "end of goroutine": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db")
				c := open(t, s, engine.Config{TTL: time.Hour, Observer: hook.ObserverFunc(func(_ context.Context, e hook.Event) {
					if _, ok := e.(hook.ServedStale); !ok { // that is told by the reader itself
						fault()
					} else if name == "panic" {
						fault()
					}
				})})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				for range 3 {
					if _, err := c.Get(ctx, ref("db")); err != nil {
						t.Errorf("Get: %v", err)
					}
				}
				s.fail(errDown)
				time.Sleep(2 * time.Hour)
				wantGet(t, c, "db", "db v1")
				wantCalls(t, s, 2)
			})
		})
	}
}

// As the comment of StaleIfError says: its answer is no.
func TestAPanicInStaleIfErrorIsARefusal(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{
			TTL: time.Hour, NoRefreshAhead: true, Backoff: every(time.Second),
			StaleIfError: func(error, time.Duration) bool { panic(leaked) },
		})
		get(t, c, "db")
		s.fail(errDown)
		time.Sleep(time.Hour)
		for range 3 {
			_, err := c.Get(t.Context(), ref("db"))
			if !errors.Is(err, errDown) || !errors.Is(err, engine.ErrPanic) || !strings.Contains(err.Error(), "StaleIfError") {
				t.Errorf("got %v", err)
			}
			wantSilent(t, err)
		}
		s.mend()
		time.Sleep(time.Second)
		get(t, c, "db")
	})
}

func TestTheErrorOfTheSourceIsReachable(t *testing.T) {
	virtual(t, func(t *testing.T) {
		cause := &fs.PathError{Op: "dial", Path: "endpoint", Err: errDown}
		c := open(t, secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
			return secret.Value{}, fmt.Errorf("%w: %w", secret.ErrUnavailable, cause)
		}), engine.Config{})
		_, err := c.Get(t.Context(), ref("db"))
		var found *fs.PathError
		if !errors.Is(err, secret.ErrUnavailable) || !errors.Is(err, errDown) || !errors.As(err, &found) || found != cause {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnErrorThatIsANilPointerHarmsNobody(t *testing.T) {
	nilPointer := func() error {
		var e *fs.PathError
		return e
	}
	broken := hookFunc(func([]byte) ([]byte, error) { return nil, nilPointer() })
	late := secret.SourceFunc(func(ctx context.Context, _ secret.Ref) (secret.Value, error) {
		<-ctx.Done()
		return secret.Value{}, nilPointer()
	})
	for name, c := range map[string]func(*testing.T) *engine.Cache{
		"hook":                func(t *testing.T) *engine.Cache { return open(t, serving("db"), engine.Config{Hook: broken}) },
		"source that hangs":   func(t *testing.T) *engine.Cache { return open(t, late, engine.Config{}) },
		"source that returns": func(t *testing.T) *engine.Cache { return open(t, failingWith(nilPointer()), engine.Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				_, err := c(t).Get(t.Context(), ref("db"))
				if !errors.Is(err, engine.ErrPanic) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func failingWith(err error) secret.Source {
	return secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) { return secret.Value{}, err })
}
