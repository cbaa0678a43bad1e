package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

func TestAReaderJoinsARequestThatIsUnderWay(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving("a", "b")}
		s.request = func(ctx context.Context, refs []secret.Ref, answer answerFunc) error {
			time.Sleep(time.Second)
			return answerAll(ctx, refs, answer)
		}
		c := open(t, s, engine.Config{})
		go getAll(t.Context(), c, refs("a", "b"), nil)
		synctest.Wait()
		if d := took(func() { get(t, c, "a") }); d != time.Second {
			t.Errorf("the reader waited for %v", d)
		}
		if d := took(func() { c.Refresh(t.Context(), ref("b")) }); d != 0 {
			t.Errorf("the refresh took %v", d)
		}
		wantCalls(t, s.service, 1) // of the forced refresh
	})
}

func TestARequestAfterInvalidateIsForced(t *testing.T) {
	virtual(t, func(t *testing.T) {
		forced := false
		s := &manyService{service: serving()}
		s.request = func(ctx context.Context, refs []secret.Ref, answer answerFunc) error {
			forced = secret.IsForced(ctx)
			return answerAll(ctx, refs, answer)
		}
		c := open(t, s, engine.Config{})
		for _, want := range []bool{false, true} {
			if err := errors.Join(lookupAllErrs(c, t.Context(), "a", "b")...); err != nil {
				t.Error(err)
			}
			if forced != want {
				t.Errorf("IsForced is %v, want %v", forced, want)
			}
			for _, id := range []string{"a", "b"} {
				invalidate(t, c, id)
			}
		}
	})
}

// The value is as old as the request that brought it.
func TestASecondRequestForASecretDatesItsValue(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving()}
		s.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) {
			s.request = func(context.Context, []secret.Ref, answerFunc) error { return nil } // to be had by another
			s.requests(ctx, refs, answer)
			time.Sleep(5 * time.Second)
			s.request = nil
			s.requests(ctx, refs, answer)
		}
		c := open(t, s, engine.Config{TTL: time.Minute})
		snaps, errs := getAll(t.Context(), c, refs("a"), nil)
		if errs[0] != nil || snaps[0].Age() != 0 {
			t.Errorf("%v, %v old", errs[0], snaps[0].Age())
		}
	})
}

// An answer to a request that is not forced is none for a reader that asks after an Invalidate.
func TestASecondRequestIsNotThatOfAnInvalidate(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving("a")}
		s.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) {
			s.request = func(context.Context, []secret.Ref, answerFunc) error { return nil }
			s.requests(ctx, refs, answer)
			time.Sleep(time.Second)
			s.request = nil
			s.requests(ctx, refs, answer)
		}
		c := open(t, s, engine.Config{})
		go getAll(t.Context(), c, refs("a"), nil)
		time.Sleep(time.Second / 2)
		invalidate(t, c, "a")
		if waited := took(func() { wantGet(t, c, "a", "a v1") }); waited != time.Second/2 {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestARequestMayTakeAPartOfFetchTimeout(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving()}
		s.request = func(ctx context.Context, _ []secret.Ref, _ answerFunc) error { <-ctx.Done(); return ctx.Err() }
		s.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) {
			same := func(ref secret.Ref) []secret.Ref { return []secret.Ref{ref} }
			s.requests(secret.Via(secret.Via(ctx, 2, same), 5, same), refs, answer)
		}
		c := open(t, s, engine.Config{FetchTimeout: time.Minute})
		if waited := took(func() { lookupAllErrs(c, t.Context(), "a") }); waited != 6*time.Second {
			t.Errorf("the request took %v", waited)
		}
	})
}
