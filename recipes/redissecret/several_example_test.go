package redissecret_test

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/recipes/redissecret"
)

var login = typedsecret.New[Login]("prod/redis")

// These examples are only compiled, since they need several servers. The tests in folder
// integration run the same code with a real cluster and a real Sentinel.
func ExampleNewClusterClient() {
	client := redissecret.NewClusterClient(login, Login.Credentials, &redis.ClusterOptions{
		Addrs: []string{"redis-1:6379", "redis-2:6379", "redis-3:6379"},
	})
	defer client.Close()
	fmt.Println(client.Incr(context.Background(), "visits").Result())
}

func ExampleNewFailoverClient() {
	client := redissecret.NewFailoverClient(login, Login.Credentials, &redis.FailoverOptions{
		MasterName:    "main",
		SentinelAddrs: []string{"sentinel-1:26379", "sentinel-2:26379", "sentinel-3:26379"},
	})
	defer client.Close()
	fmt.Println(client.Incr(context.Background(), "visits").Result())
}

func ExampleNewFailoverClusterClient() {
	client := redissecret.NewFailoverClusterClient(login, Login.Credentials, &redis.FailoverOptions{
		MasterName:    "main",
		SentinelAddrs: []string{"sentinel-1:26379", "sentinel-2:26379", "sentinel-3:26379"},
		RouteRandomly: true,
	})
	defer client.Close()
	fmt.Println(client.Get(context.Background(), "visits").Result())
}

func ExampleNewUniversalClient() {
	var client redis.UniversalClient = redissecret.NewUniversalClient(login, Login.Credentials, &redis.UniversalOptions{
		Addrs: []string{"redis-1:6379", "redis-2:6379", "redis-3:6379"}, // from the service's configuration
	})
	defer client.Close()
	fmt.Println(client.Incr(context.Background(), "visits").Result())
}
