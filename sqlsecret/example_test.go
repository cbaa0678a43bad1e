package sqlsecret_test

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/fakedb"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// The database's password is rotated while the program runs. Nobody tells it, and no
// query fails.
func ExampleOpenDB() {
	ctx := context.Background()
	server := fakedb.New() // in place of a database; its driver in place of pgx or mysql
	password := "first"
	server.SetPassword("app", password)
	secrets, err := cache.New(cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) {
		return cache.Value{
			Payload:   cache.StringPayload(`{"username":"app","password":"` + password + `"}`),
			VersionID: "version " + password,
		}, nil
	}), cache.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer secrets.Close()
	creds := typedsecret.New[DBCreds]("prod/db", typedsecret.WithCache(secrets))

	db := sqlsecret.OpenDB(creds, func(c DBCreds) (driver.Connector, error) {
		return server.Connector(c.Username, c.Password), nil
	})
	defer db.Close()
	db.SetMaxIdleConns(-1) // each query logs in

	fmt.Println(db.PingContext(ctx))
	password = "second"
	server.SetPassword("app", password)
	fmt.Println(db.PingContext(ctx))
	stats := server.Stats()
	fmt.Println(stats.Refused, "login refused,", stats.Opened, "opened")
	// Output:
	// <nil>
	// <nil>
	// 1 login refused, 2 opened
}
