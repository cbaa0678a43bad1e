// Command failures reads secrets that fail, each in its own way.
package main

import "github.com/typedsecret/typedsecret"

type creds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

var all = []typedsecret.Handle{
	typedsecret.New[creds]("fine"),
	typedsecret.New[creds]("unknown-secret"),
	typedsecret.New[creds]("access-denied"),
	typedsecret.New[creds]("kms-key-disabled"),
	typedsecret.New[creds]("secret-scheduled-for-deletion"),
	typedsecret.New[creds]("json-broken"),
	typedsecret.New[creds]("key-missing"),
	typedsecret.New[creds]("version-label-missing", typedsecret.WithStage("AWSPREVIOUS")),
}

func main() { println(len(all)) }
