package failover_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/failover"
)

var refusals = []error{
	secret.ErrNotFound, secret.ErrDeleted, secret.ErrAccessDenied, secret.ErrInvalidRequest, secret.ErrInvalidRef,
	fmt.Errorf("x: %w", secret.ErrNotFound),
}

func TestARefusalOfThePrimaryIsTheAnswer(t *testing.T) {
	for _, refusal := range refusals {
		synctest.Test(t, func(t *testing.T) {
			first, second, source := two(t)
			first.set(func() { first.err = refusal })
			if _, err := within(t, source); !errors.Is(err, refusal) || second.count() != 0 {
				t.Errorf("got %v, and the replica was asked %d times", err, second.count())
			}
		})
	}
}

// Such as a region whose STS is out, if its Source says so by both.
func TestAnOutageIsNoRefusalWhateverElseItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		both := fmt.Errorf("%w: %w", secret.ErrUnavailable, secret.ErrAccessDenied)
		first.set(func() { first.err = both })
		if v, err := within(t, source); err != nil || v.Replica != "b" {
			t.Errorf("%+v, %v", v, err)
		}
		first.set(func() { first.err = secret.ErrUnavailable })
		second.set(func() { second.err = both })
		if _, err := within(t, source); !errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrAccessDenied) {
			t.Errorf("got %v", err)
		}
	})
}

func TestARegionThatRefusesCanAnswer(t *testing.T) {
	for _, refusal := range append(refusals, secret.ErrDecryption) {
		synctest.Test(t, func(t *testing.T) {
			first, _, source := two(t)
			for _, err := range []error{secret.ErrUnavailable, refusal, secret.ErrUnavailable} {
				first.set(func() { first.err = err })
				within(t, source)
			}
			first.set(func() { first.err = nil })
			if v, err := within(t, source); err != nil || v.Replica != "" {
				t.Errorf("after %v: %+v, %v", refusal, v, err)
			}
		})
	}
}

func TestARegionThatLagsCanAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		first, second, third := &scripted{created: now}, &scripted{created: now.Add(-time.Hour)}, &scripted{created: now}
		source := open(t, failover.Region{Name: "a", Source: first}, failover.Region{Name: "b", Source: second}, failover.Region{Name: "c", Source: third})
		within(t, source)
		first.set(func() { first.err = secret.ErrUnavailable })
		for range 5 {
			if v, err := within(t, source); err != nil || v.Replica != "c" {
				t.Errorf("%+v, %v", v, err)
			}
		}
		second.set(func() { second.created = now })
		if v, err := within(t, source); err != nil || v.Replica != "b" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestACancelledFetchSaysNothingWhateverItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, _, source := two(t)
		first.set(func() {
			first.fetch = func(ctx context.Context, _ secret.Ref) (secret.Value, error) {
				<-ctx.Done()
				return secret.Value{}, secret.ErrUnavailable
			}
		})
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			source.Fetch(ctx, secret.Ref{ID: "db"})
		}
		first.set(func() { first.fetch = nil })
		if v, err := within(t, source); err != nil || v.Replica != "" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestTheErrorSaysWhetherThePrimaryWasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		leaveOut(t, first, second, source)
		first.set(func() { first.err = secret.ErrUnavailable })
		second.set(func() { second.err = secret.ErrNotFound })
		if _, err := within(t, source); err == nil || err.Error() != "region a: service unavailable; region b: secret not found" {
			t.Errorf("asked after the replica: %v", err)
		}
		second.set(func() {
			second.fetch = func(context.Context, secret.Ref) (secret.Value, error) {
				time.Sleep(10 * time.Second)
				return secret.Value{}, secret.ErrNotFound
			}
		})
		first.set(func() { first.err = nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond) // before it may be probed
		defer cancel()
		if _, err := source.Fetch(ctx, secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrNotFound) ||
			!strings.Contains(err.Error(), "the primary region was left out; region b: secret not found") {
			t.Errorf("not asked: %v", err)
		}
	})
}

func TestEachRegionLearnsThatAFetchIsForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		var forced []bool
		answer := func(err error) func(context.Context, secret.Ref) (secret.Value, error) {
			return func(ctx context.Context, _ secret.Ref) (secret.Value, error) {
				forced = append(forced, secret.IsForced(ctx))
				return secret.Value{}, err
			}
		}
		first.set(func() { first.fetch = answer(secret.ErrUnavailable) })
		second.set(func() { second.fetch = answer(nil) })
		c, err := cache.New(source, cache.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Refresh(t.Context(), secret.Ref{ID: "db"}); err != nil || len(forced) != 2 || !forced[0] || !forced[1] {
			t.Errorf("%v, %v", forced, err)
		}
	})
}

// Nobody knows the meaning of an error that wraps no sentinel.
func TestWhatIsNoRefusalOfThePrimaryIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		strange := errors.New("strange")
		first.set(func() { first.err = strange })
		for range 5 {
			if v, err := within(t, source); err != nil || v.Replica != "b" {
				t.Errorf("%+v, %v", v, err)
			}
		}
		if n := first.count(); n != 5 {
			t.Errorf("the primary was asked %d times, though it did not say that it can't answer", n)
		}
		second.set(func() { second.err = secret.ErrNotFound })
		if _, err := within(t, source); !errors.Is(err, strange) || errors.Is(err, secret.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAProbeThatLearnsNothingOfTheRegionKeepsItLeftOut(t *testing.T) {
	for name, probe := range map[string]func(context.Context, secret.Ref) (secret.Value, error){
		"panics":  func(context.Context, secret.Ref) (secret.Value, error) { panic("bug") },
		"strange": func(context.Context, secret.Ref) (secret.Value, error) { return secret.Value{}, errors.New("strange") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second, source := two(t)
				leaveOut(t, first, second, source)
				time.Sleep(time.Minute)
				before := first.count()
				first.set(func() { first.fetch = probe })
				for range 100 {
					if v, err := within(t, source); err != nil || v.Replica != "b" {
						t.Errorf("%+v, %v", v, err)
					}
				}
				if n := first.count() - before; n != 1 {
					t.Errorf("%d fetches probed in a moment", n)
				}
			})
		})
	}
}
