package engine_test

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// frozen is a Source whose answer is old when it comes: the machine was suspended between
// the service's answer and its arrival.
type frozen struct {
	*service
	k     *clock
	sleep time.Duration
}

func (f *frozen) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	v, err := f.service.Fetch(ctx, ref)
	f.k.suspend(f.sleep)
	f.sleep = 0
	return v, err
}

// TestAnAnswerFromBeforeTheMachineWasSuspendedIsAsOldAsThat: no fetch takes longer than
// FetchTimeout, so what comes later was on its way while nothing ran.
func TestAnAnswerFromBeforeTheMachineWasSuspendedIsAsOldAsThat(t *testing.T) {
	for _, sleep := range []time.Duration{0, 3 * time.Hour} {
		virtual(t, func(t *testing.T) {
			k := &clock{}
			s := &frozen{service: serving("db"), k: k, sleep: sleep}
			c := open(t, s, k.config(engine.Config{CheckClock: true}))
			get(t, c, "db") // who waited may get it
			s.rotate("db", "v2")
			want := "db v1"
			if sleep > 0 {
				want = "db v2"
			}
			wantGet(t, c, "db", want)
		})
	}
}

// The fetch that the reader meets was under way already.
func TestAReaderAfterASuspensionGetsNoAnswerFromBefore(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db"), &clock{}
		s.take(2 * time.Second)
		c := open(t, s, k.config(engine.Config{CheckClock: true, MaxRefreshWait: time.Minute}))
		go c.Get(context.Background(), ref("db")) // answered with v1, which is on its way
		time.Sleep(time.Second)
		k.suspend(3 * time.Hour)
		s.rotate("db", "v2")
		wantGet(t, c, "db", "db v2")
	})
}

// cutOff is a Source whose calls hang during a suspension, and fail as soon as the process goes on.
type cutOff struct {
	*service
	goOn atomic.Pointer[chan struct{}] // closed when the process goes on; nil: calls don't hang
}

func (s *cutOff) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	v, err := s.service.Fetch(ctx, ref)
	if goOn := s.goOn.Load(); goOn != nil {
		<-*goOn
		return secret.Value{}, secret.ErrTimeout
	}
	return v, err
}

// TestARefreshThatASuspensionCutOffIsNoAnswer: the connection is broken, or the fetch's time is over at
// once. The reader waits for another fetch. Neither a back-off nor an outage holds that fetch up.
func TestARefreshThatASuspensionCutOffIsNoAnswer(t *testing.T) {
	for name, age := range map[string]time.Duration{"ahead of the TTL": 59 * time.Minute, "after it": 61 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s, k := &cutOff{service: serving("a", "b")}, &clock{}
				c := open(t, s, k.config(engine.Config{CheckClock: true, StaleIfError: func(err error, _ time.Duration) bool {
					t.Errorf("StaleIfError was asked about %v", err)
					return false
				}}))
				get(t, c, "a")
				get(t, c, "b")
				time.Sleep(age)
				goOn := make(chan struct{})
				s.goOn.Store(&goOn)
				go c.Get(context.Background(), ref("a"))
				go c.Get(context.Background(), ref("b"))
				settle()
				k.suspend(3 * time.Hour)
				s.goOn.Store(nil)
				s.rotate("a", "v2")
				s.rotate("b", "v2")
				time.AfterFunc(time.Millisecond, func() { close(goOn) })
				wantGet(t, c, "a", "a v2")
				wantGet(t, c, "b", "b v2")
			})
		})
	}
}

// TestARefreshThatASuspensionCutOffIsMadeAgain, whether it is the caller's own fetch or one that it joins.
func TestARefreshThatASuspensionCutOffIsMadeAgain(t *testing.T) {
	ctx := context.Background()
	for name, row := range map[string]struct {
		isOwn   bool
		refresh func(*engine.Cache) (*engine.Snapshot, error)
	}{
		"Refresh joins":       {false, func(c *engine.Cache) (*engine.Snapshot, error) { return c.LookupNow(ctx, ref("a")) }},
		"Refresh":             {true, func(c *engine.Cache) (*engine.Snapshot, error) { return c.LookupNow(ctx, ref("a")) }},
		"RefreshRecent joins": {false, func(c *engine.Cache) (*engine.Snapshot, error) { return c.LookupRecent(ctx, ref("a")) }},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s, k := &cutOff{service: serving("a")}, &clock{}
				c := open(t, s, k.config(engine.Config{}))
				get(t, c, "a")
				time.Sleep(59 * time.Minute)
				goOn := make(chan struct{})
				s.goOn.Store(&goOn)
				wake := func() {
					k.suspend(3 * time.Hour)
					s.goOn.Store(nil)
					s.rotate("a", "v2")
					time.AfterFunc(time.Millisecond, func() { close(goOn) })
				}
				if row.isOwn {
					time.AfterFunc(time.Second, wake)
				} else {
					go c.Get(ctx, ref("a"))
					settle()
					wake()
				}
				if snap, err := row.refresh(c); err != nil || snap.VersionID() != "v2" {
					t.Errorf("%v, %v", snap, err)
				}
			})
		})
	}
}

// TestWithoutABoundNoFetchIsCutOff: a source that is down keeps no reader waiting.
func TestWithoutABoundNoFetchIsCutOff(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("a")
		c := open(t, s, engine.Config{FetchTimeout: math.MaxInt64})
		s.fail(secret.ErrUnavailable)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.Get(ctx, ref("a")); !errors.Is(err, secret.ErrUnavailable) || s.count() != 1 {
			t.Errorf("%v, after %d fetches", err, s.count())
		}
	})
}
