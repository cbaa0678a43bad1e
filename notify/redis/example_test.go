package redisnotify_test

import (
	"context"
	"fmt"
	"log"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	redisnotify "github.com/typedsecret/typedsecret/notify/redis"
	"github.com/typedsecret/typedsecret/source"
)

// A service whose cache gets the events of rotations. The password of Redis is a secret itself: a new
// connection logs in with its present value.
func Example() {
	ctx := context.Background() // ends with the service
	from, err := source.FromEnvironment(ctx)
	if err != nil {
		log.Fatal(err)
	}
	secrets, err := cache.New(from, cache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer secrets.Close()
	password := typedsecret.New[string]("prod/redis", typedsecret.WithCache(secrets))
	client := redis.NewClient(&redis.Options{
		Addr: "redis:6379",
		CredentialsProviderContext: func(ctx context.Context) (user, pass string, err error) {
			// No event of this secret's rotation comes while there is no connection.
			if pass, err = password.Refresh(ctx); err != nil {
				pass, err = password.Get(ctx)
			}
			return "app", pass, err
		},
	})
	defer client.Close()
	receiver, err := redisnotify.New(redisnotify.Config{
		Client: client, Channel: "rotations", OnError: func(err error) { log.Print(err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	err = receiver.Receive(ctx, secrets.HandleEvent)
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleNew() {
	client := redis.NewClient(&redis.Options{Addr: "redis:6379"})
	defer client.Close()
	_, err := redisnotify.New(redisnotify.Config{Client: client})
	fmt.Println(err)
	// Output: redisnotify: Config.Channel is empty; name the channel that the relay publishes to
}
