package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/internal/fakedb"
)

// A database is where the services log in. The rotation function changes its passwords.
type database interface {
	CreateUser(ctx context.Context, user, password string) error
	SetPassword(ctx context.Context, user, password string) error
	CheckLogin(ctx context.Context, user, password string) error
	Connector(DBCreds) (driver.Connector, error)
	Close() error
}

// openDatabase starts a PostgreSQL, or a fake where none is installed, and says which.
func openDatabase(pretend bool) (database, error) {
	if pretend {
		fmt.Println("A FAKE DATABASE in memory, as you asked.")
		return fake{fakedb.New()}, nil
	}
	server, err := pgtest.Start(pgtest.Config{})
	if errors.Is(err, pgtest.ErrNotInstalled) {
		fmt.Println("No PostgreSQL is installed (Debian: apt-get install postgresql): a FAKE DATABASE in memory takes its place.")
		return fake{fakedb.New()}, nil
	}
	if err != nil {
		return nil, err
	}
	fmt.Printf("A real PostgreSQL runs on %s:%d, in a temporary folder.\n", server.Host(), server.Port())
	return postgres{server}, nil
}

type postgres struct{ *pgtest.Server }

func (p postgres) Connector(c DBCreds) (driver.Connector, error) {
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.Database = p.Host(), uint16(p.Port()), p.Database()
	config.User, config.Password = c.Username, c.Password
	return stdlib.GetConnector(*config), nil
}

type fake struct{ *fakedb.DB }

func (f fake) CreateUser(ctx context.Context, user, password string) error {
	return f.SetPassword(ctx, user, password)
}

func (f fake) SetPassword(_ context.Context, user, password string) error {
	f.DB.SetPassword(user, password)
	return nil
}

func (f fake) Connector(c DBCreds) (driver.Connector, error) {
	return f.DB.Connector(c.Username, c.Password), nil
}

func (f fake) Close() error { return nil }
