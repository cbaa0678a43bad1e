package rotation_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/handletest"
)

// TestACallThatIsRefusedAloneHoldsUpNoOther: another call tries at once. If that is
// accepted, all other calls go on.
func TestACallThatIsRefusedAloneHoldsUpNoOther(t *testing.T) {
	for name, test := range map[string]struct {
		refuse func(error) error
		most   time.Duration // the longest that a call with a function of 2 ms may take
	}{
		"for sure": {typedsecret.Rejected, 2 * loginTime},
		"perhaps":  {typedsecret.MaybeRejected, loginTime},
	} {
		t.Run(name, func(t *testing.T) {
			besiege(t, 0, nil, func(t *testing.T, s *siege) {
				bad := 0
				s.running.Go(func() {
					s.handle.Do(t.Context(), func(context.Context, string) error {
						bad++
						return test.refuse(&handletest.Refusal{})
					})
				})
				var slow atomic.Int64
				for range 8 {
					s.running.Go(func() {
						for range 1000 {
							began := time.Now()
							if err := s.handle.Do(t.Context(), s.account.login); err != nil {
								t.Error(err)
							}
							switch took := time.Since(began); {
							case took > test.most:
								t.Errorf("a call took %v", took)
							case took > loginTime:
								slow.Add(1)
							}
							time.Sleep(loginTime)
						}
					})
				}
				s.running.Wait()
				if slow.Load() > 16 || bad < 5 || bad > 20 {
					t.Errorf("%d calls had to wait; the other was tried %d times", slow.Load(), bad)
				}
			})
		})
	}
}

// TestAfterARotationACallThatIsRefusedAloneHoldsUpNoOther: the refusals of the earlier
// version don't count against the version that was accepted since.
func TestAfterARotationACallThatIsRefusedAloneHoldsUpNoOther(t *testing.T) {
	for name, opts := range map[string][]typedsecret.Option{"by default": nil, "with a bound": most(8)} {
		t.Run(name, func(t *testing.T) {
			besiege(t, 0, opts, func(t *testing.T, s *siege) {
				do := func() {
					t.Helper()
					began := time.Now()
					err := s.handle.Do(t.Context(), s.account.login)
					if took := time.Since(began); err != nil || took > 2*loginTime {
						t.Errorf("a call took %v: %v", took, err)
					}
				}
				do()
				s.rotate(0)
				do()
				for range 5 {
					time.Sleep(5 * time.Second)
					go s.handle.Do(t.Context(), func(context.Context, string) error { return typedsecret.Rejected(&handletest.Refusal{}) })
					synctest.Wait()
					do()
				}
			})
		})
	}
}

// TestACallThatIsAcceptedLetsAllGo: it happens after a rotation that was cancelled.
func TestACallThatIsAcceptedLetsAllGo(t *testing.T) {
	besiege(t, 0, nil, func(t *testing.T, s *siege) {
		s.account.set("two")
		began := time.Now()
		for range 64 {
			s.running.Go(func() {
				if err := s.handle.Do(t.Context(), s.account.login); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(2 * time.Second)
		s.account.set("one")
		s.running.Wait()
		if took := time.Since(began); took > 2500*time.Millisecond+6*loginTime {
			t.Errorf("the last was let in after %v", took)
		}
		if n := s.account.wrongLogins(); n > 64+1 {
			t.Errorf("%d wrong logins", n)
		}
	})
}

// TestANewVersionIsTriedByOneCallFirst: a replica that lags may not know it yet.
func TestANewVersionIsTriedByOneCallFirst(t *testing.T) {
	besiege(t, 8, nil, func(t *testing.T, s *siege) {
		s.account.set("nobody's")
		time.Sleep(2 * time.Second)
		before := s.account.wrongLogins()
		s.after(0, finishSecret)
		time.Sleep(1500 * time.Millisecond)
		if n := s.account.wrongLogins() - before; n > 2+1 { // two with the new version, and one more with the old one
			t.Errorf("the new version was tried %d times", n)
		}
		s.account.set("two")
		time.Sleep(3 * time.Second)
		s.wantNoFailure(t)
	})
}

// TestAPendingVersionThatBecomesCurrentIsTriedAtOnce, although it was refused before.
func TestAPendingVersionThatBecomesCurrentIsTriedAtOnce(t *testing.T) {
	for name, opts := range map[string][]typedsecret.Option{"by default": pending, "with a bound": append(most(4), pending...)} {
		t.Run(name, func(t *testing.T) {
			besiege(t, 0, opts, func(t *testing.T, s *siege) {
				s.after(0, func(v *vault) { v.stages["AWSPENDING"] = "two" })
				s.account.set("nobody's yet")
				began := time.Now()
				for range 8 {
					s.running.Go(func() {
						if err := s.handle.Do(t.Context(), s.account.login); err != nil {
							t.Error(err)
						}
					})
				}
				time.Sleep(5500 * time.Millisecond) // ends within a pause
				s.account.set("two")
				s.after(0, finishSecret)
				s.running.Wait()
				if took := time.Since(began); took > 7500*time.Millisecond {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestAfterABudgetThatEndedInVainCallsReturnAtOnce: they do so until there is a new
// version, or until some time has passed.
func TestAfterABudgetThatEndedInVainCallsReturnAtOnce(t *testing.T) {
	inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
		if took, err := w.do(t.Context()); took != typedsecret.DefaultRetryBudget {
			t.Errorf("the first took %v: %v", took, err)
		}
		fetches, tries := w.count("AWSCURRENT"), len(w.db.Tried())
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			took, err := w.do(t.Context())
			handletest.WantRefused(t, err)
			if took != 0 {
				t.Errorf("another took %v", took)
			}
		}
		if n := w.count("AWSCURRENT") - fetches; n < 59 || n > 61 {
			t.Errorf("%d fetches in a minute", n)
		}
		if n := len(w.db.Tried()) - tries; n < 3 || n > 6 {
			t.Errorf("%d tries in a minute", n)
		}
		w.after(0, finishSecret)
		time.Sleep(time.Second)
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 0, 0)
	})
	t.Run("and a while later they wait again", func(t *testing.T) {
		inWindow(t, cache.Config{}, nil, func(t *testing.T, w *window) {
			w.do(t.Context())
			time.Sleep(2 * time.Minute)
			w.after(2*time.Second, finishSecret)
			took, err := w.do(t.Context())
			wantLetIn(t, took, err, 2*time.Second, 3*time.Second)
		})
	})
}

// TestACallThatPanicsHoldsUpNoOther: other calls get its turn and its place.
func TestACallThatPanicsHoldsUpNoOther(t *testing.T) {
	for name, opts := range map[string][]typedsecret.Option{"its turn": nil, "its place": most(2)} {
		t.Run(name, func(t *testing.T) {
			inWindow(t, cache.Config{}, opts, func(t *testing.T, w *window) {
				ctx, cancel := context.WithCancel(t.Context())
				if opts == nil {
					w.handle.Do(ctx, func(context.Context, string) error {
						cancel()
						return typedsecret.Rejected(&handletest.Refusal{})
					})
				}
				cancel()
				func() {
					defer func() { recover() }()
					w.handle.Do(t.Context(), func(context.Context, string) error { panic("broken") })
				}()
				w.db.Set("one")
				took, err := w.do(t.Context())
				wantLetIn(t, took, err, 0, 0)
			})
		})
	}
}

// TestAHangingCallKeepsTheOthersForASecond: they wait that long if the hanging call is the
// one that tries a new version.
func TestAHangingCallKeepsTheOthersForASecond(t *testing.T) {
	inWindow(t, handletest.Eager(), nil, func(t *testing.T, w *window) {
		hung := make(chan struct{})
		var first sync.WaitGroup
		first.Go(func() {
			w.handle.Do(t.Context(), func(_ context.Context, password string) error {
				if password == "one" {
					w.after(0, finishSecret)
					return typedsecret.Rejected(&handletest.Refusal{})
				}
				<-hung
				return nil
			})
		})
		synctest.Wait()
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, time.Second, time.Second)
		close(hung)
		first.Wait()
	})
}

// TestRefusedCallsOfAllPoolsCountTogether, since the pools share the account.
func TestRefusedCallsOfAllPoolsCountTogether(t *testing.T) {
	besiege(t, 0, nil, func(t *testing.T, s *siege) {
		s.account.set("changed by hand")
		for pool := range 4 {
			s.running.Go(func() {
				time.Sleep(time.Duration(pool) * 3 * loginTime)
				handletest.WantRefused(t, s.handle.Do(t.Context(), s.account.login))
			})
		}
		s.running.Wait()
		if n := s.account.wrongLogins(); n > 6 {
			t.Errorf("%d wrong logins in 10 s", n)
		}
	})
}
