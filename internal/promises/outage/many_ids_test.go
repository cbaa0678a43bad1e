package outage_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

var manyIDsFlag = flag.Int("health.ids", 1100, "how many IDs TestManyIDsThatFail reads")

// manyIDs reads n IDs once a second each for a minute, of a source that says err, and returns
// the calls of the first second and of all, and what they took.
func manyIDs(t *testing.T, n int, failure error) (first, all int, heap uint64, goroutines int) {
	synctest.Test(t, func(t *testing.T) {
		s := &judged{takes: 10 * time.Millisecond}
		c := caching(t, s, cache.Config{})
		for i := range 10 { // that are known and good
			if err := get(t, c, fmt.Sprint("id-", i)); err != nil {
				t.Fatal(err)
			}
		}
		s.set(always(failure))
		s.forget()
		var before, after uint64
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		// A reader waits for at most a second, so that there are n of them at a time.
		for second := range 60 {
			for i := range n {
				go func() {
					timed, cancel := context.WithTimeout(ctx, time.Second-time.Millisecond)
					defer cancel()
					c.Get(timed, secret.Ref{ID: fmt.Sprint("id-", i)})
				}()
			}
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			if second == 30 {
				goroutines = runtime.NumGoroutine()
			}
			time.Sleep(500 * time.Millisecond)
			synctest.Wait() // no reader is left, so what the heap has is the cache's
			switch second {
			case 20: // the runtime keeps its memory for the readers of the next rounds
				before = heapInUse()
			case 58:
				after = heapInUse()
			}
		}
		cancel()
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, at := range s.began {
			if all++; at.Sub(began) < time.Second {
				first++
			}
		}
		s.calls, s.began = nil, nil
		heap = after - min(before, after)
	})
	return first, all, heap, goroutines
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC() // what this one finds to be weakly held only,
	runtime.GC() // this one frees
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestManyIDsThatFail is case A2. With -health.ids=100000 it reads that many.
func TestManyIDsThatFail(t *testing.T) {
	for failure, most := range map[error]int{
		secret.ErrThrottled:   64 + 60*2,  // the pace that throttling leaves
		secret.ErrUnavailable: 64 + 60,    // the calls of one probe
		secret.ErrNotFound:    60*51 + 51, // 50 a second
	} {
		t.Run(failure.Error(), func(t *testing.T) {
			first, all, heap, goroutines := manyIDs(t, *manyIDsFlag, failure)
			t.Logf("%d IDs: %d calls in the first second, %d in a minute; heap +%d KiB, %d goroutines with the readers'", *manyIDsFlag, first, all, heap>>10, goroutines)
			if all > most {
				t.Errorf("%d calls, want at most %d", all, most)
			}
			if heap > 8<<20 {
				t.Errorf("the heap has grown by %d bytes", heap)
			}
			if goroutines > *manyIDsFlag+200 {
				t.Errorf("%d goroutines", goroutines)
			}
		})
	}
}
