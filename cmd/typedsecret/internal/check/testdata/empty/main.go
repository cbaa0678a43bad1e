// Command empty has a handle without an ID, for the tests of package check.
package main

import "github.com/typedsecret/typedsecret"

var key = typedsecret.New[string]("")

func main() { println(key.ID()) }
