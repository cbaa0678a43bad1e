package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// limit and grace: a call that ignores its context is abandoned after both.
const (
	limit = 100 * time.Millisecond
	grace = 100 * time.Millisecond
)

// A deafSource and its hook ignore their contexts while they are stuck, until let go.
type deafSource struct {
	*service
	stuck atomic.Bool
	calls atomic.Int64
	let   chan struct{} // closed when stuck calls are to return
	once  sync.Once
}

func deaf(ids ...string) *deafSource {
	return &deafSource{service: serving(ids...), let: make(chan struct{})}
}

func (s *deafSource) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	s.calls.Add(1)
	v, err := s.service.Fetch(ctx, ref)
	s.wait()
	return v, err
}

func (s *deafSource) wait() {
	if s.stuck.Load() {
		<-s.let
	}
}

// release lets the stuck calls return; no later one gets stuck.
func (s *deafSource) release() {
	s.once.Do(func() { close(s.let) })
	settle()
}

// A deafHook is one whose Put ignores its context when its source is stuck.
type deafHook struct{ source *deafSource }

func (h deafHook) Put(_ context.Context, _ hook.Item, plain []byte) ([]byte, error) {
	h.source.wait()
	return append([]byte(nil), plain...), nil
}

func (h deafHook) Get(_ context.Context, _ hook.Item, stored []byte) ([]byte, error) {
	return append([]byte(nil), stored...), nil
}

// deafCaches are the two places where a call may ignore its context.
func deafCaches(t *testing.T, test func(t *testing.T, s *deafSource, c *engine.Cache)) {
	for _, place := range []string{"source", "hook"} {
		t.Run(place, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := deaf("db", "other")
				cfg := engine.Config{FetchTimeout: limit, Backoff: every(time.Second), TTL: time.Hour}
				var source secret.Source = s
				if place == "hook" {
					cfg.Hook, source = deafHook{s}, s.service
				}
				c := open(t, source, cfg)
				defer c.Close()
				defer s.release()
				test(t, s, c)
			})
		})
	}
}

func TestASourceThatIgnoresItsContextCostsAColdReaderFetchTimeout(t *testing.T) {
	deafCaches(t, func(t *testing.T, s *deafSource, c *engine.Cache) {
		s.stuck.Store(true)
		var err error
		if d := took(func() { _, err = c.Get(t.Context(), ref("db")) }); d > limit+grace {
			t.Errorf("the reader waited for %v", d)
		}
		if !errors.Is(err, secret.ErrTimeout) || !strings.Contains(err.Error(), "has not returned") || !strings.Contains(err.Error(), "(a *engine_test.") {
			t.Errorf("the error does not say what has not returned: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit/2)
		defer cancel()
		time.Sleep(time.Second) // the back-off
		if _, err := c.Get(ctx, ref("db")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a reader with less time got %v", err)
		}
	})
}

func TestASourceThatIgnoresItsContextLeavesTheLastGoodValue(t *testing.T) {
	deafCaches(t, func(t *testing.T, s *deafSource, c *engine.Cache) {
		wantGet(t, c, "db", "db v1")
		time.Sleep(time.Hour)
		s.stuck.Store(true)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), limit/2)
			defer cancel()
			if v, err := c.Get(ctx, ref("db")); err != nil || v.Payload.Reveal() != "db v1" {
				t.Errorf("a reader with little time got %v", err)
			}
			if d := took(func() { wantGet(t, c, "db", "db v1") }); d > limit+grace {
				t.Errorf("a reader waited for %v", d)
			}
			time.Sleep(time.Minute)
		}
	})
}

// TestTheLateAnswerOfAnAbandonedCallIsDropped and the secret is fetched meanwhile.
func TestTheLateAnswerOfAnAbandonedCallIsDropped(t *testing.T) {
	deafCaches(t, func(t *testing.T, s *deafSource, c *engine.Cache) {
		s.stuck.Store(true)
		wantErr(t, c, "db", secret.ErrTimeout)
		s.stuck.Store(false)
		s.rotate("db", "v2")
		time.Sleep(time.Second)
		wantGet(t, c, "db", "db v2") // the Ref is free
		wantGet(t, c, "other", "other v1")
		s.release()
		wantGet(t, c, "db", "db v2")
	})
}

func TestTooManyAbandonedCallsAreAnErrorThatNamesTheSource(t *testing.T) {
	deafCaches(t, func(t *testing.T, s *deafSource, c *engine.Cache) {
		wantGet(t, c, "db", "db v1")
		s.set(func(s *service) {
			for i := range 2 * maxRequests {
				s.versions[nameOf(i)] = "v1"
			}
		})
		s.stuck.Store(true)
		var waiting sync.WaitGroup
		for i := range maxRequests {
			held(t, c, nameOf(i))
			waiting.Go(func() { wantErr(t, c, nameOf(i), secret.ErrTimeout) })
		}
		waiting.Wait()
		before := s.count()
		if d := took(func() { // the source is down, so this is the probe, or the next one
			var err error
			for range 3 {
				_, err = c.Get(t.Context(), ref(nameOf(maxRequests)))
			}
			if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "64 calls") || !strings.Contains(err.Error(), "engine_test.") {
				t.Errorf("the error is %v", err)
			}
		}); d > 15*time.Second || s.count() > before+1 {
			t.Errorf("one more fetch took %v and %d calls", d, s.count()-before)
		}
		wantGet(t, c, "db", "db v1")
		s.release()
		time.Sleep(time.Second)
		wantGet(t, c, nameOf(maxRequests), nameOf(maxRequests)+" v1")
		wantGet(t, c, nameOf(0), nameOf(0)+" v1")
	})
}

// TestAnAbandonedCallIsToldOfOnce, and not a second time when it returns.
func TestAnAbandonedCallIsToldOfOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, journal := deaf("db"), &observed.Journal{}
		c := open(t, s, engine.Config{FetchTimeout: limit, Observer: journal})
		s.stuck.Store(true)
		wantErr(t, c, "db", secret.ErrTimeout)
		s.release()
		if all, failed := journal.Records(), observed.Of[hook.FetchFailed](journal); len(all) != 1 || len(failed) != 1 {
			t.Errorf("the events are %v", all)
		}
	})
}

func TestCloseWaitsForFetchTimeoutAndSaysWhatItLeft(t *testing.T) {
	deafCaches(t, func(t *testing.T, s *deafSource, c *engine.Cache) {
		s.stuck.Store(true)
		for _, id := range []string{"db", "other"} {
			go func() { _, _ = c.Get(t.Context(), ref(id)) }()
			settle()
		}
		var err error
		if d := took(func() { err = c.Close() }); d != limit {
			t.Errorf("Close took %v", d)
		}
		if !errors.Is(err, secret.ErrTimeout) || !strings.Contains(err.Error(), "(a *engine_test.") {
			t.Errorf("the error does not say what is left: %v", err)
		}
	})
}

func TestCloseSaysThatAnAbandonedCallIsLeft(t *testing.T) {
	deafCaches(t, func(t *testing.T, s *deafSource, c *engine.Cache) {
		s.stuck.Store(true)
		wantErr(t, c, "db", secret.ErrTimeout)
		if d := took(func() {
			if err := c.Close(); err == nil {
				t.Error("Close does not say what it left")
			}
		}); d > limit {
			t.Errorf("Close took %v", d)
		}
	})
}
