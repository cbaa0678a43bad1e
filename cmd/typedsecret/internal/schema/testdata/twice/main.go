// Command twice reads one secret as several types, for the tests of the schema.
package main

import (
	"context"
	"fmt"

	"github.com/typedsecret/typedsecret"
)

type creds struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Replica  *creds `json:"replica,omitempty"`
}

// An account has a nested type, so its schema has a definition of its own.
type account struct {
	Username string `json:"username"`
}

var (
	now      = typedsecret.New[creds]("prod/db")
	previous = typedsecret.New[creds]("prod/db", typedsecret.WithStage("AWSPREVIOUS"))
	user     = typedsecret.New[account]("prod/db")
	password = typedsecret.New[string]("prod/db", typedsecret.WithKey("password"))
)

func main() {
	ctx := context.Background()
	_, err := now.Get(ctx)
	_, err2 := previous.Get(ctx)
	_, err3 := user.Get(ctx)
	_, err4 := password.Get(ctx)
	fmt.Println(err, err2, err3, err4)
}
