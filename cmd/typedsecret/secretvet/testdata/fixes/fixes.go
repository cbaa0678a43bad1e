// Package fixes shows which leaks can be mended by a machine.
package fixes

import (
	"context"
	"fmt"
	"log"
	"log/slog"

	"github.com/typedsecret/typedsecret"
)

type login struct{ User, Password string }

var db = typedsecret.New[login]("prod/db")

func field(ctx context.Context) {
	c, _ := db.Get(ctx)
	log.Printf("%s: %d", c.Password, 1)                     // want `c.Password holds`
	slog.Info("login", "password", c.Password)              // want `c.Password holds`
	slog.Info("login", slog.String("password", c.Password)) // want `c.Password holds`
}

// The fix would leave c unused.
func lastUse(ctx context.Context) {
	c, _ := db.Get(ctx)
	fmt.Println(c.Password) // want `c.Password holds`
}

// The verb shows no string.
func verb(ctx context.Context) {
	c, _ := db.Get(ctx)
	fmt.Printf("%x %x\n", c.Password, len(c.User)) // want `c.Password holds`
}

// The call would be lost.
func call(ctx context.Context) {
	fmt.Println(db.Get(ctx)) // want `db.Get\(ctx\) holds`
}
