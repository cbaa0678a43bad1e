package source_test

import (
	"context"
	"fmt"
	"log"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/source"
)

// A program with a cache of its own obeys the ttl of the setting.
func ExampleTTL() {
	from, err := source.Open(context.Background(), "env:SECRET_?ttl=10s") // or source.FromEnvironment
	if err != nil {
		log.Fatal(err)
	}
	c, err := cache.New(from, cache.Config{TTL: source.TTL(from)})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Println(source.TTL(from))
	// Output: 10s
}
