package outage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

// A judged source does as the test says for each Ref, and notes its calls.
type judged struct {
	mu    sync.Mutex
	says  func(id string) error // nil: a value
	takes time.Duration
	calls map[string]int
	began []time.Time
}

func (s *judged) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	s.mu.Lock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[ref.ID]++
	s.began = append(s.began, time.Now())
	says, takes := s.says, s.takes
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return secret.Value{}, ctx.Err()
	}
	if says != nil {
		if err := says(ref.ID); err != nil {
			return secret.Value{}, err
		}
	}
	return secret.Value{Payload: secret.StringPayload(ref.ID), VersionID: "v1"}, nil
}

func (s *judged) set(says func(id string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = says
}

// forget begins the counts anew.
func (s *judged) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.began = nil, nil
}

func (s *judged) count() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.began) }

func (s *judged) of(id string) int { s.mu.Lock(); defer s.mu.Unlock(); return s.calls[id] }

func always(err error) func(string) error { return func(string) error { return err } }

func caching(t *testing.T, s secret.Source, cfg cache.Config) *cache.Cache {
	t.Helper()
	c, err := cache.New(s, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func get(t *testing.T, c *cache.Cache, id string) error {
	_, err := c.Get(t.Context(), secret.Ref{ID: id})
	return err
}

// ids returns n of them.
func ids(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("id-", i))
	}
	return all
}

// reading has each of ids read once a second, spread over it, for a time.
func reading(t *testing.T, c *cache.Cache, ids []string, d time.Duration, see func(id string, err error)) {
	t.Helper()
	end := time.Now().Add(d)
	var readers sync.WaitGroup
	for i, id := range ids {
		readers.Go(func() {
			time.Sleep(time.Duration(i) * time.Second / time.Duration(len(ids)))
			for time.Now().Before(end) {
				err := get(t, c, id)
				if see != nil {
					see(id, err)
				}
				time.Sleep(time.Second)
			}
		})
	}
	readers.Wait()
}

func TestOneSecretThatFailsStopsNoOther(t *testing.T) {
	for _, failure := range []error{secret.ErrThrottled, secret.ErrUnavailable, secret.ErrTimeout} {
		for _, n := range []int{2, 20} {
			t.Run(fmt.Sprint(failure, ", ", n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &judged{}
					s.set(func(id string) error {
						if id == "id-0" {
							return failure
						}
						return nil
					})
					c := caching(t, s, cache.Config{TTL: time.Minute})
					reading(t, c, ids(n), 10*time.Minute, func(id string, err error) {
						if (err == nil) == (id == "id-0") {
							t.Errorf("%s: %v", id, err)
						}
					})
					for _, id := range ids(n)[1:] {
						if v, err := c.Get(t.Context(), secret.Ref{ID: id}); err != nil || time.Since(v.FetchedAt) > time.Minute {
							t.Errorf("%s is %v old, %v", id, time.Since(v.FetchedAt), err)
						}
					}
					if n := s.of("id-0"); n > 10*60/7 {
						t.Errorf("%d calls for the one that fails", n)
					}
				})
			})
		}
	}
}

func TestTwoSecretsInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &judged{}
		c := caching(t, s, cache.Config{TTL: time.Minute})
		reading(t, c, ids(2), 3*time.Minute, nil)
		s.set(always(secret.ErrUnavailable))
		s.forget()
		reading(t, c, ids(2), time.Hour, func(id string, err error) {
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
		})
		if n := s.count(); n > 3600/3 {
			t.Errorf("%d calls in an hour", n)
		}
		if a, b := s.of("id-0"), s.of("id-1"); a < s.count()/4 || b < s.count()/4 {
			t.Errorf("the probes were for one of them: %d and %d", a, b)
		}
		s.set(nil)
		reading(t, c, ids(2), 12*time.Second, nil)
		for _, id := range ids(2) {
			if v, _ := c.Get(t.Context(), secret.Ref{ID: id}); time.Since(v.FetchedAt) > 13*time.Second {
				t.Errorf("%s is %v old", id, time.Since(v.FetchedAt))
			}
		}
	})
}

// TestASourceThatAlternates, every 3 s.
func TestASourceThatAlternates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := &judged{}
		c := caching(t, s, cache.Config{TTL: time.Minute})
		reading(t, c, ids(50), time.Minute, nil)
		s.set(func(string) error {
			if time.Since(began)/(3*time.Second)%2 == 1 {
				return secret.ErrUnavailable
			}
			return nil
		})
		s.forget()
		const d = 20 * time.Minute
		oldest, old, reads := time.Duration(0), 0, 0
		var mu sync.Mutex
		reading(t, c, ids(50), d, func(id string, _ error) {
			v, err := c.Get(t.Context(), secret.Ref{ID: id})
			mu.Lock()
			defer mu.Unlock()
			if oldest = max(oldest, time.Since(v.FetchedAt)); err != nil {
				t.Errorf("%s: %v", id, err)
			}
			if reads++; time.Since(v.FetchedAt) > time.Minute {
				old++
			}
		})
		t.Logf("%d of %d reads stale, the oldest %v, %d calls", old, reads, oldest, s.count())
		if oldest > 2*time.Minute || old > reads/20 {
			t.Errorf("%d of %d reads were of a value past its TTL, the oldest %v", old, reads, oldest)
		}
		if n := s.count(); n > 50*30*3 {
			t.Errorf("%d calls", n)
		}
	})
}

// TestARestartSeenByAColdReader: it waits for the probe, within its context.
func TestARestartSeenByAColdReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &judged{}
		c := caching(t, s, cache.Config{})
		s.set(always(secret.ErrUnavailable))
		time.AfterFunc(200*time.Millisecond, func() { s.set(nil) })
		for _, id := range ids(2) {
			if err := get(t, c, id); !errors.Is(err, secret.ErrUnavailable) {
				t.Errorf("%v", err)
			}
		}
		began := time.Now()
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := c.Get(short, secret.Ref{ID: "cold"}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if err := get(t, c, "cold"); err != nil || time.Since(began) > 2500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestAColdReaderInAnOutageIsToldWhatFailed, without the name of another secret.
func TestAColdReaderInAnOutageIsToldWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &judged{}
		s.set(always(fmt.Errorf("%w: the cause", secret.ErrUnavailable)))
		c := caching(t, s, cache.Config{})
		for _, id := range ids(2) {
			get(t, c, id)
		}
		var readers sync.WaitGroup
		for i := range 100 {
			readers.Go(func() {
				began := time.Now()
				err := get(t, c, fmt.Sprint("cold-", i))
				e, ok := errors.AsType[*secret.Error](err)
				if !ok || !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "the cause") || strings.Contains(err.Error(), "id-") || e.Ref.ID != fmt.Sprint("cold-", i) {
					t.Errorf("got %v", err)
				}
				if d := time.Since(began); d > 3*time.Second {
					t.Errorf("waited for %v", d)
				}
			})
		}
		readers.Wait()
		if n := s.count(); n > 4 {
			t.Errorf("%d calls", n)
		}
	})
}

// TestExpiredCredentialsWithManySecrets: the calls are those of one probe until they are renewed.
func TestExpiredCredentialsWithManySecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 5000
		if testing.Short() {
			n = 1000
		}
		s := &judged{}
		c := caching(t, s, cache.Config{TTL: time.Minute, MaxSize: n})
		all := ids(n)
		reading(t, c, all, 30*time.Second, nil)
		s.set(always(fmt.Errorf("%w: the token has expired", secret.ErrUnavailable)))
		time.Sleep(30 * time.Second)
		s.forget()
		reading(t, c, all, 5*time.Minute, func(id string, err error) {
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
		})
		if n := s.count(); n > 64+5*60/3 {
			t.Errorf("%d calls in 5 min", n)
		}
		s.set(nil)
		reading(t, c, all, 20*time.Second, nil)
		old := 0
		for _, id := range all {
			if v, _ := c.Get(t.Context(), secret.Ref{ID: id}); time.Since(v.FetchedAt) > 25*time.Second {
				old++
			}
		}
		if old > n/100 {
			t.Errorf("%d of %d are not fetched again", old, n)
		}
	})
}

// TestForcedStaysForced until one succeeds.
func TestForcedStaysForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var forced []bool
		down := false
		s := secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
			mu.Lock()
			defer mu.Unlock()
			if ref.ID == "db" {
				forced = append(forced, secret.IsForced(ctx))
			}
			if down {
				return secret.Value{}, secret.ErrUnavailable
			}
			return secret.Value{Payload: secret.StringPayload("s"), VersionID: "v1"}, nil
		})
		c := caching(t, s, cache.Config{TTL: time.Minute, NoRefreshAhead: true})
		get(t, c, "db")
		get(t, c, "other")
		down = true
		if _, err := c.Refresh(t.Context(), secret.Ref{ID: "db"}); err == nil {
			t.Error("no error")
		}
		time.Sleep(time.Minute)
		for range 10 {
			get(t, c, "other")
			get(t, c, "db")
			time.Sleep(3 * time.Second)
		}
		down = false
		for range 5 {
			get(t, c, "db")
			time.Sleep(3 * time.Second)
		}
		time.Sleep(time.Minute)
		get(t, c, "db")
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		last := len(forced) - 1
		for i, is := range forced {
			if is != (i > 0 && i < last) {
				t.Errorf("fetch %d of %d: forced %v", i, len(forced), is)
			}
		}
		if len(forced) < 4 {
			t.Errorf("only %d fetches", len(forced))
		}
	})
}
