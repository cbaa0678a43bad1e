package redissecret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/recipes/redissecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

func payload(password string) string {
	return fmt.Sprintf(`{"username":"app","password":%q}`, password)
}

// A rig is a fake Secrets Manager and a cache over it.
type rig struct {
	server   *secrettest.Server
	cache    *cache.Cache
	rejected chan hook.Rejected // each refusal that was reported to a Do
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{rejected: make(chan hook.Rejected, 1000)}
	r.server, r.cache = secrettest.NewCache(t, cache.Config{
		Observer: hook.ObserverFunc(func(_ context.Context, e hook.Event) {
			if rejected, ok := e.(hook.Rejected); ok {
				r.rejected <- rejected
			}
		}),
	})
	return r
}

// fetches returns how often the secret was fetched.
func (r *rig) fetches(id string) int { return r.server.CallsFor(id, "GetSecretValue") }

// start returns a Redis and a client that logs user app in with the password "first".
func start(t *testing.T, opt func(*redis.Options), opts ...typedsecret.Option) (*rig, *redisServer, *redis.Client) {
	t.Helper()
	return startWith(t, newRedis(t), opt, opts...)
}

func startWith(t *testing.T, server *redisServer, opt func(*redis.Options), opts ...typedsecret.Option) (*rig, *redisServer, *redis.Client) {
	t.Helper()
	rig := newRig(t)
	server.set(t, "first")
	rig.server.Seed(t, "prod/redis", payload("first"))
	secret := typedsecret.New[Login]("prod/redis", append(opts, typedsecret.WithCache(rig.cache))...)
	o := server.options()
	if opt != nil {
		opt(o)
	}
	client := redissecret.NewClient(secret, Login.Credentials, o)
	t.Cleanup(func() { client.Close() })
	return rig, server, client
}

// count has Redis count one use of key.
func count(ctx context.Context, c redis.Cmdable, key string) error { return c.Incr(ctx, key).Err() }

// awaitRefusal returns when a login was refused and the command that needs it waits.
func awaitRefusal(t *testing.T, rig *rig, done <-chan error) {
	t.Helper()
	select {
	case <-rig.rejected:
	case err := <-done:
		t.Fatalf("it did not wait, but ended with %v", err)
	}
}

// uses are the ways to use a client. Each adds one to the count of key.
var uses = map[string]func(ctx context.Context, c *redis.Client, key string) error{
	"command": func(ctx context.Context, c *redis.Client, key string) error { return count(ctx, c, key) },
	"pipeline": func(ctx context.Context, c *redis.Client, key string) error {
		cmds, err := c.Pipelined(ctx, func(p redis.Pipeliner) error { return count(ctx, p, key) })
		return errors.Join(err, cmds[0].Err())
	},
	"MULTI": func(ctx context.Context, c *redis.Client, key string) error {
		cmds, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error { return count(ctx, p, key) })
		return errors.Join(err, cmds[0].Err())
	},
	"WATCH": func(ctx context.Context, c *redis.Client, key string) error {
		return c.Watch(ctx, func(tx *redis.Tx) error {
			_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return count(ctx, p, key) })
			return err
		}, key)
	},
	"connection": func(ctx context.Context, c *redis.Client, key string) error {
		conn := c.Conn()
		defer conn.Close()
		return count(ctx, conn, key)
	},
	"subscription": func(ctx context.Context, c *redis.Client, key string) error {
		sub := c.Subscribe(ctx, "channel")
		defer sub.Close()
		if _, err := sub.Receive(ctx); err != nil {
			return err
		}
		return count(ctx, c, key)
	},
}

// TestNothingFailsWhileAPasswordIsRotated tries each use of a client, also in the window
// after the password is changed in Redis and before the secret is.
func TestNothingFailsWhileAPasswordIsRotated(t *testing.T) {
	for how, config := range map[string][]string{"RESP2": nil, "RESP3": nil, "no HELLO": noHELLO} {
		for name, use := range uses {
			t.Run(name+" "+how, func(t *testing.T) {
				rig, server, client := startWith(t, newRedis(t, config...), func(o *redis.Options) {
					if how == "RESP2" {
						o.Protocol = 2
					}
				})
				if err := use(t.Context(), client, "n"); err != nil {
					t.Fatal(err)
				}
				server.set(t, "second")
				done := make(chan error, 1)
				go func() { done <- use(t.Context(), client, "n") }()
				awaitRefusal(t, rig, done)
				rig.server.Rotate(t, "prod/redis", payload("second"))
				if err := <-done; err != nil {
					t.Error(err)
				}
				if n, err := client.Get(t.Context(), "n").Int(); err != nil || n != 2 {
					t.Errorf("%d were executed, want 2; %v", n, err)
				}
			})
		}
	}
}

func TestManyWhoAreRefusedAtOnceAllGoOn(t *testing.T) {
	rig, server, client := start(t, func(o *redis.Options) { o.PoolSize = 4 })
	const rotations, users = 5, 20
	for i := range rotations {
		password := fmt.Sprint("password ", i)
		server.set(t, password)
		done := make(chan error, users)
		for range users {
			go func() { done <- count(t.Context(), client, "n") }()
		}
		awaitRefusal(t, rig, done)
		rig.server.Rotate(t, "prod/redis", payload(password))
		for range users {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		for len(rig.rejected) > 0 {
			<-rig.rejected
		}
	}
	if n, err := client.Get(t.Context(), "n").Int(); err != nil || n != rotations*users {
		t.Errorf("%d were executed, want %d; %v", n, rotations*users, err)
	}
}

func TestARefusalForGoodEndsWithWhatRedisSaid(t *testing.T) {
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			rig, server, client := start(t, nil, typedsecret.WithRetryBudget(0))
			server.set(t, "other")
			err := use(t.Context(), client, "n")
			var failed *typedsecret.Error
			if !errors.Is(err, typedsecret.ErrRejected) || !errors.As(err, &failed) || !redis.IsAuthError(failed) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), "WRONGPASS") || strings.Contains(err.Error(), "first") {
				t.Errorf("got %v", err)
			}
			want := 1
			if name == "pipeline" || name == "MULTI" || name == "subscription" {
				want = 2 // go-redis goes on to a second connection
			}
			if n := len(rig.rejected); n != want {
				t.Errorf("%d logins, want %d", n, want)
			}
			rig.server.Rotate(t, "prod/redis", payload("other"))
			if err := use(t.Context(), client, "n"); err != nil {
				t.Errorf("after the rotation: %v", err)
			}
		})
	}
}

func TestOpenConnectionsNeedNoSecret(t *testing.T) {
	rig, _, client := start(t, nil)
	if err := count(t.Context(), client, "n"); err != nil {
		t.Fatal(err)
	}
	rig.cache.Close()
	if err := count(t.Context(), client, "n"); err != nil {
		t.Error(err)
	}
}

func TestACommandThatFailsAsALoginDoesIsExecutedOnce(t *testing.T) {
	rig, _, client := start(t, nil)
	for i, says := range []string{"WRONGPASS of a script", "NOAUTH of a script"} {
		err := client.Eval(t.Context(), "redis.call('INCR', 'n') return redis.error_reply(ARGV[1])", nil, says).Err()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v", err)
		}
		if n, err := client.Get(t.Context(), "n").Int(); n != i+1 || err != nil {
			t.Errorf("%d executions, %v", n, err)
		}
	}
	if n := rig.fetches("prod/redis"); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestTheCallersOwnLoginIsLeftAlone(t *testing.T) {
	_, server, client := start(t, nil)
	if err := server.admin.Do(t.Context(), "ACL", "SETUSER", "guest", "on", ">guest", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	conn := client.Conn()
	defer conn.Close()
	if err := conn.AuthACL(t.Context(), "guest", "wrong").Err(); !redis.IsAuthError(err) {
		t.Errorf("got %v", err)
	}
	if err := conn.AuthACL(t.Context(), "guest", "guest").Err(); err != nil {
		t.Error(err)
	}
	if who, err := conn.Do(t.Context(), "ACL", "WHOAMI").Text(); who != "guest" || err != nil {
		t.Errorf("got %q, %v", who, err)
	}
}

func TestTheCommandsContextEndsTheWait(t *testing.T) {
	rig, server, client := start(t, nil)
	server.set(t, "other")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- count(ctx, client, "n") }()
	awaitRefusal(t, rig, done)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(err, typedsecret.ErrRejected) {
		t.Errorf("got %v", err)
	}
}
