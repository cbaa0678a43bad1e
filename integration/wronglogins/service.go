package wronglogins

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/recipes/pgxsecret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// credentials are the content of the secret.
type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// A service makes queries, each by a new connection.
type service struct {
	query func(context.Context) error
	close func()
}

// Pools open the kinds of pools that a Setting may have.
var Pools = map[string]func(ctx context.Context, config *pgx.ConnConfig, places int, secret *typedsecret.Secret[credentials]) (query func(context.Context) error, closePool func(), err error){
	"sqlsecret": openSQL,
	"pgxsecret": openPGX,
}

// open starts the service of a setting, with a cache of default settings.
func open(ctx context.Context, db *pgtest.Server, server *secrettest.Server, s Setting, l *load) (*service, error) {
	pool, known := Pools[s.Pool]
	if !known {
		return nil, fmt.Errorf("wronglogins: no pool is called %q", s.Pool)
	}
	source, err := awssm.New(secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "service", SecretAccessKey: "service"}, nil
		}),
	}))
	if err != nil {
		return nil, err
	}
	secrets, err := cache.New(source, cache.Config{})
	if err != nil {
		return nil, err
	}
	secret := typedsecret.New[credentials](secretID, append(s.Opts, typedsecret.WithCache(secrets))...)
	config, err := pgx.ParseConfig(db.URL("", ""))
	if err != nil {
		return nil, err
	}
	config.Tracer = &l.logins
	query, closePool, err := pool(ctx, config, s.Goroutines, secret)
	if err != nil {
		return nil, err
	}
	return &service{query, func() {
		closePool()
		secrets.Close()
	}}, nil
}

func openSQL(_ context.Context, config *pgx.ConnConfig, places int, secret *typedsecret.Secret[credentials]) (func(context.Context) error, func(), error) {
	db := sqlsecret.OpenDB(secret, func(c credentials) (driver.Connector, error) {
		config := config.Copy()
		config.User, config.Password = c.Username, c.Password
		return stdlib.GetConnector(*config), nil
	})
	db.SetMaxOpenConns(places)
	db.SetMaxIdleConns(-1)
	return func(ctx context.Context) error {
		var one int
		return db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	}, func() { db.Close() }, nil
}

func openPGX(ctx context.Context, conn *pgx.ConnConfig, places int, secret *typedsecret.Secret[credentials]) (func(context.Context) error, func(), error) {
	config, err := pgxpool.ParseConfig(conn.ConnString())
	if err != nil {
		return nil, nil, err
	}
	config.ConnConfig = conn
	config.MaxConns = int32(places)
	pool, err := pgxsecret.New(ctx, config, secret, func(c credentials, config *pgx.ConnConfig) {
		config.User, config.Password = c.Username, c.Password
	})
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context) error {
		return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
			var one int
			err := conn.QueryRow(ctx, "SELECT 1").Scan(&one)
			return errors.Join(err, conn.Conn().Close(ctx)) // makes the next query open another one
		})
	}, pool.Close, nil
}
