// Command service reads secrets, for the tests of package check and of the policy.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/check/testdata/service/internal/store"
	"github.com/typedsecret/typedsecret/codec"
)

type creds struct {
	Username string         `json:"username"`
	Password codec.Redacted `json:"password"`
	Port     int            `json:"port"`
}

// Validate needs the program's own code.
func (c creds) Validate() error {
	if c.Port == 13 {
		return codec.Invalid("the port is unlucky")
	}
	return nil
}

// A level has a codec that an init function registers.
type level int

func init() {
	codec.Register[level](codec.Func(func(b []byte) (level, error) {
		if string(b) == "high" {
			return 1, nil
		}
		return 0, codec.Invalid("no level")
	}))
}

// A point is in a form of its own.
type point struct{ X, Y int }

func parsePoint(b []byte) (p point, err error) {
	_, err = fmt.Sscanf(string(b), "%d,%d", &p.X, &p.Y)
	return p, err
}

var strict = codec.JSON{Strict: true}

var (
	app    = typedsecret.Set{Prefix: "app/"}
	db     = typedsecret.New[creds]("db", typedsecret.WithSet(&app))
	alarm  = typedsecret.New[level]("level", typedsecret.WithSet(&app))
	apiKey = typedsecret.New[string]("api", typedsecret.WithSet(&app), typedsecret.WithKey("token"))
	at     = typedsecret.New[point]("at", typedsecret.WithSet(&app), typedsecret.WithCodec(codec.Func(parsePoint)))
	exact  = typedsecret.New[map[string]creds]("exact", typedsecret.WithSet(&app), typedsecret.WithCodec(strict))
)

func main() {
	type local struct {
		A creds `json:"a"`
	}
	inner := typedsecret.New[local]("local", typedsecret.WithSet(&app))
	byEnv := typedsecret.New[string](os.Getenv("SECRET_ID"), typedsecret.WithSet(&app))
	lib := store.New(&app)
	if err := app.Preload(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ok", db.ID(), alarm.ID(), apiKey.ID(), at.ID(), exact.ID(), inner.ID(), byEnv.ID(), lib.ID())
}
