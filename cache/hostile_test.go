package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
)

// A hookFunc is a Hook whose Put it is.
type hookFunc func(secret []byte) ([]byte, error)

func (f hookFunc) Put(_ context.Context, _ hook.Item, b []byte) ([]byte, error) { return f(b) }
func (hookFunc) Get(_ context.Context, _ hook.Item, b []byte) ([]byte, error)   { return b, nil }

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

func TestAHookThatClaimsAPanicIsNotQuoted(t *testing.T) {
	virtual(t, func(t *testing.T) {
		quoting := hookFunc(func(b []byte) ([]byte, error) { return nil, fmt.Errorf("%w: %s", cache.ErrPanic, leaked) })
		_, err := open(t, serving("db"), cache.Config{Hook: quoting}).Get(t.Context(), ref("db"))
		if !errors.Is(err, cache.ErrHook) {
			t.Errorf("got %v", err)
		}
		wantSilent(t, err)
	})
}

func TestAnObserverMayRefreshTheSecretOfItsEvent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var c *cache.Cache
		observed := 0
		c = open(t, serving("db"), cache.Config{Observer: hook.ObserverFunc(func(ctx context.Context, e hook.Event) {
			if _, ok := e.(hook.Fetched); ok && observed == 0 {
				observed++
				if _, err := c.Refresh(ctx, ref("db")); err != nil {
					t.Errorf("Refresh in the observer: %v", err)
				}
			}
		})})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := c.Get(ctx, ref("db")); err != nil {
			t.Error(err)
		}
		if observed != 1 {
			t.Error("nothing was observed")
		}
	})
}

func TestAHookIsGivenAContextWhereTheCallerHasNone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := open(t, serving("db"), cache.Config{Hook: needsContext{}})
		var none context.Context
		if _, err := c.Get(none, ref("db")); err != nil {
			t.Error(err)
		}
		if _, err := c.Refresh(none, ref("db")); err != nil {
			t.Error(err)
		}
	})
}

type needsContext struct{}

func (needsContext) Put(ctx context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return append([]byte(nil), b...), ctx.Err()
}

func (needsContext) Get(ctx context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return append([]byte(nil), b...), ctx.Err()
}

func TestRefreshReturnsNoValuePastItsTTL(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, cache.Config{TTL: 100 * time.Millisecond, MinRefreshInterval: time.Second})
		for range 2 {
			if _, err := c.Refresh(t.Context(), ref("db")); err != nil {
				t.Error(err)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if n := s.count(); n != 2 {
			t.Errorf("%d calls, want 2", n)
		}
	})
}

func TestALongReferenceIsShownInPart(t *testing.T) {
	long := &cache.Error{Ref: cache.Ref{ID: strings.Repeat("é", 3000)}, Err: cache.ErrInvalidRef}
	if n := len([]rune(long.Error())); n > 300 {
		t.Errorf("%d characters", n)
	}
	if none := (&cache.Error{Err: cache.ErrInvalidRef}).Error(); !strings.HasPrefix(none, `secret "": `) {
		t.Error(none)
	}
}
