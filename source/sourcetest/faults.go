package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/internal/goroutines"
	"github.com/typedsecret/typedsecret/secret"
)

func (s *suite) cancelled() {
	id := s.id("a")
	s.Put(s, id, marker)
	before, cancel := context.WithCancel(s.Context())
	cancel()
	s.checkCancelled(s.fetch(before, s.current(id)).err)

	s.whileHanging(func() {
		during, cancel := context.WithCancel(s.Context())
		defer cancel()
		time.AfterFunc(20*time.Millisecond, cancel)
		s.checkCancelled(s.fetch(during, s.current(id)).err)
	})
}

// whileHanging runs f while no Fetch gets an answer, if the Harness can do that.
func (s *suite) whileHanging(f func()) {
	hang := s.Failures[Hanging]
	if hang == nil {
		s.Log("not checked in the middle of a fetch: the Harness has no Failures[Hanging]")
		return
	}
	stop := hang(s)
	defer stop()
	f()
}

func (s *suite) checkCancelled(err error) {
	s.Helper()
	if !errors.Is(err, context.Canceled) {
		s.Errorf("the context was cancelled, and the error is %v", err)
	}
	for f, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			s.Errorf("the context was cancelled, and the error says %s: %v", f, err)
		}
	}
	s.checkSilent(err)
}

func (s *suite) deadline() {
	id := s.id("a")
	s.Put(s, id, marker)
	over, cancel := context.WithDeadline(s.Context(), time.Now().Add(-time.Second))
	defer cancel()
	s.checkTimeout(s.fetch(over, s.current(id)).err)

	s.whileHanging(func() {
		short, cancel := context.WithTimeout(s.Context(), 20*time.Millisecond)
		defer cancel()
		s.checkTimeout(s.fetch(short, s.current(id)).err)
	})
}

func (s *suite) checkTimeout(err error) {
	s.Helper()
	if !errors.Is(err, secret.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		s.Errorf("the deadline passed, and the error does not wrap both secret.ErrTimeout and context.DeadlineExceeded: %v", err)
	}
	s.checkSilent(err)
}

func (s *suite) concurrentUse() {
	const secrets, fetches = 8, 10
	for i := range secrets {
		s.Put(s, s.id(fmt.Sprint(i)), fmt.Sprint("value ", i))
	}
	group := goroutines.NewGroup()
	group.Do(s.Context(), func(ctx context.Context) {
		var wg sync.WaitGroup
		for i := range secrets {
			for range 2 {
				wg.Go(func() {
					for range fetches {
						ref := s.current(s.id(fmt.Sprint(i)))
						v, err := s.Source.Fetch(ctx, ref)
						if err != nil {
							s.Errorf("one of many fetches: %v", err)
							return
						}
						s.checkAbout(ref, v)
						s.checkValue(v, fmt.Sprint("value ", i), false)
					}
				})
			}
		}
		wg.Wait()
	})
	// Connections that are kept for the next fetch have goroutines, but there are
	// far fewer of them than fetches.
	const all = secrets * 2 * fetches
	if left := group.Settle(all / 2); left >= all/2 {
		s.Errorf("%d fetches have left %d goroutines behind", all, left)
	}
}

func (s *suite) failures() {
	id := s.id("a")
	s.Put(s, id, marker)
	for f, want := range sentinels {
		if s.Failures[f] == nil {
			s.Logf("not checked: the Harness has no Failures[%s]", f)
			continue
		}
		err := s.fetchFailing(f, id).err
		if !errors.Is(err, want) {
			s.Errorf("the service is %s, and the error is %v", f, err)
		}
		for _, other := range sentinels {
			if other != want && errors.Is(err, other) {
				s.Errorf("the service is %s, and the error wraps %q too", f, other)
			}
		}
		s.checkSilent(err)
		s.checkValue(s.mustFetch(s.current(id)), marker, false)
	}
}

// fetchFailing fetches while the service fails. It gives up early where the
// failure is that nothing comes.
func (s *suite) fetchFailing(f Failure, id string) result {
	s.Helper()
	stop := s.Failures[f](s)
	defer stop()
	ctx := s.Context()
	if f == Hanging {
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		ctx = short
	}
	return s.fetch(ctx, s.current(id))
}

func (s *suite) oneRequest() {
	s.needs(s.Requests != nil, "Requests")
	id := s.id("a")
	s.Put(s, id, marker)
	count := func(what string, fetch func()) {
		s.Helper()
		before := s.Requests()
		fetch()
		if n := s.Requests() - before; n != 1 {
			s.Errorf("%s: a fetch made %d requests, want 1", what, n)
		}
	}
	count("success", func() { s.mustFetch(s.current(id)) })
	count("not found", func() { s.fetch(s.Context(), s.current(s.id("never-was"))) })
	for f := range sentinels {
		if s.Failures[f] != nil {
			count(string(f), func() { s.fetchFailing(f, id) })
		}
	}
}
