package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

type answerFunc = func(secret.Ref, secret.Value, error)

// manyService is a service that fetches all that it is asked for by one request, as the test says.
type manyService struct {
	*service
	asked   []secret.Ref // by the last FetchMany
	lists   int
	batches atomic.Int64
	many    func(ctx context.Context, refs []secret.Ref, answer answerFunc)       // nil: one request
	request func(ctx context.Context, refs []secret.Ref, answer answerFunc) error // nil: answers
}

func (m *manyService) FetchMany(ctx context.Context, refs []secret.Ref, answer answerFunc) {
	m.set(func(*service) { m.asked, m.lists = refs, m.lists+1 })
	if m.many != nil {
		m.many(ctx, refs, answer)
		return
	}
	m.requests(ctx, refs, answer)
}

// requests makes one request for all, or those of at most n.
func (m *manyService) requests(ctx context.Context, refs []secret.Ref, answer answerFunc, n ...int) {
	secret.MakeRequests(ctx, slices.Chunk(refs, append(n, len(refs))[0]), answer, func(ctx context.Context, refs []secret.Ref) error {
		m.batches.Add(1)
		if m.request == nil {
			return answerAll(ctx, refs, answer)
		}
		return m.request(ctx, refs, answer)
	})
}

func answerAll(_ context.Context, refs []secret.Ref, answer answerFunc) error {
	for _, ref := range refs {
		answer(ref, valueOf(ref), nil)
	}
	return nil
}

func valueOf(ref secret.Ref) secret.Value {
	return secret.Value{Payload: secret.StringPayload("v1 of " + ref.ID), VersionID: "v1"}
}

func TestWhateverARequestDoesEachSecretHasItsAnswer(t *testing.T) {
	strange := errors.New("no such operation")
	all := func(err error) func(context.Context, []secret.Ref, answerFunc) error {
		return func(context.Context, []secret.Ref, answerFunc) error { return err }
	}
	for name, row := range map[string]struct {
		request func(ctx context.Context, refs []secret.Ref, answer answerFunc) error
		errs    [3]error // of a, b and c
	}{
		"answers": {answerAll, [3]error{}},
		"answers from elsewhere, backwards": {func(_ context.Context, refs []secret.Ref, answer answerFunc) error {
			done := make(chan struct{})
			go func() {
				defer close(done)
				for _, ref := range slices.Backward(refs) {
					answer(ref, valueOf(ref), nil)
				}
			}()
			<-done
			return nil
		}, [3]error{}},
		"fails for one": {func(_ context.Context, refs []secret.Ref, answer answerFunc) error {
			answer(refs[1], secret.Value{}, secret.ErrAccessDenied)
			answer(refs[0], valueOf(refs[0]), nil)
			answer(refs[2], valueOf(refs[2]), nil)
			return nil
		}, [3]error{1: secret.ErrAccessDenied}},
		"answers twice, and about others": {func(_ context.Context, refs []secret.Ref, answer answerFunc) error {
			answer(ref("other"), valueOf(ref("other")), nil)
			for _, ref := range refs {
				answer(ref, valueOf(ref), nil)
				answer(ref, secret.Value{}, secret.ErrAccessDenied)
			}
			return secret.ErrAccessDenied
		}, [3]error{}},
		"fails after an answer": {func(_ context.Context, refs []secret.Ref, answer answerFunc) error {
			answer(refs[0], valueOf(refs[0]), nil)
			return strange
		}, [3]error{1: strange, 2: strange}},
		"leaves two out": {func(_ context.Context, refs []secret.Ref, answer answerFunc) error {
			answer(refs[0], valueOf(refs[0]), nil)
			return nil
		}, [3]error{1: secret.ErrUnavailable, 2: secret.ErrUnavailable}},
		"panics": {func(_ context.Context, refs []secret.Ref, answer answerFunc) error {
			answer(refs[0], valueOf(refs[0]), nil)
			panic("request")
		}, [3]error{1: engine.ErrPanic, 2: engine.ErrPanic}},
		"ends its goroutine": {func(_ context.Context, refs []secret.Ref, answer answerFunc) error {
			answer(refs[0], valueOf(refs[0]), nil)
			runtime.Goexit()
			return nil
		}, [3]error{1: engine.ErrPanic, 2: engine.ErrPanic}},
		"is denied":                     {all(secret.ErrAccessDenied), [3]error{secret.ErrAccessDenied, secret.ErrAccessDenied, secret.ErrAccessDenied}},
		"fails with what panics itself": {all((*fs.PathError)(nil)), [3]error{engine.ErrPanic, engine.ErrPanic, engine.ErrPanic}},
		"hangs": {func(ctx context.Context, refs []secret.Ref, answer answerFunc) error {
			answer(refs[0], valueOf(refs[0]), nil)
			<-ctx.Done()
			return ctx.Err()
		}, [3]error{1: secret.ErrTimeout, 2: secret.ErrTimeout}},
		"does not see that its context is done": {func(_ context.Context, refs []secret.Ref, answer answerFunc) error {
			time.Sleep(time.Minute)
			return answerAll(context.Background(), refs, answer)
		}, [3]error{secret.ErrTimeout, secret.ErrTimeout, secret.ErrTimeout}},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := &manyService{service: serving("a", "b", "c"), request: row.request}
				c := open(t, s, engine.Config{})
				var snaps []*engine.Snapshot
				var errs []error
				waited := took(func() { snaps, errs = getAll(t.Context(), c, refs("a", "b", "c", "a"), nil) })
				if most := engine.DefaultFetchTimeout + time.Second; waited > most {
					t.Errorf("it took %v", waited)
				}
				for i, want := range append(row.errs[:], row.errs[0]) {
					if err := errs[i]; (snaps[i] == nil) != (want != nil) || !errors.Is(err, want) {
						t.Errorf("secret %d: %v, %v, want the error %v", i, snaps[i], err, want)
					}
				}
				if n := s.batches.Load(); n != 1 || s.count() != 0 {
					t.Errorf("%d requests and %d single ones, want 1 and 0", n, s.count())
				}
				time.Sleep(time.Minute) // for one that does not see that its context is done
			})
		})
	}
}

func TestAFetchManyThatBreaksOffFailsForWhatItHasNotAnswered(t *testing.T) {
	for name, row := range map[string]struct {
		many func(m *manyService, ctx context.Context, refs []secret.Ref, answer answerFunc)
		err  error // of b
	}{
		"asks for no more":   {func(*manyService, context.Context, []secret.Ref, answerFunc) {}, secret.ErrUnavailable},
		"panics":             {func(*manyService, context.Context, []secret.Ref, answerFunc) { panic("many") }, engine.ErrPanic},
		"ends its goroutine": {func(*manyService, context.Context, []secret.Ref, answerFunc) { runtime.Goexit() }, engine.ErrPanic},
		"asks for what is kept": {func(m *manyService, ctx context.Context, _ []secret.Ref, answer answerFunc) {
			m.requests(ctx, []secret.Ref{{ID: "kept", Stage: "AWSCURRENT"}, {ID: "other"}}, answer)
		}, secret.ErrUnavailable},
		"answers when it has returned": {func(m *manyService, ctx context.Context, refs []secret.Ref, answer answerFunc) {
			time.AfterFunc(time.Second, func() { answerAll(ctx, refs, answer) })
		}, secret.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				m := &manyService{service: serving("a", "b", "kept")}
				m.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) {
					m.requests(ctx, refs[:1], answer)
					row.many(m, ctx, refs[1:], answer)
				}
				c := open(t, m, engine.Config{Backoff: never})
				get(t, c, "kept")
				snaps, errs := getAll(t.Context(), c, refs("a", "b", "kept"), nil)
				if errs[0] != nil || errs[2] != nil || snaps[1] != nil || !errors.Is(errs[1], row.err) {
					t.Errorf("got %v", errs)
				}
				time.Sleep(time.Minute)
				wantErr(t, c, "b", row.err) // within the back-off
			})
		})
	}
}

func TestAnAnswerEndsItsFetchWhateverBecomesOfTheOthers(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving()}
		s.request = func(ctx context.Context, refs []secret.Ref, answer answerFunc) error {
			for _, ref := range refs {
				time.Sleep(time.Second)
				answer(ref, valueOf(ref), nil)
			}
			return nil
		}
		c := open(t, s, engine.Config{})
		go getAll(t.Context(), c, refs("a", "b", "c"), nil)
		settle()
		for _, id := range []string{"a", "b", "c"} {
			if waited := took(func() { wantGet(t, c, id, "v1 of "+id) }); waited != time.Second {
				t.Errorf("the reader of %s waited for %v", id, waited)
			}
		}
	})
}

func TestAllThatHasToBeFetchedIsInOneList(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving("kept")}
		c := open(t, s, engine.Config{})
		get(t, c, "kept")
		want := append(refs("a", "b"), secret.Ref{ID: "c", Stage: "AWSPREVIOUS"}, secret.Ref{ID: "d", VersionID: "00000000-0000-4000-8000-000000000000"})
		for i := range 100 {
			want = append(want, ref(nameOf(i)))
		}
		_, errs := getAll(t.Context(), c, append(want, refs("a", "kept")...), nil)
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		for i := range want {
			if want[i].Stage == "" && want[i].VersionID == "" {
				want[i].Stage = "AWSCURRENT"
			}
		}
		if !slices.Equal(s.asked, want) || s.lists != 1 {
			t.Errorf("the last of %d lists has %v", s.lists, s.asked)
		}
	})
}

func TestASourceWithoutFetchManyIsAskedForEach(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, all := servingMany(200), refsOfMany(200)
		s.take(time.Second)
		c := open(t, s, engine.Config{})
		go getAll(t.Context(), c, all, nil)
		for i, want := range []int{64, 128, 192, 200} {
			settle()
			if n := s.count(); n != want {
				t.Errorf("%d requests after %d s, want %d", n, i, want)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestTheHookStoresWhatFetchManyBrings(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := open(t, &manyService{service: serving("a", "b")}, engine.Config{Hook: failingFor("b")})
		snaps, errs := getAll(t.Context(), c, refs("a", "b"), nil)
		if errs[0] != nil || !errors.Is(errs[1], engine.ErrHook) {
			t.Fatalf("got %v", errs)
		}
		if v, err := snaps[0].Value(t.Context()); err != nil || v.Payload.Reveal() != "v1 of a" {
			t.Errorf("%v: %q", err, v.Payload.Reveal())
		}
	})
}

func TestCloseEndsAFetchMany(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving(), request: func(ctx context.Context, _ []secret.Ref, _ answerFunc) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		c := open(t, s, engine.Config{})
		done := make(chan []error)
		go func() {
			_, errs := getAll(t.Context(), c, refs("a", "b"), nil)
			done <- errs
		}()
		synctest.Wait()
		if d := took(func() { c.Close() }); d != 0 {
			t.Errorf("Close took %v", d)
		}
		for _, err := range append(<-done, lookupAllErrs(c, t.Context(), "a")...) {
			if !errors.Is(err, engine.ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func lookupAllErrs(c *engine.Cache, ctx context.Context, ids ...string) []error {
	_, errs := getAll(ctx, c, refs(ids...), nil)
	return errs
}

func TestFetchManyWithoutACache(t *testing.T) {
	for _, source := range []secret.Source{serving("a", "b"), &manyService{service: serving("a", "b")}} {
		var mu sync.Mutex // guards got
		got := map[secret.Ref]bool{}
		secret.FetchMany(t.Context(), source, refs("a", "b"), func(ref secret.Ref, v secret.Value, err error) {
			if err != nil || v.VersionID != "v1" {
				t.Errorf("%v: %+v, %v", ref, v, err)
			}
			mu.Lock()
			defer mu.Unlock()
			got[ref] = true
		})
		if len(got) != 2 {
			t.Errorf("%T: %v", source, fmt.Sprint(got))
		}
	}
}
