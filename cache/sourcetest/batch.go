package sourcetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/typedsecret/typedsecret/cache"
)

// batchSource returns the source, if it can fetch batches.
func (s *suite) batchSource() cache.BatchSource {
	b, ok := s.Source.(cache.BatchSource)
	s.needs(ok, "Source that is a cache.BatchSource")
	return b
}

// fetchBatch skips the check if this source can't fetch batches after all.
func (s *suite) fetchBatch(ctx context.Context, refs ...cache.Ref) ([]cache.Result, error) {
	s.Helper()
	results, err := s.batchSource().FetchBatch(ctx, refs)
	if errors.Is(err, errors.ErrUnsupported) {
		s.Skipf("not checked: the source says of batches: %v", err)
	}
	if err == nil && len(results) != len(refs) {
		s.Fatalf("%d results for a batch of %d", len(results), len(refs))
	}
	return results, err
}

func (s *suite) batch() {
	var refs []cache.Ref
	for i := range cache.MaxBatch {
		refs = append(refs, s.current(s.id(fmt.Sprint(i))))
		if i%3 != 1 {
			s.Put(s, refs[i].ID, fmt.Sprint("value ", i))
		}
	}
	refs[cache.MaxBatch-1] = refs[0] // the same secret once more
	requests := 0
	if s.Requests != nil {
		requests = s.Requests()
	}
	results, err := s.fetchBatch(s.Context(), refs...)
	if err != nil {
		s.Fatalf("FetchBatch: %v", err)
	}
	if s.Requests != nil && s.Requests()-requests != 1 {
		s.Errorf("a batch made %d requests", s.Requests()-requests)
	}
	for i, r := range results {
		switch known := i%3 != 1 || i == cache.MaxBatch-1; {
		case errors.Is(r.Err, cache.ErrNotInBatch):
			s.Logf("there was no answer about secret %d of the batch", i)
		case known && r.Err != nil:
			s.Errorf("secret %d of the batch: %v", i, r.Err)
		case known:
			s.checkAbout(refs[i], r.Value)
			s.checkValue(r.Value, fmt.Sprint("value ", i%(cache.MaxBatch-1)), false)
			if single := s.mustFetch(refs[i]); single.VersionID != r.Value.VersionID || single.ARN != r.Value.ARN ||
				single.Name != r.Value.Name || !single.Created.Equal(r.Value.Created) {
				s.Errorf("secret %d of the batch is described otherwise than by Fetch", i)
			}
		case !errors.Is(r.Err, cache.ErrNotFound):
			s.Errorf("secret %d of the batch does not exist, and the error is %v", i, r.Err)
		}
	}
}

func (s *suite) batchFailures() {
	refs := []cache.Ref{s.current(s.id("a")), s.current(s.id("b"))}
	for _, ref := range refs {
		s.Put(s, ref.ID, marker)
	}
	cancelled, cancel := context.WithCancel(s.Context())
	cancel()
	_, err := s.fetchBatch(cancelled, refs...)
	s.checkCancelled(err)
	for f, fail := range s.Failures {
		if f == Hanging {
			continue // it is with Fetch that this is checked
		}
		stop := fail(s)
		results, err := s.fetchBatch(s.Context(), refs...)
		stop()
		if err != nil {
			results = []cache.Result{{Err: err}}
		}
		for _, r := range results {
			if !errors.Is(r.Err, sentinels[f]) && !errors.Is(r.Err, cache.ErrNotInBatch) {
				s.Errorf("the service is %s, and the error of a batch is %v", f, r.Err)
			}
			s.checkSilent(r.Err)
		}
	}
}
