package integration_test

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/integration/redistest"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/recipes/redissecret"
)

// ping opens a new connection, logs in and sends one command.
func ping(ctx context.Context, s *service, server *redistest.Server) error {
	client := redissecret.NewClient(s.secret, func(c creds) (user, password string) { return c.Username, c.Password },
		&redis.Options{Addr: server.Addr(), PoolSize: 1, MaxRetries: -1})
	defer client.Close()
	return client.Ping(ctx).Err()
}

func newRedis(t *testing.T, opts ...typedsecret.Option) (*service, *redistest.Server) {
	t.Helper()
	server := redistest.New(t)
	for _, user := range []string{"app", "app_clone"} {
		must(t, server.SetUser(t.Context(), user, "first"))
	}
	return newService(t, server, opts...), server
}

func TestRedisIsReachedThroughRotations(t *testing.T) {
	s, server := newRedis(t)
	must(t, ping(t.Context(), s, server))
	s.askInTheWindow(func(ctx context.Context) error { return ping(ctx, s, server) })
	s.rotate(rotation.AlternatingUsers, func(ctx context.Context, _ string) error { return ping(ctx, s, server) })
	must(t, ping(t.Context(), s, server))
}

func TestRedisOwnErrorIsReached(t *testing.T) {
	s, server := newRedis(t, typedsecret.WithRetryBudget(0))
	must(t, server.SetPassword(t.Context(), "app", "changed by hand"))
	err := ping(t.Context(), s, server)
	var ours *typedsecret.Error
	if !errors.Is(err, typedsecret.ErrRejected) || !errors.As(err, &ours) || ours.Ref.ID != "prod/db" {
		t.Errorf("the error is %v", err)
	}
}
