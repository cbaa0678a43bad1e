package failover_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/failover"
)

// A scripted region answers by a script, and counts.
type scripted struct {
	mu       sync.Mutex
	err      error
	hang     bool
	version  string
	created  time.Time
	calls    int                                                     // of Fetch
	requests int                                                     // by FetchMany
	lists    int                                                     // calls of FetchMany
	fetch    func(context.Context, secret.Ref) (secret.Value, error) // nil: as the fields say
	request  func(refs []secret.Ref, answer answerFunc) error        // nil: answers each as Fetch
	asked    []secret.Ref                                            // by the last request
}

func (s *scripted) set(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }

func (s *scripted) count() int { s.mu.Lock(); defer s.mu.Unlock(); return s.calls }

func (s *scripted) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	s.mu.Lock()
	s.calls++
	s.asked = []secret.Ref{ref}
	fetch, err, hang, v := s.fetch, s.err, s.hang, secret.Value{VersionID: s.version, Created: s.created}
	s.mu.Unlock()
	if fetch != nil {
		return fetch(ctx, ref)
	}
	if hang {
		<-ctx.Done()
		return secret.Value{}, ctx.Err()
	}
	return v, err
}

type answerFunc = func(secret.Ref, secret.Value, error)

// FetchMany makes requests for up to twenty secrets.
func (s *scripted) FetchMany(ctx context.Context, refs []secret.Ref, answer answerFunc) {
	s.set(func() { s.lists++ })
	secret.MakeRequests(ctx, slices.Chunk(refs, 20), answer, func(ctx context.Context, refs []secret.Ref) error {
		s.set(func() { s.requests++ })
		if s.request != nil {
			return s.request(refs, answer)
		}
		for _, ref := range refs {
			v, err := s.Fetch(ctx, ref)
			s.set(func() { s.asked, s.calls = refs, s.calls-1 })
			answer(ref, v, err)
		}
		return nil
	})
}

// fetchMany returns the answers of a FetchMany, of which there is one for each of refs.
func fetchMany(ctx context.Context, t testing.TB, source secret.ManySource, ids ...string) (answers []answered) {
	t.Helper()
	var refs []secret.Ref
	for _, id := range ids {
		refs = append(refs, secret.Ref{ID: id})
	}
	answers = make([]answered, len(refs))
	var mu sync.Mutex
	source.FetchMany(ctx, refs, func(ref secret.Ref, v secret.Value, err error) {
		mu.Lock()
		defer mu.Unlock()
		answers[slices.Index(refs, ref)].times++
		answers[slices.Index(refs, ref)].Value, answers[slices.Index(refs, ref)].err = v, err
	})
	for i, a := range answers {
		if a.times != 1 {
			t.Errorf("%d answers about %v", a.times, refs[i])
		}
	}
	return answers
}

type answered struct {
	secret.Value
	err   error
	times int
}

func two(t testing.TB) (first, second *scripted, source *failover.Source) {
	first, second = &scripted{}, &scripted{}
	return first, second, open(t, failover.Region{Name: "a", Source: first}, failover.Region{Name: "b", Source: second})
}

func TestACircuitOpensAndOneFetchAtATimeProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.err = secret.ErrUnavailable })
		fetch := func() string {
			v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
			if err != nil {
				t.Error(err)
			}
			return v.Replica
		}
		for range 100 {
			if fetch() != "b" {
				t.Error("not from the replica")
			}
		}
		if n := first.count(); n != 2 {
			t.Errorf("the primary was asked %d times in a moment, want 2", n)
		}
		for range 3600 { // an hour
			time.Sleep(time.Second)
			fetch()
		}
		// Delays of 1 to 1.5 s, of 2 to 3 s, and of 3.3 to 5 s from then on.
		if n := first.count(); n < 650 || n > 900 {
			t.Errorf("the primary was probed %d times in an hour", n-2)
		}
		time.Sleep(time.Minute)
		before := first.count()
		first.set(func() { first.hang = true })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var fetches sync.WaitGroup
		for i := range 100 {
			fetches.Go(func() {
				start := time.Now()
				if _, err := source.Fetch(ctx, secret.Ref{ID: "db"}); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took != 0 && took != 10*time.Second/4 && took != 10*time.Second/2 {
					t.Errorf("fetch %d took %v", i, took)
				}
			})
		}
		fetches.Wait()
		if n := first.count() - before; n != 1 {
			t.Errorf("%d fetches probed", n)
		}
		first.set(func() { first.hang, first.err = false, nil })
		time.Sleep(time.Minute)
		if fetch() != "" {
			t.Error("the primary is well again, and is not asked")
		}
		before = second.count()
		for range 100 {
			fetch()
		}
		if second.count() != before {
			t.Error("the replica is still asked")
		}
	})
}

func TestWhenAllCircuitsAreOpenAllAreAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.err = secret.ErrUnavailable })
		second.set(func() { second.err = secret.ErrUnavailable })
		for range 10 {
			source.Fetch(t.Context(), secret.Ref{ID: "db"})
		}
		second.set(func() { second.err = nil })
		if v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); err != nil || v.Replica != "b" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestACancelledFetchIsNoFailureOfTheRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.hang = true })
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if _, err := source.Fetch(ctx, secret.Ref{ID: "db"}); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		if n := second.count(); n != 0 {
			t.Errorf("the replica was asked %d times", n)
		}
		first.set(func() { first.hang = false })
		if v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); err != nil || v.Replica != "" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// A probe may take long; what began before the circuit opened is still under way.
func TestAProbeIsTheOnlyOneWhateverElseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, _, source := two(t)
		first.set(func() { first.hang = true })
		fetch := func(limit time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if _, err := source.Fetch(ctx, secret.Ref{ID: "db"}); err != nil {
				t.Error(err)
			}
		}
		var fetches sync.WaitGroup
		for i := range 50 {
			fetches.Go(func() { fetch(time.Duration(2+i) * time.Second) }) // all before it opens
		}
		time.Sleep(3 * time.Second)
		before := first.count()
		for range 500 {
			fetches.Go(func() { fetch(10 * time.Second) })
			time.Sleep(10 * time.Millisecond)
		}
		// A probe takes 2.5 s here, and the delays are a second at least.
		if n := first.count() - before; n < 1 || n > 2 {
			t.Errorf("%d fetches probed in 5 s", n)
		}
		fetches.Wait()
	})
}

func TestFetchesThatFailTogetherOpenTheCircuitForNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, _, source := two(t)
		first.set(func() { first.hang = true })
		var fetches sync.WaitGroup
		for range 50 {
			fetches.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if _, err := source.Fetch(ctx, secret.Ref{ID: "db"}); err != nil {
					t.Error(err)
				}
			})
		}
		fetches.Wait()
		first.set(func() { first.hang = false })
		time.Sleep(1500 * time.Millisecond) // the first delay
		if v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); err != nil || v.Replica != "" {
			t.Errorf("%+v, %v: the primary is well again", v, err)
		}
	})
}

// Its error may not say that it was the time, or the time may be one of its own.
func TestASourceThatReturnsTheErrorOfAContextCouldNotAnswer(t *testing.T) {
	for name, hang := range map[string]bool{"of the time that it had": true, "of another": false} {
		for _, end := range []error{context.DeadlineExceeded, context.Canceled} {
			t.Run(name+", "+end.Error(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					first, second, source := two(t)
					first.set(func() { first.hang, first.err = hang, end })
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					for range 5 {
						v, err := source.Fetch(ctx, secret.Ref{ID: "db"})
						if err != nil || v.Replica != "b" {
							t.Errorf("%+v, %v", v, err)
						}
					}
					if n := first.count(); n != 2 {
						t.Errorf("the primary was asked %d times, want 2", n)
					}
					second.set(func() { second.hang = true })
					if _, err := source.Fetch(ctx, secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrTimeout) {
						t.Errorf("got %v", err)
					}
				})
			})
		}
	}
}

// TestOneSecretDoesNotCloseARegion: its key may be in an outage alone.
func TestOneSecretDoesNotCloseARegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, _, source := two(t)
		first.set(func() {
			first.fetch = func(_ context.Context, ref secret.Ref) (secret.Value, error) {
				if ref.ID == "bad" {
					return secret.Value{}, secret.ErrUnavailable
				}
				return secret.Value{}, nil
			}
		})
		for range 10 {
			for _, id := range []string{"bad", "good", "bad", "bad", "other"} {
				want := ""
				if id == "bad" {
					want = "b"
				}
				if v, err := source.Fetch(t.Context(), secret.Ref{ID: id}); err != nil || v.Replica != want {
					t.Errorf("%s: %+v, %v", id, v, err)
				}
			}
		}
	})
}

func TestThrottlingClosesNoRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, _, source := two(t)
		first.set(func() { first.err = secret.ErrThrottled })
		for i := range 20 {
			if v, err := source.Fetch(t.Context(), secret.Ref{ID: string(rune('a' + i))}); err != nil || v.Replica != "b" {
				t.Errorf("%+v, %v", v, err)
			}
		}
		first.set(func() { first.err = nil })
		if v, err := source.Fetch(t.Context(), secret.Ref{ID: "a"}); err != nil || v.Replica != "" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}
