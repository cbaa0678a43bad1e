package cache_test

import (
	"errors"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
)

func TestWhileTheSourceCantAnswerTriesAreAMinuteApartAtMost(t *testing.T) {
	long := backoff.Policy{Max: time.Hour, Jitter: backoff.NoJitter}
	for name, test := range map[string]struct {
		err     error
		backoff backoff.Policy
		longest time.Duration
	}{
		"unavailable":                     {cache.ErrUnavailable, backoff.Policy{Jitter: backoff.NoJitter}, time.Minute},
		"timed out":                       {cache.ErrTimeout, backoff.Policy{Jitter: backoff.NoJitter}, time.Minute},
		"throttled":                       {cache.ErrThrottled, backoff.Policy{Jitter: backoff.NoJitter}, time.Minute},
		"denied":                          {cache.ErrAccessDenied, backoff.Policy{Jitter: backoff.NoJitter}, time.Hour},
		"not found":                       {cache.ErrNotFound, backoff.Policy{Jitter: backoff.NoJitter}, time.Hour},
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
