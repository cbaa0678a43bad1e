package typedsecret_test

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/typedsecret/typedsecret"
)

// delay is drawn at random.
var delay = regexp.MustCompile(` \(no other fetch for .*?\)`)

func ExamplePreload() {
	server := serve("prod/api-key", "hunter2")
	defer server.Close()
	db := typedsecret.New[DBCreds]("prod/db")
	key := typedsecret.New[string]("prod/api-key")

	// In main, before the service says that it is ready: all that is wrong, at once.
	if err := typedsecret.Preload(context.Background(), db, key); err != nil {
		fmt.Println(delay.ReplaceAllString(err.Error(), ""))
	}
	fmt.Println("requests:", server.Calls())
	// Output:
	// secret prod/db@AWSCURRENT: secret not found: Secrets Manager can't find the specified secret (ResourceNotFoundException)
	// requests: 1
}

func ExamplePreloader() {
	server := serve("prod/api-key", "hunter2")
	defer server.Close()
	key := typedsecret.New[string]("prod/api-key")

	// A thousand processes that start together have their secrets within 50 ms.
	preloader := typedsecret.Preloader{Jitter: 50 * time.Millisecond}
	if err := preloader.Preload(context.Background(), key); err != nil {
		fmt.Println(err)
	}
	fmt.Println(key.Get(context.Background()))
	// Output: hunter2 <nil>
}

// A Set is a package variable, as its handles are.
var service typedsecret.Set

var serviceKey = typedsecret.New[string]("prod/service-key", typedsecret.WithSet(&service))

func ExampleSet() {
	server := serve("prod/service-key", "hunter2")
	defer server.Close()

	if err := service.Preload(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(serviceKey.Get(context.Background()))
	fmt.Println("requests:", server.CallsFor("prod/service-key"))
	// Output:
	// hunter2 <nil>
	// requests: 1
}
