// Command single has one handle, for the tests of package check.
package main

import "github.com/typedsecret/typedsecret"

var db = typedsecret.New[struct {
	Host string `json:"host"`
}]("app/store")

func main() { println(db.ID()) }
