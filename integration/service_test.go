package integration_test

import (
	"context"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/secrettest"
)

type creds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// A service has a Secrets Manager that rotates the password of a server, and a handle on
// the secret.
type service struct {
	t       *testing.T
	rotator *rotation.Rotator
	server  rotation.Database
	secret  *typedsecret.Secret[creds]

	refusals chan struct{} // receives a value for each login that was refused
}

// newService makes a service with the user app and the password first.
func newService(t *testing.T, server rotation.Database, opts ...typedsecret.Option) *service {
	t.Helper()
	s := &service{t: t, server: server, refusals: make(chan struct{}, 1000)}
	manager, secrets := secrettest.NewCache(t, cache.Config{
		Observer: hook.ObserverFunc(s.observe), MinRefreshInterval: cache.DefaultMinRefreshInterval,
	})
	manager.Seed(t, "prod/db", `{"username":"app","password":"first"}`)
	s.rotator = rotation.New(manager)
	s.secret = typedsecret.New[creds]("prod/db", append(opts, typedsecret.WithCache(secrets))...)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rotate makes a rotation. It calls after with each step when the step's work is done.
func (s *service) rotate(strategy rotation.Strategy, after func(ctx context.Context, step string) error) {
	s.t.Helper()
	must(s.t, s.rotator.Manage(s.t.Context(), "prod/db", rotation.Config{Database: s.server, Strategy: strategy, After: after}))
	must(s.t, s.rotator.Rotate(s.t.Context(), "prod/db"))
}

func (s *service) observe(_ context.Context, e hook.Event) {
	if _, ok := e.(hook.Rejected); ok {
		s.refusals <- struct{}{}
	}
}

// askInTheWindow runs a query during a rotation, after setSecret. The rotation goes on
// after the query's login was refused a few times.
func (s *service) askInTheWindow(query func(context.Context) error) {
	s.t.Helper()
	answer := make(chan error, 1)
	s.rotate(rotation.SingleUser, func(ctx context.Context, step string) error {
		if step != rotation.SetSecret {
			return nil
		}
		go func() { answer <- query(s.t.Context()) }()
		for range 3 {
			select {
			case <-s.refusals:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	if err := <-answer; err != nil {
		s.t.Errorf("the query failed: %v", err)
	}
}
