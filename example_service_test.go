package typedsecret_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// How a service that uses typedsecret is tested: the README shows it.
func TestMyService(t *testing.T) {
	server := secrettest.New(t) // ends with the test
	server.Setenv(t)            // the AWS SDK of this process now talks to it
	typedsecret.SetDefault(nil) // package variables get a new default cache, over server
	t.Cleanup(func() { typedsecret.SetDefault(nil) })
	server.Seed(t, "prod/db", `{"username":"app","password":"first","host":"db","port":5432}`)

	if creds, err := db.Get(t.Context()); err != nil || creds.Password != "first" {
		t.Errorf("got %+v, %v", creds, err)
	}
	server.Rotate(t, "prod/db", `{"username":"app","password":"second","host":"db","port":5432}`)
	if creds, err := db.Refresh(t.Context()); err != nil || creds.Password != "second" {
		t.Errorf("got %+v, %v", creds, err)
	}
	if n := server.Calls("GetSecretValue"); n != 2 {
		t.Errorf("%d calls", n)
	}
}

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
