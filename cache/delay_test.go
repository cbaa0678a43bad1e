package cache_test

import (
	"errors"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
)

func TestTheDelaysGrowToABoundThatTheFailureHas(t *testing.T) {
	long := backoff.Policy{Max: time.Hour, Jitter: backoff.NoJitter}
	for name, test := range map[string]struct {
		err     error
		backoff backoff.Policy
		longest time.Duration
	}{
		"unavailable":                     {cache.ErrUnavailable, backoff.Policy{Jitter: backoff.NoJitter}, 40 * time.Second},
		"timed out":                       {cache.ErrTimeout, backoff.Policy{Jitter: backoff.NoJitter}, 40 * time.Second},
		"throttled":                       {cache.ErrThrottled, backoff.Policy{Jitter: backoff.NoJitter}, 40 * time.Second},
		"denied":                          {cache.ErrAccessDenied, backoff.Policy{Jitter: backoff.NoJitter}, time.Minute},
		"undecryptable":                   {cache.ErrDecryption, backoff.Policy{Jitter: backoff.NoJitter}, time.Minute},
		"not found":                       {cache.ErrNotFound, backoff.Policy{Jitter: backoff.NoJitter}, 5 * time.Minute},
		"deleted":                         {cache.ErrDeleted, backoff.Policy{Jitter: backoff.NoJitter}, time.Hour},
		"denied, with a Max":              {cache.ErrAccessDenied, long, time.Hour},
		"not found, with a Max":           {cache.ErrNotFound, long, time.Hour},
		"denied, with a longer Base":      {cache.ErrAccessDenied, backoff.Policy{Base: 2 * time.Minute, Jitter: backoff.NoJitter}, 2 * time.Minute},
		"of a kind unknown":               {errors.New("strange"), backoff.Policy{Jitter: backoff.NoJitter}, time.Hour},
		"unavailable, with a Max":         {cache.ErrUnavailable, long, time.Hour},
		"unavailable, with a longer Base": {cache.ErrUnavailable, backoff.Policy{Base: 2 * time.Minute, Jitter: backoff.NoJitter}, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving()
				s.fail(test.err)
				c := open(t, s, cache.Config{Backoff: test.backoff})
				var longest time.Duration
				for range 40 {
					_, err := c.Get(t.Context(), ref("db"))
					failed, ok := errors.AsType[*cache.Error](err)
					if !ok {
						t.Fatal(err)
					}
					longest = max(longest, failed.RetryIn)
					time.Sleep(failed.RetryIn)
				}
				if longest != test.longest {
					t.Errorf("the delays grew to %v, want %v", longest, test.longest)
				}
			})
		})
	}
}

func TestInALongOutageTriesAre20To40SecondsApart(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving()
		s.fail(cache.ErrUnavailable)
		c := open(t, s, cache.Config{})
		shortest, longest := time.Hour, time.Duration(0)
		for i := range 200 {
			_, err := c.Get(t.Context(), ref("db"))
			failed, ok := errors.AsType[*cache.Error](err)
			if !ok {
				t.Fatal(err)
			}
			if i > 10 { // it has grown up
				shortest, longest = min(shortest, failed.RetryIn), max(longest, failed.RetryIn)
			}
			time.Sleep(failed.RetryIn)
		}
		if shortest < 20*time.Second || shortest > 22*time.Second || longest > 40*time.Second || longest < 38*time.Second {
			t.Errorf("%v to %v lie between two tries, want 20 s to 40 s", shortest, longest)
		}
	})
}
