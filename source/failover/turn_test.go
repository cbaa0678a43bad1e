package failover_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/failover"
)

// within is a Fetch that has 10 s.
func within(t testing.TB, source *failover.Source) (secret.Value, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return source.Fetch(ctx, secret.Ref{ID: "db"})
}

// slowly answers after a time.
func slowly(d time.Duration, err error) func(context.Context, secret.Ref) (secret.Value, error) {
	return func(ctx context.Context, _ secret.Ref) (secret.Value, error) {
		select {
		case <-time.After(d):
			return secret.Value{}, err
		case <-ctx.Done():
			return secret.Value{}, ctx.Err()
		}
	}
}

// leaveOut has the circuit of a region open, while the other answers.
func leaveOut(t testing.TB, out, other *scripted, source *failover.Source) {
	t.Helper()
	out.set(func() { out.err = secret.ErrUnavailable })
	for range 3 {
		if _, err := within(t, source); err != nil {
			t.Error(err)
		}
	}
	out.set(func() { out.err = nil })
	before := out.count()
	if _, err := within(t, source); err != nil || out.count() != before {
		t.Errorf("%v; it is not left out", err)
	}
}

func TestTheLastRegionThatIsAskedHasAllOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		leaveOut(t, first, second, source)
		second.set(func() { second.err = secret.ErrNotFound })
		first.set(func() { first.fetch = slowly(9*time.Second, nil) })
		if v, err := within(t, source); err != nil || v.Replica != "" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// A region that was left out may be well again.
func TestARegionThatHangsLeavesTimeForThoseThatWereLeftOut(t *testing.T) {
	for _, name := range []string{"the primary", "the replica"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second, source := two(t)
				hangs, well := first, second
				if name == "the replica" {
					leaveOut(t, first, second, source)
					hangs, well = second, first
				} else {
					second.set(func() { second.err = secret.ErrUnavailable })
					for range 3 { // so that the replica's circuit alone opens
						first.set(func() { first.err = secret.ErrUnavailable })
						within(t, source)
						first.set(func() { first.err = nil })
						within(t, source)
					}
				}
				hangs.set(func() { hangs.hang = true })
				well.set(func() { well.err = nil })
				began := time.Now()
				if _, err := within(t, source); err != nil || time.Since(began) != 5*time.Second {
					t.Errorf("%v after %v", err, time.Since(began))
				}
			})
		})
	}
}

func TestARefusalThatComesLateIsNoTimeout(t *testing.T) {
	late := func(context.Context, secret.Ref) (secret.Value, error) {
		time.Sleep(6 * time.Second)
		return secret.Value{}, secret.ErrNotFound
	}
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.err = secret.ErrUnavailable })
		second.set(func() { second.fetch = late })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := source.Fetch(ctx, secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrNotFound) {
			t.Errorf("of the replica: %v", err)
		}
		first.set(func() { first.fetch = late })
		before := second.count()
		if _, err := within(t, source); !errors.Is(err, secret.ErrNotFound) || errors.Is(err, secret.ErrTimeout) || second.count() != before {
			t.Errorf("of the primary: %v", err)
		}
	})
}

// It would be blamed for what it is not.
func TestAnErrorThatComesLateIsATimeoutOnlyIfNobodyKnowsWhatItSays(t *testing.T) {
	for err, timeout := range map[error]bool{secret.ErrThrottled: false, errors.New("connection closed"): true} {
		synctest.Test(t, func(t *testing.T) {
			first, second, source := two(t)
			first.set(func() {
				first.fetch = func(context.Context, secret.Ref) (secret.Value, error) {
					time.Sleep(6 * time.Second)
					return secret.Value{}, err
				}
			})
			second.set(func() { second.err = secret.ErrNotFound })
			if _, got := within(t, source); !errors.Is(got, err) || errors.Is(got, secret.ErrTimeout) != timeout {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestAFetchWithoutTimeAsksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.hang = true })
		over, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		for range 5 {
			if _, err := source.Fetch(over, secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if err := fetchMany(over, t, source, "db")[0].err; !errors.Is(err, secret.ErrTimeout) {
				t.Errorf("of many: %v", err)
			}
		}
		if n := first.count() + first.lists + second.count() + second.lists; n != 0 {
			t.Errorf("%d requests", n)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := source.Fetch(cancelled, secret.Ref{ID: "db"}); !errors.Is(err, context.Canceled) || errors.Is(err, secret.ErrTimeout) {
			t.Errorf("got %v", err)
		}
		if n := first.count() + second.count(); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestAPrimaryThatPanicsSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() {
			first.fetch = func(context.Context, secret.Ref) (secret.Value, error) { panic("bug") }
			first.request = func([]secret.Ref, answerFunc) error { panic("bug") }
		})
		for range 5 {
			if v, err := within(t, source); err != nil || v.Replica != "b" {
				t.Errorf("%+v, %v", v, err)
			}
			if one := fetchMany(t.Context(), t, source, "db")[0]; one.err != nil || one.Replica != "b" {
				t.Errorf("%+v", one)
			}
		}
		second.set(func() { second.err = secret.ErrNotFound })
		if _, err := within(t, source); !errors.Is(err, cache.ErrPanic) || errors.Is(err, secret.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		first.set(func() { first.fetch, first.request = nil, nil })
		if v, err := within(t, source); err != nil || v.Replica != "" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// As a test's FailNow does in a fake.
func TestAProbeThatEndsItsGoroutineIsNotTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		leaveOut(t, first, second, source)
		time.Sleep(time.Minute)
		first.set(func() {
			first.fetch = func(context.Context, secret.Ref) (secret.Value, error) { runtime.Goexit(); panic("not reached") }
		})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			source.Fetch(t.Context(), secret.Ref{ID: "db"})
		}()
		<-ended
		first.set(func() { first.fetch = nil })
		if v, err := within(t, source); err != nil || v.Replica != "b" {
			t.Errorf("%+v, %v: the next probe comes at once", v, err)
		}
		time.Sleep(time.Minute)
		if v, err := within(t, source); err != nil || v.Replica != "" {
			t.Errorf("%+v, %v: the primary is never asked again", v, err)
		}
	})
}
