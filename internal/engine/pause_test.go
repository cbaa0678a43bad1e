package engine_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// busiest is a Source that notes how many of its calls for one ID ran at a time.
type busiest struct {
	*service
	now, most map[string]int
}

func (b *busiest) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	b.set(func(*service) {
		b.now[ref.ID]++
		b.most[ref.ID] = max(b.most[ref.ID], b.now[ref.ID])
	})
	defer b.set(func(*service) { b.now[ref.ID]-- })
	return b.service.Fetch(ctx, ref)
}

// TestASecretThatIsEvictedWhileARefreshWaitsHasOneFetchAtATime: the fetch that begins at the
// end of MinRefreshInterval is that of all who ask for the secret then.
func TestASecretThatIsEvictedWhileARefreshWaitsHasOneFetchAtATime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := &busiest{serving("a", "b"), map[string]int{}, map[string]int{}}
		c := open(t, b, engine.Config{MaxSize: 1})
		refresh(t, c, "a", "a v1")
		go c.Refresh(t.Context(), ref("a")) // a second from now
		settle()
		get(t, c, "b")
		b.take(3 * time.Second)
		go c.Get(t.Context(), ref("a"))
		time.Sleep(2 * time.Second)
		settle()
		b.rotate("a", "v2")
		time.Sleep(time.Second)
		wantGet(t, c, "a", "a v1")
		time.Sleep(5 * time.Second)
		b.set(func(*service) {
			if b.most["a"] != 1 {
				t.Errorf("%d fetches at a time", b.most["a"])
			}
		})
		if n := c.Entries(); n != 1 {
			t.Errorf("%d entries", n)
		}
	})
}

// TestInvalidateOfWhatIsRefusedIsNotForgottenByReaders: the fetch that it asks for begins
// when the back-off of forced fetches is over, and not at the end of the refusal's.
func TestInvalidateOfWhatIsRefusedIsNotForgottenByReaders(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{Backoff: every(30 * time.Minute)})
		get(t, c, "db")
		s.fail(secret.ErrAccessDenied)
		invalidate := func() {
			if err := c.Invalidate(ref("db")); err != nil {
				t.Fatal(err)
			}
			wantGet(t, c, "db", "db v1")
		}
		invalidate()
		time.Sleep(500 * time.Millisecond)
		invalidate()
		s.mend()
		s.rotate("db", "v2")
		if quiet := entryOf(c, ref("db")).Quiet(); quiet > time.Second {
			t.Errorf("Quiet says %v", quiet)
		}
		for range 8 {
			time.Sleep(100 * time.Millisecond)
			get(t, c, "db")
		}
		wantGet(t, c, "db", "db v2")
	})
}

// TestAForcedFetchThatNeverBeganIsNoReasonToWait: nobody waited for it any more before there
// was a place for it.
func TestAForcedFetchThatNeverBeganIsNoReasonToWait(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{MinRefreshInterval: 8 * time.Second})
		occupy(t, s, c)
		time.Sleep(8500 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		e := entryOf(c, ref("db"))
		if _, err := e.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		s.mend()
		time.Sleep(time.Second)
		began := time.Now()
		if _, err := e.Refresh(t.Context()); err != nil || time.Since(began) > 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestAFetchThatIsGivenUpIsTold: who sleeps until it ends would sleep for ever.
func TestAFetchThatIsGivenUpIsTold(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.hang()
		c := open(t, s, engine.Config{})
		for i := range 64 {
			go c.Get(t.Context(), ref(nameOf(i)))
		}
		settle()
		e := entryOf(c, ref("db"))
		changed := make(chan struct{}, 1)
		defer e.Notify(changed)()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go e.Get(ctx)
		settle()
		if e.Quiet() < time.Hour {
			t.Fatal("no fetch is under way")
		}
		select {
		case <-changed:
		case <-time.After(time.Minute):
			t.Error("nothing was told")
		}
	})
}

// A quitter is an Observer that ends its goroutine at a Fetched event.
type quitter struct{}

func (quitter) Observe(_ context.Context, e hook.Event) {
	if _, is := e.(hook.Fetched); is {
		runtime.Goexit()
	}
}

// TestWhatIsInvalidatedInAFetchIsFetchedAgain: also if the observer ends its goroutine.
func TestWhatIsInvalidatedInAFetchIsFetchedAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.take(100 * time.Millisecond)
		c := open(t, s, engine.Config{Observer: quitter{}})
		go c.Get(t.Context(), ref("db"))
		settle()
		if err := c.Invalidate(ref("db")); err != nil {
			t.Fatal(err)
		}
		s.rotate("db", "v2")
		wantGet(t, c, "db", "db v2")
	})
}

// TestTheReadersInOneIntervalAreToldOfOnce: each of them looks, and gets the value that Invalidate was
// called for.
func TestTheReadersInOneIntervalAreToldOfOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, j := serving("db"), &observed.Journal{}
		c := open(t, s, engine.Config{MinRefreshInterval: time.Hour, CheckClock: true, Observer: j})
		get(t, c, "db")
		invalidate(t, c, "db")
		get(t, c, "db") // begins an interval
		for round := range 3 {
			invalidate(t, c, "db")
			for range 20 {
				get(t, c, "db")
			}
			if n := len(observed.Of[hook.ServedStale](j)); n != round+1 {
				t.Errorf("%d events in %d intervals", n, round+1)
			}
			time.Sleep(time.Hour) // the fetch begins another interval
			settle()
		}
	})
}
