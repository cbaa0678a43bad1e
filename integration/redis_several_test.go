package integration_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret/integration/redistest"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/recipes/redissecret"
)

func redisCredentials(c creds) (user, password string) { return c.Username, c.Password }

// A redisClient is what the tests need of a client.
type redisClient interface {
	redis.Cmdable
	Close() error
}

// clusterClients make the clients that know a cluster.
var clusterClients = map[string]func(*service, []string) redisClient{
	"NewClusterClient": func(s *service, addrs []string) redisClient {
		return redissecret.NewClusterClient(s.secret, redisCredentials, &redis.ClusterOptions{Addrs: addrs, Username: "ignored"})
	},
	"NewUniversalClient": func(s *service, addrs []string) redisClient {
		return redissecret.NewUniversalClient(s.secret, redisCredentials, &redis.UniversalOptions{Addrs: addrs, Username: "ignored"})
	},
}

// sentinelClients make the clients that ask a Sentinel for their server.
var sentinelClients = map[string]func(*service, string) redisClient{
	"NewFailoverClient": func(s *service, addr string) redisClient {
		return redissecret.NewFailoverClient(s.secret, redisCredentials, failover(addr))
	},
	"NewFailoverClusterClient": func(s *service, addr string) redisClient {
		return redissecret.NewFailoverClusterClient(s.secret, redisCredentials, failover(addr))
	},
	"NewUniversalClient": func(s *service, addr string) redisClient {
		return redissecret.NewUniversalClient(s.secret, redisCredentials,
			&redis.UniversalOptions{Addrs: []string{addr}, MasterName: redistest.MasterName})
	},
	"NewUniversalClient, by replicas": func(s *service, addr string) redisClient {
		return redissecret.NewUniversalClient(s.secret, redisCredentials,
			&redis.UniversalOptions{Addrs: []string{addr}, MasterName: redistest.MasterName, RouteRandomly: true})
	},
}

func failover(addr string) *redis.FailoverOptions {
	return &redis.FailoverOptions{SentinelAddrs: []string{addr}, MasterName: redistest.MasterName, Username: "ignored"}
}

// useEach sends commands to each of the nodes that may be behind a client.
func useEach(ctx context.Context, client redisClient) error {
	for i := range 20 {
		key := fmt.Sprint("key ", i)
		if err := client.Incr(ctx, key).Err(); err != nil {
			return err
		}
		_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Get(ctx, key).Err() })
		if err != nil && !errors.Is(err, redis.Nil) { // a replica may not have the key yet
			return err
		}
	}
	return nil
}

// passRotations uses a new client for each use, since Redis leaves open connections alone.
func passRotations(s *service, open func() redisClient) {
	use := func(ctx context.Context) error {
		client := open()
		defer client.Close()
		return useEach(ctx, client)
	}
	must(s.t, use(s.t.Context()))
	s.askInTheWindow(use)
	s.rotate(rotation.AlternatingUsers, func(ctx context.Context, _ string) error { return use(ctx) })
	must(s.t, use(s.t.Context()))
}

func TestARedisClusterIsReachedThroughRotations(t *testing.T) {
	for name, open := range clusterClients {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time goes by in pauses
			cluster := redistest.NewCluster(t)
			for _, user := range []string{"app", "app_clone"} {
				must(t, cluster.SetUser(t.Context(), user, "first"))
			}
			s := newService(t, cluster)
			passRotations(s, func() redisClient { return open(s, cluster.Addrs()) })
		})
	}
}

// TestRedisIsReachedThroughASentinelAndRotations also makes the replica the master, after
// the password has changed: the client logs in at a server that it has not seen yet.
func TestRedisIsReachedThroughASentinelAndRotations(t *testing.T) {
	for name, open := range sentinelClients {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time goes by in pauses
			sentinel := redistest.NewSentinel(t)
			for _, user := range []string{"app", "app_clone"} {
				must(t, sentinel.SetUser(t.Context(), user, "first"))
			}
			s := newService(t, sentinel)
			passRotations(s, func() redisClient { return open(s, sentinel.Addr()) })

			s.rotate(rotation.SingleUser, nil)
			must(t, sentinel.Failover(t.Context()))
			client := open(s, sentinel.Addr())
			defer client.Close()
			must(t, useEach(t.Context(), client))
		})
	}
}
