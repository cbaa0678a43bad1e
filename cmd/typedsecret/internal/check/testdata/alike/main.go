// Command alike reads types of packages whose paths differ by one sign, for the tests of package
// check.
package main

import (
	"github.com/typedsecret/typedsecret"
	one "github.com/typedsecret/typedsecret/cmd/typedsecret/internal/check/testdata/alike/a-b"
	two "github.com/typedsecret/typedsecret/cmd/typedsecret/internal/check/testdata/alike/a/b"
)

var (
	first  = typedsecret.New[one.T]("alike/first")
	second = typedsecret.New[two.T]("alike/second")
)

func main() { println(first, second) }
