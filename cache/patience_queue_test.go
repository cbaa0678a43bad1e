package cache_test

import (
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/cache"
)

// The reader joins a fetch that began before Invalidate, and then waits for the queued one.
func TestAReaderOfAQueuedFetchWaitsForMaxRefreshWaitFromItsBeginning(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, cache.Config{MinRefreshInterval: 5 * time.Second})
		get(t, c, "db")
		s.take(300 * time.Millisecond)
		invalidate(t, c, "db")
		go c.Get(t.Context(), ref("db"))
		time.Sleep(100 * time.Millisecond)
		invalidate(t, c, "db")
		s.hang()
		wantGet(t, c, "db", "db v1")
		wantCalls(t, s, 3)
		if waited := time.Since(s.calls[2].began); waited != time.Second {
			t.Errorf("the reader waited for %v after the fetch had begun", waited)
		}
	})
}

func TestWithoutMaxRefreshWaitNoReaderWaitsForAQueuedFetch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, cache.Config{MaxRefreshWait: -1})
		get(t, c, "db")
		s.take(100 * time.Millisecond)
		for range 3 {
			invalidate(t, c, "db")
			if waited := took(func() { wantGet(t, c, "db", "db v1") }); waited != 0 {
				t.Errorf("waited %v", waited)
			}
			time.Sleep(200 * time.Millisecond)
		}
		if quiet := c.Quiet(ref("db"), nil); quiet != 400*time.Millisecond {
			t.Errorf("quiet for %v, and the next fetch begins in 400 ms", quiet)
		}
	})
}
