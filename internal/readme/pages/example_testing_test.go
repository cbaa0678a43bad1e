package pages_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A value past its TTL is refreshed, and the hour takes no time.
func TestAnHourLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t) // inside the bubble
		server.Seed(t, "prod/api-key", "first")
		key := typedsecret.New[string]("prod/api-key", typedsecret.WithCache(c))
		if _, err := key.Get(t.Context()); err != nil {
			t.Fatal(err)
		}

		server.Rotate(t, "prod/api-key", "second")
		time.Sleep(time.Hour) // the TTL
		if value, err := key.Get(t.Context()); value != "second" || err != nil {
			t.Errorf("got %q, %v", value, err)
		}
	})
}

// Readers meet their deadlines while Secrets Manager hangs.
func TestSecretsManagerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		server.Seed(t, "prod/api-key", "first")
		key := typedsecret.New[string]("prod/api-key", typedsecret.WithCache(c))
		if _, err := key.Get(t.Context()); err != nil {
			t.Fatal(err)
		}

		server.Fail(t, secrettest.Fault{Effect: secrettest.Hang()})
		time.Sleep(2 * time.Hour)
		start := time.Now()
		value, info, err := key.GetWithInfo(t.Context())
		if waited := time.Since(start); value != "first" || err != nil || !info.Stale || waited > time.Second {
			t.Errorf("got %q, %v after %v", value, err, waited)
		}
	})
}

// Package variables read from the default cache. A test leads that to a fake by the
// environment, and so can't be parallel.
func TestPackageVariables(t *testing.T) {
	server := secrettest.New(t)
	server.Setenv(t)            // the AWS SDK of this process now talks to it
	typedsecret.SetDefault(nil) // package variables get a new default cache, over server
	t.Cleanup(func() { typedsecret.CloseDefault() })
	server.Seed(t, "prod/api-key", "k-123456")

	if key, err := apiKey.Get(t.Context()); key != "k-123456" || err != nil {
		t.Errorf("got %q, %v", key, err)
	}
}
