package secrettest

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// NewCache starts a fake Secrets Manager for a test, as [New] does, and makes a Cache that
// reads from it through the AWS SDK's client. The test gives the Cache to its handles by
// typedsecret.WithCache. The Cache and then the Server are closed when the test ends.
//
// Each call makes a Server and a Cache of their own, and neither uses a socket, an
// environment variable or a global variable. So the test may be parallel. It may also run in
// a testing/synctest bubble, if it calls NewCache inside the bubble. Time in the bubble does
// not take real time: a test of a TTL of an hour ends at once.
//
// The Cache has the given Config, or the default one. There is one difference: a
// MinRefreshInterval of 0 means off, since a test rotates a secret more often than once a
// second. To test with the default, set it to cache.DefaultMinRefreshInterval.
func NewCache(t testing.TB, cfg ...cache.Config) (*Server, *cache.Cache) {
	t.Helper()
	var config cache.Config
	switch len(cfg) {
	case 0:
	case 1:
		config = cfg[0]
	default:
		t.Fatalf("secrettest: NewCache was given %d Configs; give it one, or none for the defaults", len(cfg))
	}
	if config.MinRefreshInterval == 0 {
		config.MinRefreshInterval = -1
	}
	s := New(t)
	source, err := awssm.New(s.sdk())
	if err != nil {
		t.Fatalf("secrettest: NewCache: %v", err)
	}
	c, err := cache.New(source, config)
	if err != nil {
		t.Fatalf("secrettest: NewCache: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("secrettest: closing the cache of NewCache: %v", err)
		}
	})
	return s, c
}

// sdk returns the AWS SDK's client for this server, without a socket.
func (s *Server) sdk() *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region:     s.store.cfg.Region,
		HTTPClient: s.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "secrettest", SecretAccessKey: "secrettest"}, nil
		}),
	})
}
