package typedsecret_test

import (
	"sync/atomic"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/secret"
)

// A store is a Source in memory. Its versions are called v1, v2, … in the order in which
// they were put, counted over all secrets.
type store struct{ *handletest.Store }

// storing makes a store that holds these IDs and payloads.
func storing(idsAndPayloads ...string) *store {
	return &store{handletest.Storing(idsAndPayloads...)}
}

// put gives a secret a new version.
func (s *store) put(id, payload string) { s.Put(id, payload) }

// fail makes every fetch fail with err, or none if it is nil.
func (s *store) fail(err error) { s.Fail(err) }

// fetches returns how often a secret was asked for.
func (s *store) fetches(id string) int { return s.Fetches(id) }

func (s *store) count() int { return s.Count() }

// eager is a Config with which each forced refresh fetches at once, and a failure has no
// back-off.
var eager = handletest.Eager()

// open makes a Cache that the end of the test closes.
func open(t testing.TB, source secret.Source, cfg cache.Config) *cache.Cache {
	t.Helper()
	return handletest.Open(t, source, cfg)
}

// setDefault makes c the default cache for the duration of the test.
func setDefault(t testing.TB, c *cache.Cache) { handletest.SetDefault(t, c) }

// A counter is a codec that counts its calls.
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

// must returns the value that was read, and fails the test on an error.
func must[T any](t testing.TB) func(v T, err error) T { return handletest.Must[T](t) }

// wantGet reads a handle that must have this value.
func wantGet[T any](t testing.TB, s *typedsecret.Secret[T], want T) {
	t.Helper()
	handletest.WantGet(t, s, want)
}

// wantRefresh refreshes a handle that must then have this value.
func wantRefresh[T any](t testing.TB, s *typedsecret.Secret[T], want T) {
	t.Helper()
	handletest.WantRefresh(t, s, want)
}

// flip is a hook that stores the bytes inverted.
type flip = handletest.Flip

// makeBusy reads a handle so often that its snapshot may be returned without a look at the
// clock.
func makeBusy[T any](t testing.TB, s *typedsecret.Secret[T]) {
	t.Helper()
	for range 100 {
		if _, err := s.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
