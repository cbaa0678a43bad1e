package status_test

import (
	"expvar"
	"fmt"

	"github.com/typedsecret/typedsecret/status"
)

func ExampleCache_States() {
	s := status.Cache{Secrets: []status.Secret{{ID: "prod/db", State: status.Fresh}, {ID: "prod/key", State: status.Fresh}}}
	fmt.Println(expvar.Func(func() any { return s.States() }))
	// Output: {"absent":0,"due":0,"fresh":2,"refused":0,"stale":0}
}
