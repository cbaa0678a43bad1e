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
	"github.com/typedsecret/typedsecret/source/failover"
)

var refusals = []error{
	cache.ErrNotFound, cache.ErrDeleted, cache.ErrAccessDenied, cache.ErrInvalidRequest, cache.ErrInvalidRef,
	fmt.Errorf("x: %w", cache.ErrNotFound),
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
		both := fmt.Errorf("%w: %w", cache.ErrUnavailable, cache.ErrAccessDenied)
		first.set(func() { first.err = both })
		if v, err := within(t, source); err != nil || v.Replica != "b" {
			t.Errorf("%+v, %v", v, err)
		}
		first.set(func() { first.err = cache.ErrUnavailable })
		second.set(func() { second.err = both })
		if _, err := within(t, source); !errors.Is(err, cache.ErrUnavailable) || errors.Is(err, cache.ErrAccessDenied) {
			t.Errorf("got %v", err)
		}
	})
}

func TestARegionThatRefusesCanAnswer(t *testing.T) {
	for _, refusal := range append(refusals, cache.ErrDecryption) {
		synctest.Test(t, func(t *testing.T) {
			first, _, source := two(t)
			for _, err := range []error{cache.ErrUnavailable, cache.ErrUnavailable, refusal, cache.ErrUnavailable, cache.ErrUnavailable} {
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
		first.set(func() { first.err = cache.ErrUnavailable })
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
			first.fetch = func(ctx context.Context, _ cache.Ref) (cache.Value, error) {
				<-ctx.Done()
				return cache.Value{}, cache.ErrUnavailable
			}
		})
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			source.Fetch(ctx, cache.Ref{ID: "db"})
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
		first.set(func() { first.err = cache.ErrUnavailable })
		second.set(func() { second.err = cache.ErrNotFound })
		if _, err := within(t, source); err == nil || err.Error() != "region a: service unavailable; region b: secret not found" {
			t.Errorf("asked after the replica: %v", err)
		}
		second.set(func() {
			second.fetch = func(context.Context, cache.Ref) (cache.Value, error) {
				time.Sleep(10 * time.Second)
				return cache.Value{}, cache.ErrNotFound
			}
		})
		first.set(func() { first.err = nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond) // before it may be probed
		defer cancel()
		if _, err := source.Fetch(ctx, cache.Ref{ID: "db"}); !errors.Is(err, cache.ErrUnavailable) || errors.Is(err, cache.ErrNotFound) ||
			!strings.Contains(err.Error(), "the primary region was left out; region b: secret not found") {
			t.Errorf("not asked: %v", err)
		}
	})
}

func TestEachRegionLearnsThatAFetchIsForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		var forced []bool
		answer := func(err error) func(context.Context, cache.Ref) (cache.Value, error) {
			return func(ctx context.Context, _ cache.Ref) (cache.Value, error) {
				forced = append(forced, cache.IsForced(ctx))
				return cache.Value{}, err
			}
		}
		first.set(func() { first.fetch = answer(cache.ErrUnavailable) })
		second.set(func() { second.fetch = answer(nil) })
		c, err := cache.New(source, cache.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Refresh(t.Context(), cache.Ref{ID: "db"}); err != nil || len(forced) != 2 || !forced[0] || !forced[1] {
			t.Errorf("%v, %v", forced, err)
		}
	})
}

// Of an error that wraps no sentinel nobody knows what it says.
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
		second.set(func() { second.err = cache.ErrNotFound })
		if _, err := within(t, source); !errors.Is(err, strange) || errors.Is(err, cache.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAProbeThatLearnsNothingOfTheRegionKeepsItLeftOut(t *testing.T) {
	for name, probe := range map[string]func(context.Context, cache.Ref) (cache.Value, error){
		"panics":  func(context.Context, cache.Ref) (cache.Value, error) { panic("bug") },
		"strange": func(context.Context, cache.Ref) (cache.Value, error) { return cache.Value{}, errors.New("strange") },
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
