package drivers_test

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
}

var db = typedsecret.New[DBCreds]("prod/db")

// This example opens PostgreSQL by database/sql. The examples here are only compiled, since
// they need a database. The tests in folder integration run similar code with a real
// PostgreSQL.
func Example_postgreSQL() {
	pool := sqlsecret.OpenDB(db, func(c DBCreds) (driver.Connector, error) {
		config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d dbname=app sslmode=verify-full", c.Host, c.Port))
		if err != nil {
			return nil, err
		}
		config.User, config.Password = c.Username, c.Password
		return stdlib.GetConnector(*config), nil
	})
	defer pool.Close()
	pool.SetMaxOpenConns(16)

	if err := pool.PingContext(context.Background()); err != nil {
		fmt.Println(err)
	}
}

func Example_mySQL() {
	pool := sqlsecret.OpenDB(db, func(c DBCreds) (driver.Connector, error) {
		config := mysql.NewConfig()
		config.User, config.Passwd = c.Username, c.Password
		config.Net, config.Addr, config.DBName = "tcp", fmt.Sprintf("%s:%d", c.Host, c.Port), "app"
		config.TLSConfig = "true"
		return mysql.NewConnector(config)
	})
	defer pool.Close()
	pool.SetMaxOpenConns(16)

	if err := pool.PingContext(context.Background()); err != nil {
		fmt.Println(err)
	}
}

// PgBouncer lets a client in before it logs in to PostgreSQL itself, so the login includes a
// query.
func Example_pgBouncer() {
	pool := sqlsecret.OpenDB(db, func(c DBCreds) (driver.Connector, error) {
		config, err := pgx.ParseConfig("host=pgbouncer.example.com port=6432 dbname=app default_query_exec_mode=exec")
		if err != nil {
			return nil, err
		}
		config.User, config.Password = c.Username, c.Password
		config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error { return conn.Ping(ctx) }
		return stdlib.GetConnector(*config), nil
	})
	defer pool.Close()

	if err := pool.PingContext(context.Background()); err != nil {
		fmt.Println(err)
	}
}

func Example_libPQ() {
	pool := sqlsecret.OpenDB(db, func(c DBCreds) (driver.Connector, error) {
		config, err := pq.NewConfig(fmt.Sprintf("host=%s port=%d dbname=app sslmode=verify-full", c.Host, c.Port))
		if err != nil {
			return nil, err
		}
		config.User, config.Password = c.Username, c.Password
		return pq.NewConnectorConfig(config)
	})
	defer pool.Close()

	if err := pool.PingContext(context.Background()); err != nil {
		fmt.Println(err)
	}
}
