// Package handletest is shared by tests of handles: it has a source in memory, caches that
// end with their test, a database that refuses passwords, and checks of a handle's values.
package handletest

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// Eager returns a Config with which each forced refresh fetches at once, and a failure has
// no back-off.
func Eager() cache.Config {
	return cache.Config{MinRefreshInterval: -1, Backoff: backoff.Policy{Base: -1}}
}

// Open makes a Cache that the end of the test closes.
func Open(t testing.TB, source secret.Source, cfg cache.Config) *cache.Cache {
	t.Helper()
	c, err := cache.New(source, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// SetDefault makes c the default cache for the duration of the test.
func SetDefault(t testing.TB, c *cache.Cache) {
	typedsecret.SetDefault(c)
	t.Cleanup(func() { typedsecret.SetDefault(nil) })
}

// Client returns the AWS SDK's client for the fake server, without a socket.
func Client(server *secrettest.Server) *secretsmanager.Client {
	return newClient(secretsmanager.Options{HTTPClient: server.Client()})
}

// ClientByURL is like [Client], through a socket and the SDK's HTTP client, so that their
// errors can occur.
func ClientByURL(server *secrettest.Server) *secretsmanager.Client {
	return newClient(secretsmanager.Options{BaseEndpoint: aws.String(server.URL())})
}

func newClient(o secretsmanager.Options) *secretsmanager.Client {
	o.Region = "us-east-1"
	o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "made", SecretAccessKey: "up"}, nil
	})
	return secretsmanager.New(o)
}

// Must returns the value that was read, and fails the test on an error.
func Must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		return v
	}
}

// WantGet reads a handle that must have this value.
func WantGet[T any](t testing.TB, s *typedsecret.Secret[T], want T) {
	t.Helper()
	wantRead(t, "Get", s.Get, want)
}

// WantRefresh refreshes a handle that must then have this value.
func WantRefresh[T any](t testing.TB, s *typedsecret.Secret[T], want T) {
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

// Flip is a hook that stores the bytes inverted.
type Flip struct{}

var _ hook.Hook = Flip{}

// Put implements [hook.Hook].
func (Flip) Put(_ context.Context, _ hook.Item, secret []byte) ([]byte, error) {
	return Inverted(secret), nil
}

// Get implements [hook.Hook].
func (Flip) Get(_ context.Context, _ hook.Item, stored []byte) ([]byte, error) {
	return Inverted(stored), nil
}

// Inverted returns the bytes with each bit turned over.
func Inverted(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = ^b[i]
	}
	return out
}
