package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
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
		"nil dereference":     func() { var v *cache.Value; v.Name = leaked },
		"end of goroutine":    runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				breaks := true
				c := open(t, cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) {
					if breaks {
						broken()
					}
					return cache.Value{VersionID: "v1"}, nil
				}), cache.Config{Backoff: every(time.Second)})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := c.Get(ctx, ref("db"))
				if !errors.Is(err, cache.ErrPanic) {
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
					c := open(t, serving("db"), cache.Config{Hook: h, Backoff: every(time.Second)})
					_, err := c.Get(t.Context(), ref("db"))
					var e *cache.Error
					if !errors.Is(err, cache.ErrHook) || !errors.As(err, &e) || errors.Is(err, cache.ErrPanic) != (name == "panic") {
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
				c := open(t, s, cache.Config{TTL: time.Hour, Observer: hook.ObserverFunc(func(_ context.Context, e hook.Event) {
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
		c := open(t, s, cache.Config{
			TTL: time.Hour, NoRefreshAhead: true, Backoff: every(time.Second),
			StaleIfError: func(error, time.Duration) bool { panic(leaked) },
		})
		get(t, c, "db")
		s.fail(errDown)
		time.Sleep(time.Hour)
		for range 3 {
			_, err := c.Get(t.Context(), ref("db"))
			if !errors.Is(err, errDown) || !errors.Is(err, cache.ErrPanic) || !strings.Contains(err.Error(), "StaleIfError") {
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
		c := open(t, cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) {
			return cache.Value{}, fmt.Errorf("%w: %w", cache.ErrUnavailable, cause)
		}), cache.Config{})
		_, err := c.Get(t.Context(), ref("db"))
		var found *fs.PathError
		if !errors.Is(err, cache.ErrUnavailable) || !errors.Is(err, errDown) || !errors.As(err, &found) || found != cause {
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
	late := cache.SourceFunc(func(ctx context.Context, _ cache.Ref) (cache.Value, error) {
		<-ctx.Done()
		return cache.Value{}, nilPointer()
	})
	for name, c := range map[string]func(*testing.T) *cache.Cache{
		"hook":                func(t *testing.T) *cache.Cache { return open(t, serving("db"), cache.Config{Hook: broken}) },
		"source that hangs":   func(t *testing.T) *cache.Cache { return open(t, late, cache.Config{}) },
		"source that returns": func(t *testing.T) *cache.Cache { return open(t, failingWith(nilPointer()), cache.Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				_, err := c(t).Get(t.Context(), ref("db"))
				if !errors.Is(err, cache.ErrPanic) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func failingWith(err error) cache.Source {
	return cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) { return cache.Value{}, err })
}
