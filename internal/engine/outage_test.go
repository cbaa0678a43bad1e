package engine_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// wantSpacing checks that no fetch began before the delay announced by the
// failure before it was over.
func wantSpacing(t *testing.T, s *service, j *observed.Journal) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range j.Records() {
		failed, ok := r.Event.(hook.FetchFailed)
		if !ok {
			continue
		}
		for _, call := range s.calls {
			if call.ref.ID == failed.ID && call.began.After(r.At) && call.began.Sub(r.At) < failed.RetryIn {
				t.Errorf("failure %d of %s announced %v, and a fetch began after %v",
					failed.Failures, failed.ID, failed.RetryIn, call.began.Sub(r.At))
			}
		}
	}
}

// TestAServiceThatWorksAgainIsAskedSoon: no delay is longer than the outage so far, plus
// the base, however many failures a few short draws have made of it.
func TestAServiceThatWorksAgainIsAskedSoon(t *testing.T) {
	for range 100 {
		virtual(t, func(t *testing.T) {
			s, j := serving("db"), &observed.Journal{}
			c := open(t, s, engine.Config{Observer: j})
			s.fail(errDown)
			start := time.Now()
			for time.Since(start) < 2*time.Second {
				_, err := c.Get(t.Context(), secret.Ref{ID: "db"})
				if err == nil {
					t.Fatal("a service that fails gave a value")
				}
				time.Sleep(10 * time.Millisecond)
			}
			for _, failed := range observed.Of[hook.FetchFailed](j) {
				if failed.RetryIn > time.Since(start)+time.Second {
					t.Errorf("failure %d of an outage of 2 s is followed by %v of silence", failed.Failures, failed.RetryIn)
				}
			}
		})
	}
}

func TestAnOutageOfADayIsNoticedByNoReader(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, j := serving("db"), &observed.Journal{}
		c := open(t, s, engine.Config{TTL: time.Hour, Observer: j})
		get(t, c, "db")
		s.fail(errDown)
		var readers sync.WaitGroup
		end := time.Now().Add(24 * time.Hour)
		for range 64 {
			readers.Go(func() {
				for time.Now().Before(end) {
					if d := took(func() { wantGet(t, c, "db", "db v1") }); d > 0 {
						t.Errorf("a Get waited for %v", d)
					}
					time.Sleep(10 * time.Second)
				}
			})
		}
		readers.Wait()
		wantSpacing(t, s, j)
		failures := observed.Of[hook.FetchFailed](j)
		wantCalls(t, s, 1+len(failures))
		// The delays drawn fill the day but for the last; each is
		// followed by at most 10 s until the next read.
		var delays time.Duration
		for i, f := range failures {
			if f.Failures != i+1 || !errors.Is(f.Err, errDown) {
				t.Errorf("failure %d says %d, %v", i+1, f.Failures, f.Err)
			}
			if bound := (backoff.Policy{}).Bound(i + 1); f.RetryIn > bound {
				t.Errorf("failure %d: no other fetch for %v, the bound is %v", i+1, f.RetryIn, bound)
			}
			if i < len(failures)-1 {
				delays += f.RetryIn
			}
		}
		if delays > 24*time.Hour || len(failures) < 15 || len(failures) > 300 {
			t.Errorf("%d failed fetches whose delays sum up to %v", len(failures), delays)
		}
		// Told once for each failure after the TTL, at the most.
		if n := len(observed.Of[hook.ServedStale](j)); n == 0 || n > len(failures) {
			t.Errorf("%d ServedStale for %d failures", n, len(failures))
		}

		s.mend()
		s.rotate("db", "v2")
		time.Sleep(time.Hour) // the longest delay
		get(t, c, "db")
		settle()
		wantGet(t, c, "db", "db v2")
	})
}

func TestAHangingSourceHoldsUpOneReaderForMaxRefreshWait(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, j := serving("db"), &observed.Journal{}
		c := open(t, s, engine.Config{TTL: time.Hour, FetchTimeout: 10 * time.Second, NoRefreshAhead: true, Observer: j})
		get(t, c, "db")
		s.hang()
		time.Sleep(time.Hour)
		seconds := 100_000
		if testing.Short() {
			seconds = 10_000
		}
		var waited time.Duration
		for range seconds {
			waited += took(func() { wantGet(t, c, "db", "db v1") })
			time.Sleep(time.Second)
		}
		if waited != engine.DefaultMaxRefreshWait {
			t.Errorf("readers waited %v in all", waited)
		}
		wantSpacing(t, s, j)
		for _, f := range observed.Of[hook.FetchFailed](j) {
			if !errors.Is(f.Err, secret.ErrTimeout) || f.Took != 10*time.Second && f.Took != 3*time.Second {
				t.Errorf("failure %d after %v: %v", f.Failures, f.Took, f.Err)
			}
		}
	})
}

func TestASeldomReadValueIsTriedForEachReadInAnOutage(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{TTL: time.Hour})
		get(t, c, "db")
		s.fail(errDown)
		for i := range 30 {
			time.Sleep(2 * time.Hour) // longer than any delay
			get(t, c, "db")
			settle()
			wantCalls(t, s, 2+i)
		}
		s.mend()
		s.rotate("db", "v2")
		time.Sleep(2 * time.Hour)
		get(t, c, "db")
		settle()
		wantGet(t, c, "db", "db v2")
	})
}

func TestAFailureBeforeTheTTLIsNoExcuseAfterIt(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{TTL: time.Hour, Backoff: every(time.Millisecond)})
		get(t, c, "db")
		time.Sleep(time.Hour - 2*time.Millisecond)
		s.fail(errDown)
		get(t, c, "db")
		settle()
		wantCalls(t, s, 2) // failed while the value was young
		s.mend()
		s.rotate("db", "v2")
		time.Sleep(2 * time.Millisecond)
		wantGet(t, c, "db", "db v2")
	})
}

func TestStaleIfErrorDecidesByErrorAndAge(t *testing.T) {
	errOther := errors.New("another error")
	virtual(t, func(t *testing.T) {
		s, j := serving("db"), &observed.Journal{}
		c := open(t, s, engine.Config{
			TTL: time.Hour, NoRefreshAhead: true, Backoff: every(time.Minute), Observer: j,
			StaleIfError: func(err error, age time.Duration) bool {
				return errors.Is(err, errDown) && age < 2*time.Hour
			},
		})
		get(t, c, "db")
		time.Sleep(time.Hour)
		s.fail(errDown)
		for range 5 {
			wantGet(t, c, "db", "db v1")
		}
		wantCalls(t, s, 2)

		s.fail(errOther)
		time.Sleep(time.Minute)
		get(t, c, "db") // errDown is still the last that is known; this begins the next fetch
		settle()
		wantErr(t, c, "db", errOther)
		wantErr(t, c, "db", errOther)
		wantCalls(t, s, 3)

		s.fail(errDown)
		time.Sleep(time.Minute)
		wantGet(t, c, "db", "db v1")
		time.Sleep(58*time.Minute - 1)
		wantGet(t, c, "db", "db v1")
		settle()
		time.Sleep(time.Nanosecond)
		wantErr(t, c, "db", errDown) // two hours old
		if _, err := c.Get(t.Context(), ref("db")); !strings.Contains(err.Error(), "StaleIfError refuses the last good value") {
			t.Errorf("the error does not say that there is a value: %v", err)
		}

		s.mend()
		time.Sleep(time.Minute)
		wantGet(t, c, "db", "db v1") // waits, since the value may not be returned
		if diff := cmp.Diff([]time.Duration{time.Hour, 62 * time.Minute}, agesOf(j)); diff != "" {
			t.Errorf("ages in ServedStale (-want +got):\n%s", diff)
		}
	})
}

// Where StaleIfError goes by age, its answer is not kept for a busy secret.
func TestStaleIfErrorIsAskedForEachRead(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{
			TTL: time.Hour, NoRefreshAhead: true, Backoff: never,
			StaleIfError: func(_ error, age time.Duration) bool { return age < 2*time.Hour },
		})
		get(t, c, "db")
		s.fail(errDown)
		time.Sleep(2*time.Hour - time.Millisecond)
		if snapshot(t, c, "db").Fresh() {
			t.Error("a stale value is fresh")
		}
		time.Sleep(time.Millisecond)
		wantErr(t, c, "db", errDown)
	})
}

func agesOf(j *observed.Journal) (ages []time.Duration) {
	for _, e := range observed.Of[hook.ServedStale](j) {
		ages = append(ages, e.Age)
	}
	return ages
}

func TestServedStaleIsToldOnceForEachFailure(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, j := serving("db"), &observed.Journal{}
		c := open(t, s, engine.Config{TTL: time.Hour, NoRefreshAhead: true, Backoff: every(time.Minute), Observer: j})
		get(t, c, "db")
		s.fail(errDown)
		time.Sleep(time.Hour)
		for i := range 10 {
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { get(t, c, "db") })
			}
			wg.Wait()
			settle()
			get(t, c, "db")
			stale := observed.Of[hook.ServedStale](j)
			// The reads that begin a fetch in the background tell of the failure before.
			if len(stale) != i+1 || !errors.Is(stale[i].Err, errDown) || stale[i].VersionID != "v1" {
				t.Fatalf("after %d failures: %v", i+1, stale)
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestAnUnknownSecretAskedAMillionTimesCostsTheBackoffsCalls(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, j := serving(), &observed.Journal{}
		c := open(t, s, engine.Config{Observer: j})
		for range 1000 {
			for range 1000 {
				if _, err := c.Get(t.Context(), ref("typo")); !errors.Is(err, secret.ErrNotFound) {
					t.Fatalf("Get: %v", err)
				}
			}
			time.Sleep(time.Second)
		}
		wantSpacing(t, s, j)
		failures := observed.Of[hook.FetchFailed](j)
		wantCalls(t, s, len(failures))
		// With a mean delay of half its bound, 1,000 s are over after about 11.
		if n := len(failures); n < 4 || n > 40 {
			t.Errorf("%d calls in 1,000 s", n)
		}
	})
}

func TestTheErrorSaysWhichSecretWhyAndWhenAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving()
		c := open(t, s, engine.Config{Backoff: every(1500 * time.Millisecond)})
		for range 2 { // the fetch, and what is remembered of it
			_, err := c.Get(t.Context(), secret.Ref{ID: "prod/typo", Stage: "AWSPENDING"})
			var e *secret.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			if e.Ref != (secret.Ref{ID: "prod/typo", Stage: "AWSPENDING"}) || e.RetryIn != 1500*time.Millisecond || !errors.Is(e, secret.ErrNotFound) {
				t.Errorf("%#v", e)
			}
			const want = "secret prod/typo@AWSPENDING: secret not found: prod/typo (no other fetch for 1.5s)"
			if err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
		}
		wantCalls(t, s, 1)
	})
}

func TestFailingSecretsDoNotEvictGoodOnes(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{MaxSize: 1, Backoff: never})
		get(t, c, "db")
		for i := range 5000 {
			wantErr(t, c, nameOf(i), secret.ErrNotFound)
		}
		wantGet(t, c, "db", "db v1")
		if n := s.countOf()["db"]; n != 1 || c.Len() != 1 {
			t.Errorf("%d fetches of db, %d kept", n, c.Len())
		}
	})
}

func TestASecretThatFailedAtFirstIsNotDroppedWithTheFailing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving()
		c := open(t, s, engine.Config{Backoff: every(time.Second), TTL: 1000 * time.Hour})
		wantErr(t, c, "db", secret.ErrNotFound)
		s.rotate("db", "v1")
		time.Sleep(time.Second)
		wantGet(t, c, "db", "db v1")
		for i := range 2 * engine.DefaultMaxSize {
			wantErr(t, c, nameOf(i), secret.ErrNotFound)
		}
		wantGet(t, c, "db", "db v1")
		if n := s.countOf()["db"]; n != 2 {
			t.Errorf("it was fetched %d times", n)
		}
	})
}

func TestFailuresAreRememberedUpToABound(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving()
		c := open(t, s, engine.Config{MaxSize: 2, Backoff: never})
		for round := range 3 {
			for i := range engine.DefaultMaxSize {
				wantErr(t, c, nameOf(i), secret.ErrNotFound)
			}
			if round == 0 {
				wantCalls(t, s, engine.DefaultMaxSize)
			}
		}
		wantCalls(t, s, engine.DefaultMaxSize) // all of them remembered
		for i := range 10_000 {
			wantErr(t, c, nameOf(i), secret.ErrNotFound)
		}
		if n := c.Entries(); n != engine.DefaultMaxSize {
			t.Errorf("%d failures are remembered", n)
		}
	})
}
