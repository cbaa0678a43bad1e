// Package testcache gives tests a real cache over a Secrets Manager in
// memory.
package testcache

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// A Rig is a Secrets Manager and a cache over it.
type Rig struct {
	Server   *secrettest.Server
	Cache    *cache.Cache
	Rejected chan hook.Rejected // each refusal that a Do was told of
}

// New makes a Rig for a test, inside a testing/synctest bubble too.
func New(t testing.TB) *Rig {
	t.Helper()
	r := &Rig{Server: secrettest.New(t), Rejected: make(chan hook.Rejected, 1000)}
	source, err := awssm.New(Client(r.Server))
	if err != nil {
		t.Fatal(err)
	}
	r.Cache, err = cache.New(source, cache.Config{
		MinRefreshInterval: -1, // rotations of tests follow each other closely
		Observer: hook.ObserverFunc(func(_ context.Context, e hook.Event) {
			if rejected, ok := e.(hook.Rejected); ok {
				r.Rejected <- rejected
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Cache.Close() })
	return r
}

// Fetches says how often the secret was fetched.
func (r *Rig) Fetches(id string) int { return r.Server.CallsFor(id, "GetSecretValue") }

// Client returns the SDK's client for server, which needs no socket.
func Client(server *secrettest.Server) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region:     "us-east-1",
		HTTPClient: server.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}, nil
		}),
	})
}
