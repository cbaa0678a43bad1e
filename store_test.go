package typedsecret_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// A store is a Source in memory. Its versions are called v1, v2, … in the order
// in which they were put, whatever the secret.
type store struct {
	mu     sync.Mutex // guards the fields below
	values map[string]secret.Value
	err    error
	puts   int
	calls  int
	asked  map[string]int // calls, by ID
}

// storing makes a store that holds these IDs and payloads.
func storing(idsAndPayloads ...string) *store {
	s := &store{values: map[string]secret.Value{}, asked: map[string]int{}}
	for i := 0; i < len(idsAndPayloads); i += 2 {
		s.put(idsAndPayloads[i], idsAndPayloads[i+1])
	}
	return s
}

// put gives a secret a new version.
func (s *store) put(id, payload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	s.values[id] = secret.Value{
		Payload: secret.StringPayload(payload), Name: id,
		VersionID: fmt.Sprint("v", s.puts), Stages: []string{"AWSCURRENT"},
	}
}

// fail makes every fetch fail with err, or none if it is nil.
func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *store) Fetch(_ context.Context, ref secret.Ref) (secret.Value, error) {
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

// fetches returns how often a secret was asked for.
func (s *store) fetches(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[id]
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// eager lets each forced refresh fetch, and tries again at once after a failure.
var eager = cache.Config{
	MinRefreshInterval: -1,
	Backoff:            backoff.Policy{Base: -1},
}

// open makes a Cache that the end of the test closes.
func open(t testing.TB, source secret.Source, cfg cache.Config) *cache.Cache {
	t.Helper()
	c, err := cache.New(source, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// over makes a Cache that reads from server through the real SDK client.
func over(t testing.TB, server *secrettest.Server, cfg cache.Config) *cache.Cache {
	t.Helper()
	source, err := awssm.New(client(server))
	if err != nil {
		t.Fatal(err)
	}
	return open(t, source, cfg)
}

// setDefault makes c the default cache for the duration of the test.
func setDefault(t testing.TB, c *cache.Cache) {
	typedsecret.SetDefault(c)
	t.Cleanup(func() { typedsecret.SetDefault(nil) })
}

// A counter is a codec that counts what it is asked for.
type counter struct {
	codec  codec.Codec
	calls  atomic.Int64
	before func(data []byte) // called before each decoding, if there is one
}

func (c *counter) Decode(data []byte, into any) error {
	c.calls.Add(1)
	if c.before != nil {
		c.before(data)
	}
	return c.codec.Decode(data, into)
}

func counting(c codec.Codec) *counter { return &counter{codec: c} }

func (c *counter) want(t testing.TB, n int64) {
	t.Helper()
	if got := c.calls.Load(); got != n {
		t.Errorf("the codec was called %d times, want %d", got, n)
	}
}

// must returns what was read without an error.
func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		return v
	}
}

// wantGet reads a handle that must have this value.
func wantGet[T any](t testing.TB, s *typedsecret.Secret[T], want T) {
	t.Helper()
	wantRead(t, "Get", s.Get, want)
}

// wantRefresh refreshes a handle that must then have this value.
func wantRefresh[T any](t testing.TB, s *typedsecret.Secret[T], want T) {
	t.Helper()
	wantRead(t, "Refresh", s.Refresh, want)
}

func wantRead[T any](t testing.TB, name string, read func(context.Context) (T, error), want T) {
	t.Helper()
	got, err := read(t.Context())
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// makeBusy reads a handle so often that its snapshot may be returned unlooked at.
func makeBusy[T any](t testing.TB, s *typedsecret.Secret[T]) {
	t.Helper()
	for range 100 {
		if _, err := s.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
