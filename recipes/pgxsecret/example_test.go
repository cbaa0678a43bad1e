package pgxsecret_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/recipes/pgxsecret"
)

type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

var creds = typedsecret.New[DBCreds]("prod/db")

// This example is only compiled, since it needs a database. The tests in folder integration
// run the same code with a real PostgreSQL.
func ExampleNew() {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig("host=db.example.com dbname=app sslmode=verify-full pool_max_conns=10")
	if err != nil {
		fmt.Println(err)
		return
	}
	pool, err := pgxsecret.New(ctx, config, creds, func(c DBCreds, config *pgx.ConnConfig) {
		config.User, config.Password = c.Username, c.Password
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()

	var now string
	if err := pool.QueryRow(ctx, "SELECT now()::text").Scan(&now); err != nil {
		fmt.Println(err)
	}
}
