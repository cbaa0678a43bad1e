package engine_test

import (
	"errors"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

func TestTheDelaysGrowToABoundThatTheFailureHas(t *testing.T) {
	long := backoff.Policy{Max: time.Hour, Jitter: backoff.NoJitter}
	for name, test := range map[string]struct {
		err     error
		backoff backoff.Policy
		longest time.Duration
	}{
		"unavailable":                     {secret.ErrUnavailable, backoff.Policy{Jitter: backoff.NoJitter}, 15 * time.Second},
		"timed out":                       {secret.ErrTimeout, backoff.Policy{Jitter: backoff.NoJitter}, 15 * time.Second},
		"throttled":                       {secret.ErrThrottled, backoff.Policy{Jitter: backoff.NoJitter}, 15 * time.Second},
		"denied":                          {secret.ErrAccessDenied, backoff.Policy{Jitter: backoff.NoJitter}, time.Minute},
		"undecryptable":                   {secret.ErrDecryption, backoff.Policy{Jitter: backoff.NoJitter}, time.Minute},
		"not found":                       {secret.ErrNotFound, backoff.Policy{Jitter: backoff.NoJitter}, 5 * time.Minute},
		"deleted":                         {secret.ErrDeleted, backoff.Policy{Jitter: backoff.NoJitter}, time.Hour},
		"denied, with a Max":              {secret.ErrAccessDenied, long, time.Hour},
		"not found, with a Max":           {secret.ErrNotFound, long, time.Hour},
		"denied, with a longer Base":      {secret.ErrAccessDenied, backoff.Policy{Base: 2 * time.Minute, Jitter: backoff.NoJitter}, 2 * time.Minute},
		"of a kind unknown":               {errors.New("strange"), backoff.Policy{Jitter: backoff.NoJitter}, time.Hour},
		"unavailable, with a Max":         {secret.ErrUnavailable, long, time.Hour},
		"unavailable, with a longer Base": {secret.ErrUnavailable, backoff.Policy{Base: 2 * time.Minute, Jitter: backoff.NoJitter}, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("good")
				s.failFor("db", test.err)
				c := open(t, s, engine.Config{Backoff: test.backoff, TTL: time.Second, NoRefreshAhead: true})
				var longest time.Duration
				for range 40 {
					_, err := c.Get(t.Context(), ref("db"))
					failed, ok := errors.AsType[*secret.Error](err)
					if !ok {
						t.Fatal(err)
					}
					longest = max(longest, failed.RetryIn)
					time.Sleep(failed.RetryIn)
					get(t, c, "good") // so the source is not down
				}
				if longest != test.longest {
					t.Errorf("the delays grew to %v, want %v", longest, test.longest)
				}
			})
		})
	}
}

func TestOneSecretThatFailsIsTriedEach8To15Seconds(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("good")
		s.failFor("db", secret.ErrUnavailable)
		c := open(t, s, engine.Config{TTL: time.Second, NoRefreshAhead: true})
		shortest, longest := time.Hour, time.Duration(0)
		for i := range 200 {
			_, err := c.Get(t.Context(), ref("db"))
			failed, ok := errors.AsType[*secret.Error](err)
			if !ok {
				t.Fatal(err)
			}
			if i > 10 { // it has grown up
				shortest, longest = min(shortest, failed.RetryIn), max(longest, failed.RetryIn)
			}
			time.Sleep(failed.RetryIn)
			get(t, c, "good") // so the source is not down
		}
		if shortest < 7500*time.Millisecond || shortest > 9*time.Second || longest > 15*time.Second || longest < 14*time.Second {
			t.Errorf("%v to %v lie between two tries, want 7.5 s to 15 s", shortest, longest)
		}
	})
}
