package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// fetchMany returns the answers to refs, of which the source must give one each, within a
// time.
func (s *suite) fetchMany(ctx context.Context, refs []secret.Ref) map[secret.Ref]result {
	s.Helper()
	many, ok := s.Source.(secret.ManySource)
	s.needs(ok, "Source that is a secret.ManySource")
	var mu sync.Mutex // guards answers
	answers := map[secret.Ref]result{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		many.FetchMany(ctx, refs, func(ref secret.Ref, v secret.Value, err error) {
			mu.Lock()
			defer mu.Unlock()
			if _, twice := answers[ref]; twice {
				s.Errorf("FetchMany answers %v twice", ref)
			}
			answers[ref] = result{value: v, err: err}
		})
	}()
	select {
	case <-done:
	case <-time.After(10 * soon):
		s.Fatalf("FetchMany of %d secrets has not returned in %v", len(refs), 10*soon)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, ref := range refs {
		if _, has := answers[ref]; !has {
			s.Errorf("FetchMany has returned without an answer about %v", ref)
			answers[ref] = result{err: errors.New("no answer")}
		}
	}
	if len(answers) != len(refs) {
		s.Errorf("FetchMany answers about %d secrets, and was asked for %d", len(answers), len(refs))
	}
	return answers
}

func (s *suite) many() {
	const secrets = 45
	var refs []secret.Ref
	want := map[secret.Ref]string{}
	for i := range secrets {
		ref := s.current(s.id(fmt.Sprint(i)))
		refs = append(refs, ref)
		if i%3 != 1 {
			want[ref] = fmt.Sprint("value ", i)
			s.Put(s, ref.ID, want[ref])
		}
	}
	if s.Stages && s.Rotate != nil {
		s.Rotate(s, refs[0].ID, "rotated")
		previous := secret.Ref{ID: refs[0].ID, Stage: stagePrevious}
		want[previous], want[refs[0]] = want[refs[0]], "rotated"
		refs = append(refs, previous)
	}
	requests := 0
	if s.Requests != nil {
		requests = s.Requests()
	}
	answers := s.fetchMany(s.Context(), refs)
	if s.Requests != nil && s.Requests()-requests >= len(refs) {
		s.Errorf("FetchMany of %d secrets made %d requests", len(refs), s.Requests()-requests)
	}
	for _, ref := range refs {
		value, known := want[ref]
		switch r := answers[ref]; {
		case known && r.err != nil:
			s.Errorf("FetchMany of %v: %v", ref, r.err)
		case known:
			s.checkAbout(ref, r.value)
			s.checkValue(r.value, value, false)
			if single := s.mustFetch(ref); single.VersionID != r.value.VersionID || single.ARN != r.value.ARN ||
				single.Name != r.value.Name || !single.Created.Equal(r.value.Created) {
				s.Errorf("FetchMany describes %v otherwise than Fetch", ref)
			}
		case !errors.Is(r.err, secret.ErrNotFound):
			s.Errorf("%v does not exist, and the error of FetchMany is %v", ref, r.err)
		}
	}
	s.manyInCache(refs, want)
}

// manyInCache checks that a Cache gets the answers too.
func (s *suite) manyInCache(refs []secret.Ref, want map[secret.Ref]string) {
	c, err := engine.New(s.Source, engine.Config{})
	if err != nil {
		s.Fatalf("engine.New: %v", err)
	}
	defer c.Close()
	entries := make([]*engine.Entry, len(refs))
	for i, ref := range refs {
		if entries[i], err = c.Entry(ref); err != nil {
			s.Fatalf("Entry: %v", err)
		}
	}
	_, errs := c.GetAll(s.Context(), entries, nil)
	for i, ref := range refs {
		if _, known := want[ref]; known && errs[i] != nil || !known && !errors.Is(errs[i], secret.ErrNotFound) {
			s.Errorf("a Cache gets of FetchMany for %v: %v", ref, errs[i])
		}
	}
}

func (s *suite) manyFailures() {
	refs := []secret.Ref{s.current(s.id("a")), s.current(s.id("b")), s.current(s.id("c"))}
	for _, ref := range refs {
		s.Put(s, ref.ID, marker)
	}
	cancelled, cancel := context.WithCancel(s.Context())
	cancel()
	for _, r := range s.fetchMany(cancelled, refs) {
		s.checkCancelled(r.err)
	}
	s.whileHanging(func() {
		short, cancel := context.WithTimeout(s.Context(), 20*time.Millisecond)
		defer cancel()
		for _, r := range s.fetchMany(short, refs) {
			s.checkTimeout(r.err)
		}
	})
	for f, fail := range s.Failures {
		if f == Hanging {
			continue
		}
		stop := fail(s)
		answers := s.fetchMany(s.Context(), refs)
		stop()
		for _, r := range answers {
			if !errors.Is(r.err, sentinels[f]) {
				s.Errorf("the service is %s, and the error of FetchMany is %v", f, r.err)
			}
			s.checkSilent(r.err)
		}
	}
}
