package sqlsecret_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log"
	"sync/atomic"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/fakedb"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// A rotation stands for Secrets Manager and a database in the examples. Its password
// changes in both.
type rotation struct {
	password string
	server   *fakedb.DB
	secrets  *cache.Cache
}

func begin() *rotation {
	r := &rotation{server: fakedb.New()}
	r.set("first")
	var err error
	r.secrets, err = cache.New(secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{
			Payload:   secret.StringPayload(`{"username":"app","password":"` + r.password + `"}`),
			VersionID: "version " + r.password,
		}, nil
	}), cache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return r
}

func (r *rotation) set(password string) {
	r.password = password
	r.server.SetPassword("app", password)
}

// The database's password is rotated while the program runs. A query that needs a new
// connection notices the rotation, and succeeds.
func ExampleOpenDB() {
	ctx, r := context.Background(), begin()
	defer r.secrets.Close()
	creds := typedsecret.New[DBCreds]("prod/db", typedsecret.WithCache(r.secrets))

	db := sqlsecret.OpenDB(creds, func(c DBCreds) (driver.Connector, error) {
		return r.server.Connector(c.Username, c.Password), nil // a service uses that of pgx, mysql …
	})
	defer db.Close()
	db.SetMaxIdleConns(-1) // each query logs in

	fmt.Println(db.PingContext(ctx))
	r.set("second")
	fmt.Println(db.PingContext(ctx))
	stats := r.server.Stats()
	fmt.Println(stats.Refused, "login refused,", stats.Opened, "opened")
	// Output:
	// <nil>
	// <nil>
	// 1 login refused, 2 opened
}

// A library that wraps a driver.Connector, for tracing say, gets this one.
func ExampleNewConnector() {
	ctx, r := context.Background(), begin()
	defer r.secrets.Close()
	creds := typedsecret.New[DBCreds]("prod/db", typedsecret.WithCache(r.secrets))

	connector := sqlsecret.NewConnector(creds, func(c DBCreds) (driver.Connector, error) {
		return r.server.Connector(c.Username, c.Password), nil
	})
	db := sql.OpenDB(connector) // or otelsql.OpenDB(connector, …)
	defer db.Close()

	fmt.Println(db.PingContext(ctx))
	// Output: <nil>
}

// Unwrap gives access to features of a driver beyond database/sql, such as pgx's COPY.
func ExampleUnwrap() {
	ctx, r := context.Background(), begin()
	defer r.secrets.Close()
	creds := typedsecret.New[DBCreds]("prod/db", typedsecret.WithCache(r.secrets))
	db := sqlsecret.OpenDB(creds, func(c DBCreds) (driver.Connector, error) {
		return r.server.Connector(c.Username, c.Password), nil
	})
	defer db.Close()

	conn, err := db.Conn(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	err = conn.Raw(func(driverConn any) error {
		theirs := sqlsecret.Unwrap(driverConn).(driver.QueryerContext) // (*stdlib.Conn) with pgx
		rows, err := theirs.QueryContext(ctx, "SELECT current_user", nil)
		if err != nil {
			return err
		}
		fmt.Println(rows.Columns())
		return rows.Close()
	})
	fmt.Println(err)
	// Output:
	// [current_user]
	// <nil>
}

// A program with its own pool asks for each connection whether to close it.
func ExampleLogins() {
	ctx, r := context.Background(), begin()
	defer r.secrets.Close()
	creds := typedsecret.New[DBCreds]("prod/db", typedsecret.WithCache(r.secrets))

	var logins sqlsecret.Logins
	connect := func() (login *sqlsecret.Login, err error) {
		login = logins.Begin()
		err = creds.DoWithInfo(ctx, func(ctx context.Context, c DBCreds, info typedsecret.Info) error {
			if err := r.server.CheckLogin(ctx, c.Username, c.Password); err != nil {
				login = logins.Begin() // for the next try
				return typedsecret.Rejected(err)
			}
			login.Succeeded(info)
			return nil
		})
		return login, err
	}

	first, err := connect()
	fmt.Println(first.Retired(), err)
	r.set("second")
	fmt.Println(first.Retired(), "as long as nobody has logged in with the new password")
	second, err := connect()
	fmt.Println(first.Retired(), second.Retired(), err)
	// Output:
	// false <nil>
	// false as long as nobody has logged in with the new password
	// true false <nil>
}

// A program with its own pool runs Prove beside it, so that connections are retired
// although the pool needs no new ones. This example is only compiled.
func ExampleProve() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // when the pool is closed
	r := begin()
	defer r.secrets.Close()
	creds := typedsecret.New[DBCreds]("prod/db", typedsecret.WithCache(r.secrets))

	var logins sqlsecret.Logins // of the pool
	var conns atomic.Int64      // how many connections the pool has
	go sqlsecret.Prove(ctx, creds, &logins, func() int { return int(conns.Load()) },
		func(ctx context.Context, c DBCreds) error {
			if err := r.server.CheckLogin(ctx, c.Username, c.Password); err != nil {
				return typedsecret.Rejected(err)
			}
			return nil
		})
}
