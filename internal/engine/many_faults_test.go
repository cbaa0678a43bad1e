package engine_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// A slowPut is a Hook whose Put does what the test says.
type slowPut func()

func (f slowPut) Put(_ context.Context, _ hook.Item, plain []byte) ([]byte, error) {
	f()
	return plain, nil
}

func (slowPut) Get(_ context.Context, _ hook.Item, stored []byte) ([]byte, error) {
	return stored, nil
}

// TestASecretThatAFetchManyHasAnsweredIsNotFetchedAgain: also if the FetchMany made no
// request by MakeRequests, and the hook takes its time.
func TestASecretThatAFetchManyHasAnsweredIsNotFetchedAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		m := &manyService{service: serving("a", "b")}
		m.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) {
			_ = answerAll(ctx, refs, answer)
		}
		c := open(t, m, engine.Config{Hook: slowPut(func() { time.Sleep(time.Second) })})
		go getAll(t.Context(), c, refs("a", "b"), nil)
		settle()
		wantGet(t, c, "a", "v1 of a")
		wantCalls(t, m.service, 0)
	})
}

// TestARequestThatIgnoresItsContextLosesItsPlace: so 64 of them keep no other secret from
// being fetched, and then an error names the source.
func TestARequestThatIgnoresItsContextLosesItsPlace(t *testing.T) {
	virtual(t, func(t *testing.T) {
		m := &manyService{service: serving("other", "later")}
		release := make(chan struct{})
		m.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) { m.requests(ctx, refs, answer, 1) }
		m.request = func(context.Context, []secret.Ref, answerFunc) error { <-release; return errDown }
		c := open(t, m, engine.Config{FetchTimeout: time.Second})
		var many []secret.Ref
		for i := range 62 {
			many = append(many, ref(nameOf(i)))
		}
		_, errs := getAll(t.Context(), c, many, nil)
		for _, err := range errs {
			if !errors.Is(err, secret.ErrTimeout) {
				t.Fatal(err)
			}
		}
		wantGet(t, c, "other", "other v1")
		if _, errs = getAll(t.Context(), c, refs("x", "y", "z"), nil); !errors.Is(errs[0], secret.ErrTimeout) {
			t.Fatal(errs)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := c.Get(ctx, ref("later"))
		if !errors.Is(err, secret.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		began := m.batches.Load()
		if _, errs = getAll(ctx, c, refs("v", "w"), nil); !errors.Is(errs[0], secret.ErrUnavailable) || m.batches.Load() != began {
			t.Errorf("%d requests more, %v", m.batches.Load()-began, errs)
		}
		close(release)
		settle()
		time.Sleep(time.Hour)
		wantGet(t, c, "later", "later v1")
	})
}

// TestAFetchManyThatNeverReturnsCountsAsAbandoned: also if it makes no request by MakeRequests.
func TestAFetchManyThatNeverReturnsCountsAsAbandoned(t *testing.T) {
	virtual(t, func(t *testing.T) {
		m := &manyService{service: serving("other")}
		release := make(chan struct{})
		m.many = func(context.Context, []secret.Ref, answerFunc) { <-release }
		c := open(t, m, engine.Config{FetchTimeout: time.Second})
		for i := range 64 {
			if _, errs := getAll(t.Context(), c, refs(nameOf(i)), nil); !errors.Is(errs[0], secret.ErrTimeout) {
				t.Fatal(errs)
			}
		}
		var errs []error
		waited := took(func() { _, errs = getAll(t.Context(), c, refs("x"), nil) })
		var calls int
		m.set(func(*service) { calls = m.lists })
		if !errors.Is(errs[0], secret.ErrUnavailable) || !strings.Contains(errs[0].Error(), "*engine_test.manyService") || waited != 0 || calls != 64 {
			t.Errorf("%d calls, after %v: %v", calls, waited, errs)
		}
		wantErr(t, c, "other", secret.ErrUnavailable)
		close(release)
		settle()
		time.Sleep(time.Hour)
		wantGet(t, c, "other", "other v1")
	})
}

// TestAPutThatIgnoresItsContextIsAbandonedWithItsFetch: wherever the value comes from.
func TestAPutThatIgnoresItsContextIsAbandonedWithItsFetch(t *testing.T) {
	for name, end := range map[string]func(release <-chan struct{}){
		"hangs":              func(release <-chan struct{}) { <-release },
		"ends its goroutine": func(<-chan struct{}) { runtime.Goexit() },
	} {
		for _, from := range []string{"source", "FetchMany", "sealed file"} {
			t.Run(fmt.Sprint(name, ", ", from), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					s := serving("a", "b")
					release := make(chan struct{})
					defer close(release)
					var puts atomic.Int64
					cfg := engine.Config{
						FetchTimeout: time.Second, Backoff: every(time.Second),
						Hook: slowPut(func() {
							if puts.Add(1) <= 2 {
								end(release)
							}
						}),
					}
					if from == "sealed file" {
						cfg = cfg.WithSealedFile(snapshotOf(t, serving("a", "b"), "a", "b"), gcm(t, "key"))
						s.fail(secret.ErrUnavailable)
					}
					var source secret.Source = s
					if from == "FetchMany" {
						source = &manyService{service: s}
					}
					c := open(t, source, cfg)
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					_, errs := getAll(ctx, c, refs("a", "b"), nil)
					if ctx.Err() != nil || errs[0] == nil || errs[1] == nil {
						t.Fatal(errs)
					}
					time.Sleep(2 * time.Second)
					if _, err := c.Get(ctx, ref("a")); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// TestWhatAFetchManyLeavesIsTimedByItsOwnRequest: the time of the FetchMany before that is none in which
// the machine stood still. So the source counts as down, and is probed once in each round.
func TestWhatAFetchManyLeavesIsTimedByItsOwnRequest(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving("a", "b")}
		c := open(t, s, engine.Config{NoRefreshAhead: true})
		getAll(t.Context(), c, refs("a", "b"), nil)
		time.Sleep(time.Hour)
		s.hang()
		s.request = func(context.Context, []secret.Ref, answerFunc) error {
			time.Sleep(8 * time.Second)
			return secret.ErrNotAsked
		}
		for range 5 {
			getAll(t.Context(), c, refs("a", "b"), nil)
			time.Sleep(30 * time.Second)
		}
		if n := s.batches.Load(); n != 2 || s.count() != 2+4 {
			t.Errorf("%d requests for many and %d single ones, want 2 and 6", n, s.count())
		}
	})
}
