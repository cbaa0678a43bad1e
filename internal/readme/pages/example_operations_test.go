package pages_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"sync"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/source/static"
)

// Counts is a metric with a label of few values.
type Counts struct {
	mu     sync.Mutex
	failed map[string]int
}

func (m *Counts) Observe(_ context.Context, e hook.Event) {
	if e, ok := e.(hook.FetchFailed); ok {
		m.mu.Lock()
		m.failed[secret.Class(e.Err)]++ // not_found, throttled, timeout …
		m.mu.Unlock()
	}
}

func Example_metrics() {
	counts := &Counts{failed: map[string]int{}}
	c, err := cache.New(static.New(nil), cache.Config{Observer: counts})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	typedsecret.New[string]("prod/unknown", typedsecret.WithCache(c)).Get(context.Background())
	fmt.Println(counts.failed)
	// Output: map[not_found:1]
}

// shutdown ends a service: first what reads secrets, then the cache.
func shutdown(ctx context.Context, server *http.Server, c *cache.Cache) error {
	return errors.Join(
		server.Shutdown(ctx), // no more readers
		c.Close(),            // its error says what did not end
	)
}

func Example_shutdown() {
	c, err := cache.New(static.New(nil), cache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(shutdown(context.Background(), new(http.Server), c))
	// Output: <nil>
}

// fromAWS makes a default cache that no environment variable leads elsewhere.
func fromAWS(ctx context.Context) {
	source, err := awssm.FromEnvironment(ctx) // AWS_REGION, AWS_PROFILE, roles …
	if err != nil {
		log.Fatal(err)
	}
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	typedsecret.SetDefault(c) // no handle asks the environment from here on
}

var _ = fromAWS
