package engine_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// Values that StaleIfError refuses have to be fetched, and together.
func TestWhatMayNotBeServedStaleComesByFetchMany(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving("a", "b", "c")}
		c := open(t, s, engine.Config{
			TTL: time.Minute, Backoff: every(time.Second),
			StaleIfError: func(error, time.Duration) bool { return false },
		})
		ids := []string{"a", "b", "c"}
		for _, id := range ids {
			get(t, c, id)
		}
		time.Sleep(2 * time.Minute)
		s.fail(errDown)
		for _, id := range ids {
			wantErr(t, c, id, errDown)
		}
		s.mend()
		time.Sleep(2 * time.Second)
		before, waited := s.count(), 0
		_, errs := getAll(t.Context(), c, refs(ids...), func(context.Context) error { waited++; return nil })
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		if n := s.batches.Load(); n != 1 || s.count() != before || waited != 1 {
			t.Errorf("%d requests for many and %d single ones, %d waits; want 1, 0, 1", n, s.count()-before, waited)
		}
	})
}

// Not even by chance.
func TestGetAllWithADoneContextBeginsNoRequest(t *testing.T) {
	for name, ids := range map[string][]string{"many": {"a", "b", "c"}, "single": {"a"}, "what is kept": {"kept"}} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := &manyService{service: serving("a", "b", "c", "kept")}
				c := open(t, s, engine.Config{})
				get(t, c, "kept")
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				for range 50 {
					_, errs := getAll(ctx, c, refs(ids...), nil)
					for i, err := range errs {
						if ids[i] == "kept" && err != nil || ids[i] != "kept" && !errors.Is(err, context.Canceled) {
							t.Errorf("%s: %v", ids[i], err)
						}
					}
					settle()
				}
				if n := s.batches.Load(); n != 0 || s.lists != 0 || s.count() != 1 {
					t.Errorf("%d requests for many and %d single ones, want none but that of the secret kept", n, s.count())
				}
			})
		})
	}
}

// TestAReaderThatEndsItsGoroutineHasAnAnswerInGetAll: a Snapshot or an error, never
// neither.
func TestAReaderThatEndsItsGoroutineHasAnAnswerInGetAll(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{TTL: time.Minute, StaleIfError: func(error, time.Duration) bool {
			runtime.Goexit() // as a test's FailNow does
			return true
		}})
		get(t, c, "db")
		s.fail(errDown)
		time.Sleep(2 * time.Minute)
		if snaps, errs := getAll(t.Context(), c, refs("db"), nil); snaps[0] == nil && errs[0] == nil {
			t.Error("there is neither a Snapshot nor an error")
		}
	})
}

// pace returns a pace of one request an interval, the first at once.
func pace(interval time.Duration) func(context.Context) error {
	next := time.Now()
	return func(ctx context.Context) error {
		wait := time.After(time.Until(next))
		next = next.Add(interval)
		select {
		case <-wait:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
}

// The pace of a GetAll holds back no other reader.
func TestAReaderDoesNotWaitForARequestThatHasNotBegun(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving("a", "b", "c")}
		s.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) { s.requests(ctx, refs, answer, 1) }
		c := open(t, s, engine.Config{})
		done := make(chan []error)
		go func() {
			_, errs := getAll(t.Context(), c, refs("a", "b", "c"), pace(time.Minute))
			done <- errs
		}()
		settle()
		if waited := took(func() { get(t, c, "b") }); waited != 0 {
			t.Errorf("waited %v", waited)
		}
		if err := errors.Join(<-done...); err != nil {
			t.Error(err)
		}
		if n := s.batches.Load(); n != 2 || s.count() != 1 {
			t.Errorf("%d requests of GetAll and %d others, want 2 and 1", n, s.count())
		}
	})
}

// TestAGetAllWithoutAPaceDoesNotWaitForThatOfAnother which has listed some of the same secrets.
func TestAGetAllWithoutAPaceDoesNotWaitForThatOfAnother(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving("a", "b", "c", "d")}
		s.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) { s.requests(ctx, refs, answer, 1) }
		c := open(t, s, engine.Config{})
		go getAll(t.Context(), c, refs("a", "b", "c"), pace(time.Minute))
		settle()
		waited := took(func() {
			if _, errs := getAll(t.Context(), c, refs("b", "c", "d"), nil); errors.Join(errs...) != nil {
				t.Error(errs)
			}
		})
		if waited != 0 {
			t.Errorf("waited %v", waited)
		}
		time.Sleep(10 * time.Minute)
		if n := s.batches.Load(); n != 2 || s.count() != 2 {
			t.Errorf("%d requests of the two GetAll and %d others, want 2 for a and d and 2 for b and c", n, s.count())
		}
	})
}

func TestAGetAllThatIsCancelledBeginsNoFurtherRequest(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving("kept")}
		s.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) { s.requests(ctx, refs, answer, 1) }
		c := open(t, s, engine.Config{NoRefreshAhead: true})
		get(t, c, "kept")
		time.Sleep(2 * time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, errs := getAll(ctx, c, refs("a", "b", "kept"), pace(time.Minute))
		if errs[0] != nil || !errors.Is(errs[1], context.DeadlineExceeded) || errs[2] != nil {
			t.Errorf("%v", errs)
		}
		settle()
		if n := s.batches.Load(); n != 1 || s.count() != 2 {
			t.Errorf("%d requests for many and %d single ones, want one for a, and a second one for what is kept", n, s.count())
		}
		if snap, err := c.Lookup(t.Context(), ref("kept")); err != nil || snap.Expired() {
			t.Errorf("%v, %v: it was not refreshed in the background", snap, err)
		}
	})
}

// TestWhatWaitedForAProbeComesByFetchMany: after the outage the readers are listed again.
func TestWhatWaitedForAProbeComesByFetchMany(t *testing.T) {
	for name, row := range map[string]struct {
		interval time.Duration
		batches  int64
		takes    time.Duration // after the probe
	}{"at once": {0, 4, time.Second}, "at a pace": {10 * time.Second, 4, 30 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				all := refsOfMany(80)
				s := &manyService{service: servingMany(80)}
				s.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) { s.requests(ctx, refs, answer, 20) }
				c := open(t, s, engine.Config{})
				s.fail(secret.ErrUnavailable)
				wantErr(t, c, nameOf(0), secret.ErrUnavailable)
				wantErr(t, c, nameOf(1), secret.ErrUnavailable) // from now on the source is down
				s.mend()
				s.take(20 * time.Millisecond)
				var wait func(context.Context) error
				if row.interval > 0 {
					wait = pace(row.interval)
				}
				took := took(func() {
					if _, errs := getAll(t.Context(), c, all, wait); errors.Join(errs...) != nil {
						t.Error(errs)
					}
				})
				if n := s.batches.Load(); n != row.batches || s.count() != 3 {
					t.Errorf("%d requests for many and %d single ones, want %d and 3, of which the last is the probe", n, s.count(), row.batches)
				}
				if took > row.takes+2*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}
