package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/handletest"
)

// An account of a database is locked after a number of wrong logins in a row. A login takes
// 2 ms, and compares with the password at its end.
type account struct {
	mu       sync.Mutex // guards the fields below
	password string
	wrong    []time.Time
	inARow   int
	most     int // the most wrong logins in a row
}

const loginTime = 2 * time.Millisecond

func (a *account) set(password string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.password = password
}

// login is a function for Do.
func (a *account) login(ctx context.Context, password string) error {
	select {
	case <-time.After(loginTime):
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if password == a.password {
		a.inARow = 0
		return ctx.Err()
	}
	a.wrong = append(a.wrong, time.Now())
	a.inARow++
	a.most = max(a.most, a.inARow)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return typedsecret.Rejected(&handletest.Refusal{Code: "28P01"})
}

func (a *account) wrongLogins() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.wrong)
}

// A siege is a service whose goroutines log in again and again while the password changes.
type siege struct {
	*vault
	account *account
	handle  *typedsecret.Secret[string]
	failed  sync.Map // the errors, by their text
	stop    context.CancelFunc
	running sync.WaitGroup
}

// besiege runs a test with a siege in virtual time. The goroutines begin one after the
// other.
func besiege(t *testing.T, goroutines int, opts []typedsecret.Option, test func(t *testing.T, s *siege)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		const pace = 100 * time.Millisecond
		s := &siege{vault: rotating(), account: &account{password: "one"}}
		s.after(0, func(v *vault) { delete(v.stages, "AWSPENDING") })
		s.handle = typedsecret.New[string]("db", append(opts, typedsecret.WithCache(handletest.Open(t, s.vault, cache.Config{})))...)
		var ctx context.Context
		ctx, s.stop = context.WithCancel(t.Context())
		for n := range goroutines {
			s.running.Go(func() {
				time.Sleep(pace * time.Duration(n) / time.Duration(goroutines))
				for ctx.Err() == nil {
					if err := s.handle.Do(t.Context(), s.account.login); err != nil {
						s.failed.Store(err.Error(), err)
					}
					time.Sleep(pace)
				}
			})
		}
		time.Sleep(time.Second)
		test(t, s)
		s.end()
	})
}

func (s *siege) end() {
	s.stop()
	s.running.Wait()
}

// rotate changes the password, and moves AWSCURRENT at the end of the window.
func (s *siege) rotate(window time.Duration) {
	s.after(0, func(v *vault) { v.stages["AWSPENDING"] = "two" })
	s.account.set("two")
	time.Sleep(window)
	s.after(0, finishSecret)
}

func (s *siege) wantNoFailure(t *testing.T) {
	t.Helper()
	s.failed.Range(func(text, _ any) bool {
		t.Errorf("failed: %v", text)
		return true
	})
}

// TestWrongLoginsInTheWindowOfARotation counts wrong logins. Those that were under way at
// the first refusal are added to the limit.
func TestWrongLoginsInTheWindowOfARotation(t *testing.T) {
	for _, test := range []struct {
		name       string
		opts       []typedsecret.Option
		leftBehind bool // AWSPENDING belongs to an earlier rotation
		window     time.Duration
		most       int
		fails      bool
	}{
		{name: "by default", window: 2 * time.Second, most: 2 + 1},
		{name: "by default, a longer window", window: 8 * time.Second, most: 2 + 3},
		{name: "without a budget", opts: budget(0), window: 2 * time.Second, most: 2 + 1, fails: true},
		{name: "pending", opts: pending, window: 2 * time.Second, most: 2 + 1},
		{name: "pending, and that is wrong", opts: pending, leftBehind: true, window: 2 * time.Second, most: 2 + 2},
		{name: "a bound", opts: most(4), window: 2 * time.Second, most: 3},
		{name: "a bound, a longer window", opts: most(4), window: 8 * time.Second, most: 3},
		{name: "a bound, and no end of the window", opts: most(4), window: time.Minute, most: 3, fails: true},
		{name: "the lowest bound", opts: most(2), window: 2 * time.Second, most: 1},
		{name: "a bound without a budget", opts: append(most(4), budget(0)...), window: time.Minute, most: 3, fails: true},
		{name: "a bound, pending", opts: append(most(4), pending...), window: 2 * time.Second, most: 2 + 1},
		{name: "a bound, pending, and that is wrong", opts: append(most(4), pending...), leftBehind: true, window: 8 * time.Second, most: 3},
	} {
		for _, goroutines := range []int{1, 8, 64} {
			t.Run(fmt.Sprintf("%s/%d", test.name, goroutines), func(t *testing.T) {
				besiege(t, goroutines, test.opts, func(t *testing.T, s *siege) {
					if test.leftBehind {
						s.after(0, func(v *vault) { v.stages["AWSPENDING"] = "left behind" })
						s.account.set("two")
						time.Sleep(test.window)
						s.after(0, finishSecret)
					} else {
						s.rotate(test.window)
					}
					time.Sleep(time.Second + 100*time.Millisecond) // the secret is fetched once a second
					underWay := (goroutines*int(loginTime) + int(100*time.Millisecond) - 1) / int(100*time.Millisecond)
					if n := s.account.wrongLogins(); n > test.most+underWay-1 {
						t.Errorf("%d wrong logins, want %d at most", n, test.most+underWay-1)
					}
					s.wantPace(t, underWay)
					after := s.account.wrongLogins()
					time.Sleep(time.Second)
					if n := s.account.wrongLogins(); n != after {
						t.Errorf("%d wrong logins after the rotation", n-after)
					}
					if !test.fails {
						s.wantNoFailure(t)
					}
				})
			})
		}
	}
}

func most(n int) []typedsecret.Option {
	return []typedsecret.Option{typedsecret.WithMaxRejections(n)}
}

// wantPace checks that no second has more than two wrong logins. The underWay logins of the
// first refusal don't count.
func (s *siege) wantPace(t *testing.T, underWay int) {
	t.Helper()
	for i, first := range s.account.wrong {
		n := 0
		for _, at := range s.account.wrong[i:] {
			if at.Sub(first) < time.Second {
				n++
			}
		}
		if n > 2+underWay-1 {
			t.Errorf("%d wrong logins within a second", n)
		}
	}
}

// TestTheBoundHoldsForCallsThatBeginAtOnce, since all calls under way may be refused.
func TestTheBoundHoldsForCallsThatBeginAtOnce(t *testing.T) {
	for name, change := range map[string]func(s *siege){
		"a rotation":             func(s *siege) { s.rotate(5 * time.Second) },
		"a change by hand":       func(s *siege) { s.account.set("changed by hand"); time.Sleep(time.Minute) },
		"a replica that lags":    func(s *siege) { s.account.set("three"); s.after(0, finishSecret); time.Sleep(time.Minute) },
		"pending is left behind": func(s *siege) { s.after(0, func(v *vault) { v.stages["AWSPENDING"] = "x" }); s.rotate(time.Second) },
	} {
		for _, opts := range [][]typedsecret.Option{most(4), append(most(4), pending...), append(most(4), budget(0)...)} {
			t.Run(name, func(t *testing.T) {
				besiege(t, 0, opts, func(t *testing.T, s *siege) {
					var all sync.WaitGroup
					for range 64 {
						all.Go(func() {
							for range 20 {
								s.handle.Do(t.Context(), s.account.login)
								time.Sleep(loginTime)
							}
						})
					}
					time.Sleep(50 * time.Millisecond)
					change(s)
					all.Wait()
					if s.account.most > 4 {
						t.Errorf("%d wrong logins in a row", s.account.most)
					}
				})
			})
		}
	}
}

// TestAtTheBoundTheErrorSaysSoUntilTheSecretChanges: meanwhile the secret is fetched once a
// second.
func TestAtTheBoundTheErrorSaysSoUntilTheSecretChanges(t *testing.T) {
	inWindow(t, cache.Config{}, append(most(3), budget(0)...), func(t *testing.T, w *window) {
		for range 100 {
			took, err := w.do(t.Context())
			if took != 0 {
				t.Errorf("took %v", took)
			}
			handletest.WantRefused(t, err)
			time.Sleep(100 * time.Millisecond)
		}
		if n := w.count("AWSCURRENT"); n < 10 || n > 12 {
			t.Errorf("%d fetches in 10 s", n)
		}
		_, err := w.do(t.Context())
		const says = "version version-one was rejected 2 times; not tried again until the secret changes"
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, which should say %q", err, says)
		}
		w.after(0, finishSecret)
		time.Sleep(time.Second)
		took, err := w.do(t.Context())
		wantLetIn(t, took, err, 0, 0)
		w.db.WantTries(t, "one", "one", "two")
	})
}

// TestEachNewVersionIsTriedOnceBeyondTheBound: without that, no rotation could help.
func TestEachNewVersionIsTriedOnceBeyondTheBound(t *testing.T) {
	inWindow(t, handletest.Eager(), append(most(2), budget(0)...), func(t *testing.T, w *window) {
		w.db.Set("five")
		for _, version := range []string{"one", "two", "three", "four", "five"} {
			w.after(0, func(v *vault) { v.stages["AWSCURRENT"] = version })
			for range 3 {
				time.Sleep(handletest.Eager().MinRefreshInterval)
				w.do(t.Context())
			}
		}
		w.db.WantTries(t, "one", "two", "three", "four", "five", "five", "five")
	})
}

// TestABoundCountsWhatEndedWithItsContext: a call whose context ended counts as refused,
// while the version is known to be refused.
func TestABoundCountsWhatEndedWithItsContext(t *testing.T) {
	besiege(t, 0, most(4), func(t *testing.T, s *siege) {
		s.account.set("changed by hand")
		for n := range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), loginTime/2)
			if n == 0 {
				ctx, cancel = context.WithTimeout(t.Context(), 2*loginTime)
			}
			s.handle.Do(ctx, s.account.login)
			cancel()
			time.Sleep(10 * time.Second)
		}
		if s.account.most > 4 {
			t.Errorf("%d wrong logins in a row", s.account.most)
		}
	})
}

func TestABoundIsAtLeast2(t *testing.T) {
	for _, n := range []int{-1, 0, 1} {
		err := typedsecret.New[int]("k", most(n)...).Err()
		if !errors.Is(err, typedsecret.ErrInvalidConfig) || !strings.Contains(err.Error(), "must be at least 2") {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// TestAWaitForAPlaceEndsWithTheContext: it does not count as a refusal.
func TestAWaitForAPlaceEndsWithTheContext(t *testing.T) {
	besiege(t, 0, most(2), func(t *testing.T, s *siege) {
		hung := make(chan struct{})
		var first sync.WaitGroup
		first.Go(func() {
			s.handle.Do(t.Context(), func(context.Context, string) error {
				<-hung
				return nil
			})
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.handle.Do(ctx, s.account.login)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, typedsecret.ErrRejected) {
			t.Errorf("got %v", err)
		}
		close(hung)
		first.Wait()
		if err := s.handle.Do(t.Context(), s.account.login); err != nil {
			t.Error(err)
		}
	})
}
