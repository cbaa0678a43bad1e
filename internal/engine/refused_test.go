package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// refusedFor is what a source may refuse a secret with, and the longest delay after it.
var refusedFor = map[string]struct {
	err     error
	longest time.Duration
}{
	"denied":        {fmt.Errorf("%w: GetSecretValue", secret.ErrAccessDenied), time.Minute},
	"undecryptable": {fmt.Errorf("%w: key disabled", secret.ErrDecryption), time.Minute},
	"not found":     {secret.ErrNotFound, 5 * time.Minute},
}

// afterRefusals tests what works once a source that has refused a secret for three hours gives
// it: at a start, and of a secret that has a last good value.
func afterRefusals(t *testing.T, test func(t *testing.T, s *service, c *engine.Cache, longest time.Duration)) {
	t.Helper()
	for name, refusal := range refusedFor {
		for _, isKnown := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, known %v", name, isKnown), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					s := serving("db")
					c := open(t, s, engine.Config{})
					if isKnown {
						get(t, c, "db")
						s.rotate("db", "v2")
					}
					s.fail(refusal.err)
					for range 3 * 60 * 60 { // read once a second
						_, _ = c.Get(t.Context(), ref("db"))
						time.Sleep(time.Second)
					}
					s.rotate("db", "v3")
					s.mend()
					test(t, s, c, refusal.longest)
				})
			})
		}
	}
}

func TestRefreshWorksAtOnceWhenARefusalIsOver(t *testing.T) {
	afterRefusals(t, func(t *testing.T, _ *service, c *engine.Cache, _ time.Duration) {
		if v, err := c.Refresh(t.Context(), ref("db")); err != nil || v.Payload.Reveal() != "db v3" {
			t.Errorf("Refresh: %q, %v", v.Payload.Reveal(), err)
		}
		wantGet(t, c, "db", "db v3")
	})
}

func TestInvalidateWorksAtOnceWhenARefusalIsOver(t *testing.T) {
	afterRefusals(t, func(t *testing.T, _ *service, c *engine.Cache, _ time.Duration) {
		if err := c.Invalidate(ref("db")); err != nil {
			t.Error(err)
		}
		wantGet(t, c, "db", "db v3")
	})
}

func TestGetWorksSoonWhenARefusalIsOver(t *testing.T) {
	afterRefusals(t, func(t *testing.T, _ *service, c *engine.Cache, longest time.Duration) {
		if d := took(func() {
			for v, _ := c.Get(t.Context(), ref("db")); v.Payload.Reveal() != "db v3"; v, _ = c.Get(t.Context(), ref("db")) {
				time.Sleep(time.Second)
			}
		}); d > longest {
			t.Errorf("it took %v", d)
		}
	})
}

func TestInvalidateOfASecretThatDidNotExistMakesTheNextGetFetch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving()
		c := open(t, s, engine.Config{Backoff: never})
		wantErr(t, c, "tenant/7", secret.ErrNotFound)
		s.rotate("tenant/7", "v1") // it is made
		wantErr(t, c, "tenant/7", secret.ErrNotFound)
		if err := c.Invalidate(ref("tenant/7")); err != nil {
			t.Error(err)
		}
		wantGet(t, c, "tenant/7", "tenant/7 v1")
		wantCalls(t, s, 2)
	})
}

// TestTheUsersOwnBackOffGrowsFrom1SecondTo30 where the secret is refused again and again.
func TestTheUsersOwnBackOffGrowsFrom1SecondTo30(t *testing.T) {
	for name, ask := range map[string]func(ctx context.Context, c *engine.Cache){
		"Refresh": func(ctx context.Context, c *engine.Cache) { _, _ = c.Refresh(ctx, ref("db")) },
		"Invalidate": func(ctx context.Context, c *engine.Cache) {
			_ = c.Invalidate(ref("db"))
			_, _ = c.Get(ctx, ref("db"))
		},
	} {
		for _, isKnown := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, known %v", name, isKnown), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					s := serving("db")
					c := open(t, s, engine.Config{Backoff: never})
					if isKnown {
						get(t, c, "db")
						time.Sleep(time.Minute)
						s.set(func(s *service) { s.calls = nil })
					}
					s.fail(secret.ErrAccessDenied)
					for range 3 * 60 * 10 {
						ask(t.Context(), c)
						time.Sleep(100 * time.Millisecond)
					}
					var between []time.Duration
					for i, call := range s.calls[1:] {
						between = append(between, call.began.Sub(s.calls[i].began).Round(time.Second))
					}
					if got := fmt.Sprint(between); got != "[1s 2s 4s 8s 16s 30s 30s 30s 30s]" {
						t.Errorf("between the calls lie %s", got)
					}
				})
			})
		}
	}
}

// TestAnErrorOfTheUsersOwnBackOffSaysWhenThatIsOver, and not when the source's is.
func TestAnErrorOfTheUsersOwnBackOffSaysWhenThatIsOver(t *testing.T) {
	for name, ask := range map[string]func(ctx context.Context, c *engine.Cache) error{
		"Refresh": func(ctx context.Context, c *engine.Cache) error {
			_, err := c.Refresh(ctx, ref("db"))
			return err
		},
		"Invalidate": func(ctx context.Context, c *engine.Cache) error {
			if err := c.Invalidate(ref("db")); err != nil {
				return err
			}
			_, err := c.Get(ctx, ref("db"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving()
				s.fail(secret.ErrAccessDenied)
				c := open(t, s, engine.Config{Backoff: every(time.Minute)})
				for range 2 { // refused; from now on by the user's own back-off of 2 s
					_ = ask(t.Context(), c)
					time.Sleep(time.Second)
				}
				calls := s.count()
				err := ask(t.Context(), c)
				failed, ok := errors.AsType[*secret.Error](err)
				if !ok || !errors.Is(failed, secret.ErrAccessDenied) || failed.RetryIn != 2*time.Second {
					t.Errorf("%v, in %v", failed, failed.RetryIn)
				}
				if again := ask(t.Context(), c); again != err {
					t.Errorf("Watch would tell of %v as of another failure", again)
				}
				wantErr(t, c, "db", secret.ErrAccessDenied)
				wantCalls(t, s, calls)
			})
		})
	}
}

// TestAnInvalidateWaitsForNoMoreThanItsOwnBackOff in a cache whose own delay is longer, though
// the last good value is read all the while.
func TestAnInvalidateWaitsForNoMoreThanItsOwnBackOff(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{Backoff: never})
		get(t, c, "db")
		time.Sleep(time.Minute)
		s.fail(secret.ErrAccessDenied)
		for range 2 { // the second one comes within the delay of the first
			if err := c.Invalidate(ref("db")); err != nil {
				t.Error(err)
			}
			wantGet(t, c, "db", "db v1")
		}
		s.rotate("db", "v2")
		s.mend()
		e := entryOf(c, ref("db"))
		if quiet := e.Quiet(); quiet <= 0 || quiet > time.Second {
			t.Errorf("Watch would look in %v", quiet)
		}
		for range 20 {
			get(t, c, "db")
			time.Sleep(engine.Tick)
		}
		wantGet(t, c, "db", "db v2")
	})
}

// TestWhatAsksAgainAndAgainKeepsTheBackOffOfARefusal, as Do and pools do.
func TestWhatAsksAgainAndAgainKeepsTheBackOffOfARefusal(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{Backoff: every(time.Minute)})
		get(t, c, "db")
		time.Sleep(time.Minute)
		s.fail(secret.ErrAccessDenied)
		for range 600 {
			if _, err := c.LookupRecent(t.Context(), ref("db")); !errors.Is(err, secret.ErrAccessDenied) {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		wantCalls(t, s, 1+10)
	})
}

// TestTheUsersRefreshIsHeldBackByNoOtherFetchOfARefusedSecret: by none of those that Do asks
// for, and by none that follows the delays, forced as they may be.
func TestTheUsersRefreshIsHeldBackByNoOtherFetchOfARefusedSecret(t *testing.T) {
	for name, ask := range map[string]func(ctx context.Context, c *engine.Cache) error{
		"of Do": func(ctx context.Context, c *engine.Cache) error {
			_, err := c.LookupRecent(ctx, ref("db"))
			return err
		},
		"of Get": func(ctx context.Context, c *engine.Cache) error {
			_, err := c.Get(ctx, ref("db"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db")
				s.fail(secret.ErrAccessDenied)
				c := open(t, s, engine.Config{Backoff: every(time.Minute)})
				_, _ = c.Refresh(t.Context(), ref("db")) // from now on all fetches are forced
				for range 10*60 + 20 {
					if err := ask(t.Context(), c); !errors.Is(err, secret.ErrAccessDenied) {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
				}
				s.mend()
				wantErr(t, c, "db", secret.ErrAccessDenied)
				if v, err := c.Refresh(t.Context(), ref("db")); err != nil || v.Payload.Reveal() != "db v1" {
					t.Errorf("Refresh: %q, %v", v.Payload.Reveal(), err)
				}
			})
		})
	}
}

// TestARefreshOfAServiceThatCantAnswerKeepsTheBackOff, since the source is not asked more for
// the asking.
func TestARefreshOfAServiceThatCantAnswerKeepsTheBackOff(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.fail(secret.ErrUnavailable)
		c := open(t, s, engine.Config{Backoff: every(time.Minute)})
		for range 60 {
			if _, err := c.Refresh(t.Context(), ref("db")); !errors.Is(err, secret.ErrUnavailable) {
				t.Fatal(err)
			}
			if err := c.Invalidate(ref("db")); err != nil {
				t.Error(err)
			}
			wantErr(t, c, "db", secret.ErrUnavailable)
			time.Sleep(time.Second)
		}
		wantCalls(t, s, 1)
	})
}
