// Package leaks has one leak in each function.
package leaks

import (
	"context"
	"fmt"
	"log"
	"log/slog"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
)

type login struct {
	User, Password string
}

type account struct {
	Name string
	Key  codec.Redacted
}

var (
	db       = typedsecret.New[login]("prod/db")
	byTenant = typedsecret.NewByID[login]()
	token    = typedsecret.New[string]("prod/token")
	settings = typedsecret.New[map[string]string]("prod/settings")
	service  = typedsecret.New[account]("prod/account")
)

func getWhole(ctx context.Context) {
	c, err := db.Get(ctx)
	if err == nil {
		fmt.Println(c) // want `c holds the secret that db.Get gave \(typed.go:\d+\), and reaches fmt.Println`
	}
}

func getField(ctx context.Context) {
	c, _ := db.Get(ctx)
	log.Printf("connecting as %s with %s", "app", c.Password) // want `c.Password holds`
}

func doBody(ctx context.Context) error {
	return db.Do(ctx, func(_ context.Context, c login) error {
		log.Print(c.Password) // want `c.Password holds the secret that db.Do gave`
		return nil
	})
}

func doNamed(ctx context.Context) error {
	return db.Do(ctx, useLogin)
}

func useLogin(_ context.Context, c login) error {
	log.Print("login", c) // want `c holds the field login.Password`
	return nil
}

func watchLoop(ctx context.Context) {
	for c, err := range db.Watch(ctx) {
		if err == nil {
			slog.Info("rotated", "password", c.Password) // want `c.Password holds the secret that db.Watch gave`
		}
	}
}

var query = typedsecret.Inject(db, func(_ context.Context, c login, q string) (int, error) {
	log.Println(q, c.Password) // want `c.Password holds the secret that typedsecret.Inject gave`
	return 0, nil
})

func peek() {
	if t, _, ok := token.Peek(); ok {
		slog.Debug("token", "value", t) // want `t holds the secret that token.Peek gave`
	}
}

func byID(ctx context.Context, tenant string) {
	c, _ := byTenant.Get(ctx, tenant)
	fmt.Printf("%+v\n", c) // want `c holds the secret that byTenant.Get gave`
}

func getter(ctx context.Context, g typedsecret.Getter[string]) {
	t, _ := g.Get(ctx)
	fmt.Println("token:", t) // want `t holds the secret that g.Get gave`
}

func versions(ctx context.Context) {
	all, _ := token.Versions(ctx)
	for _, t := range all {
		fmt.Println(t) // want `t holds the secret that token.Versions gave`
	}
}

func payload(ctx context.Context, c *cache.Cache) {
	v, _ := c.Get(ctx, secret.Ref{ID: "prod/db"})
	log.Println(v.Payload.Reveal()) // want `v.Payload.Reveal\(\) holds`
}

func redacted(ctx context.Context) {
	a, _ := service.Get(ctx)
	log.Println("key", a.Key.Reveal()) // want `a.Key.Reveal\(\) holds`
}

func concatenated(ctx context.Context) {
	t, _ := token.Get(ctx)
	log.Println("token=" + t) // want `"token=" \+ t holds`
}

func mapOfStrings(ctx context.Context) {
	m, _ := settings.Get(ctx)
	log.Println(m["password"]) // want `m\["password"\] holds`
}
