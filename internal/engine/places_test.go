package engine_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// maxRequests is how many requests of a Cache are under way at most.
const maxRequests = 64

// A crowd counts the calls of a source that are under way at a time.
type crowd struct {
	secret.Source
	now, most atomic.Int64
}

func (s *crowd) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	n := s.now.Add(1)
	defer s.now.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	return s.Source.Fetch(ctx, ref)
}

// TestReadersOfManyColdSecretsMakeNoMoreThan64RequestsAtATime is about a source that hangs
// and readers that have little time.
func TestReadersOfManyColdSecretsMakeNoMoreThan64RequestsAtATime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const readers, patience = 20000, 5 * time.Millisecond
		s := serving()
		s.hang()
		source := &crowd{Source: s}
		c := open(t, source, engine.Config{Backoff: every(time.Millisecond)})
		read := func(round int) (heap uint64) {
			own := runtime.NumGoroutine()
			var waiting sync.WaitGroup
			for i := range readers {
				waiting.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					var err error
					if d := took(func() { _, err = c.Get(ctx, ref(nameOf(readers*round+i))) }); d > patience || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("after %v the error is %v", d, err)
					}
				})
			}
			time.Sleep(patience - 1) // all wait
			settle()
			if n := runtime.NumGoroutine() - own - readers; n > 2*maxRequests {
				t.Errorf("beside the readers' there are %d goroutines", n)
			}
			waiting.Wait()
			settle()
			if n := c.Entries(); n > maxRequests {
				t.Errorf("%d entries are left of readers that have gone", n)
			}
			var mem runtime.MemStats
			runtime.GC() // what this one finds to be weakly held only,
			runtime.GC() // this one frees
			runtime.ReadMemStats(&mem)
			return mem.HeapAlloc
		}
		before := read(0) // the runtime keeps its memory for the readers of the next round
		if after := read(1); after > before+4<<20 {
			t.Errorf("the heap has grown by %d bytes", after-before)
		}
		if n := source.most.Load(); n > maxRequests {
			t.Errorf("%d requests were under way at a time", n)
		}

		time.Sleep(engine.DefaultFetchTimeout + time.Second) // the requests under way have timed out
		s.set(func(s *service) { s.versions["new"] = "v1" })
		s.mend()
		if d := took(func() { wantGet(t, c, "new", "new v1") }); d > 2*time.Second {
			t.Errorf("no place was free, and no probe made, for %v", d)
		}
	})
}

// TestARefreshInTheBackgroundIsNotLostInTheQueue, though no reader waits for it.
func TestARefreshInTheBackgroundIsNotLostInTheQueue(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{TTL: time.Hour})
		get(t, c, "db")
		time.Sleep(time.Hour - time.Minute)
		occupy(t, s, c)
		wantGet(t, c, "db", "db v1") // due, so the refresh queues
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = c.Refresh(ctx, ref("db")) }()
		settle()
		cancel() // one that waited for the queued refresh leaves
		settle()
		s.mend()
		s.rotate("db", "v2")
		time.Sleep(engine.DefaultFetchTimeout)
		settle()
		if n := s.countOf()["db"]; n != 2 {
			t.Errorf("the source saw %d calls, want the second one for the refresh", n)
		}
		wantGet(t, c, "db", "db v2")
	})
}

// TestQueuedReadersAreServedInTheirOrder, when places become free.
func TestQueuedReadersAreServedInTheirOrder(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("first", "second", "third")
		for i := range maxRequests {
			s.versions[nameOf(i)] = "v1"
		}
		s.take(engine.DefaultFetchTimeout - time.Second)
		source := &crowd{Source: s}
		c := open(t, source, engine.Config{})
		for i := range maxRequests {
			held(t, c, nameOf(i))
			go func() { _, _ = c.Get(t.Context(), ref(nameOf(i))) }()
			time.Sleep(time.Millisecond) // so that the places become free one after the other
		}
		var mu sync.Mutex
		var served []string
		gone, leave := context.WithCancel(t.Context())
		held(t, c, "nobody's")
		go func() { _, _ = c.Get(gone, ref("nobody's")) }()
		settle()
		for _, id := range []string{"first", "second", "third"} {
			held(t, c, id)
			go func() {
				get(t, c, id)
				mu.Lock()
				defer mu.Unlock()
				served = append(served, id)
			}()
			settle()
		}
		leave()
		s.take(10 * time.Millisecond)
		time.Sleep(engine.DefaultFetchTimeout + time.Second)
		settle()
		if got := fmt.Sprint(served); got != "[first second third]" {
			t.Errorf("served were %s", got)
		}
		if n := s.countOf()["nobody's"]; n != 0 {
			t.Errorf("what nobody waits for any more was fetched %d times", n)
		}
		if n := source.most.Load(); n != maxRequests {
			t.Errorf("%d requests were under way at a time", n)
		}
	})
}

// occupy has slow requests take all places until one second before FetchTimeout.
func occupy(t *testing.T, s *service, c *engine.Cache) {
	s.set(func(s *service) {
		for i := range maxRequests {
			s.versions[nameOf(i)] = "v1"
		}
	})
	s.take(engine.DefaultFetchTimeout - time.Second)
	for i := range maxRequests {
		held(t, c, nameOf(i)) // requests for handles are not counted as those for unknown IDs are
		go func() { _, _ = c.Get(t.Context(), ref(nameOf(i))) }()
	}
	settle()
}

// held makes a handle's entry of an ID, for as long as the test runs.
func held(t *testing.T, c *engine.Cache, id string) {
	e, err := c.Entry(ref(id))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtime.KeepAlive(e) })
}

// halves is a source with two backends, told apart by the first letter of an ID. It counts the
// calls under way.
type halves struct {
	*service
	running, most atomic.Int64
	isUp          atomic.Bool // the backend a
}

func (*halves) Backend(ref secret.Ref) string { return ref.ID[:1] }

func (h *halves) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	n := h.running.Add(1)
	defer h.running.Add(-1)
	for most := h.most.Load(); n > most && !h.most.CompareAndSwap(most, n); most = h.most.Load() {
	}
	switch {
	case ref.ID[0] == 'b':
		<-ctx.Done()
		return secret.Value{}, ctx.Err()
	case !h.isUp.Load():
		return secret.Value{}, secret.ErrUnavailable
	}
	return h.service.Fetch(ctx, ref)
}

// TestAProbeNeedsAPlaceToo: one backend is down, and requests of another have all places.
func TestAProbeNeedsAPlaceToo(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &halves{service: serving("a1", "a2")}
		c := open(t, s, engine.Config{FetchTimeout: 20 * time.Second})
		wantErr(t, c, "a1", secret.ErrUnavailable)
		wantErr(t, c, "a2", secret.ErrUnavailable)
		var readers sync.WaitGroup
		for i := range 70 {
			e, err := c.Entry(ref(fmt.Sprint("b", i))) // other unknown IDs would have a pace
			if err != nil {
				t.Fatal(err)
			}
			readers.Go(func() { _, _ = e.Get(t.Context()) })
		}
		settle()
		s.isUp.Store(true)
		for _, id := range []string{"a1", "a2"} {
			readers.Go(func() { get(t, c, id) })
		}
		readers.Go(func() { _, _ = c.Refresh(t.Context(), ref("a2")) })
		readers.Wait()
		if n := s.most.Load(); n != 64 {
			t.Errorf("%d requests at a time", n)
		}
	})
}
