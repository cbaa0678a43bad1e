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

func ExampleCache_DownBackends() {
	s := status.Cache{Backends: []status.Backend{{Name: "eu-west-1", Down: true, Class: "timeout"}, {Name: "us-east-1"}}}
	fmt.Println(s.DownBackends(), "of", len(s.Backends))
	// Output: 1 of 2
}
