package handletest

import (
	"context"
	"fmt"
	"sync"

	"github.com/typedsecret/typedsecret/secret"
)

// A Store is a Source in memory. Its versions are called v1, v2, … in the order in which
// they were put, counted over all secrets.
type Store struct {
	mu     sync.Mutex // guards the fields below
	values map[string]secret.Value
	err    error
	puts   int
	calls  int
	asked  map[string]int // calls, by ID
}

// Storing makes a Store that holds these IDs and payloads.
func Storing(idsAndPayloads ...string) *Store {
	s := &Store{values: map[string]secret.Value{}, asked: map[string]int{}}
	for i := 0; i < len(idsAndPayloads); i += 2 {
		s.Put(idsAndPayloads[i], idsAndPayloads[i+1])
	}
	return s
}

// Put gives a secret a new version.
func (s *Store) Put(id, payload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	s.values[id] = secret.Value{
		Payload: secret.StringPayload(payload), Name: id,
		VersionID: fmt.Sprint("v", s.puts), Stages: []string{"AWSCURRENT"},
	}
}

// Fail makes every fetch fail with err, or none if it is nil.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Fetch implements [secret.Source].
func (s *Store) Fetch(_ context.Context, ref secret.Ref) (secret.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.asked[ref.ID]++
	if s.err != nil {
		return secret.Value{}, s.err
	}
	v, ok := s.values[ref.ID]
	if !ok {
		return secret.Value{}, secret.ErrNotFound
	}
	return v, nil
}

// Fetches returns how often a secret was asked for.
func (s *Store) Fetches(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[id]
}

// Count returns how often any secret was asked for.
func (s *Store) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}
