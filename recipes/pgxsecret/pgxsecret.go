// Package pgxsecret makes a pgxpool.Pool whose connections log in with a secret, and
// which goes on through its rotations: a query that needs a new connection waits until
// the login is accepted, for as long as [typedsecret.Secret.Do] tries.
//
// The pool asks for the credential in BeforeConnect, and closes the connections of an
// older version, once a newer one has logged in, in PrepareConn and AfterRelease. What
// pgxpool has no place for is to try a refused login again: that is why there is a
// [Pool] around it.
package pgxsecret

import (
	"cmp"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/rejected"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// A Pool has those methods of a pgxpool.Pool that open connections. A login that is
// refused, by [rejected.PostgreSQL] or what the handle was given by
// [typedsecret.WithRejected], is tried again as [typedsecret.Secret.Do] does it; one that
// stays refused is an error that wraps [typedsecret.ErrRejected]. It is safe for
// concurrent use.
//
// It watches nothing: a new version is noticed at a login, when the one before is refused
// or the cache has the new one already. There are logins when connections reach their
// MaxConnLifetime, an hour by default.
type Pool struct {
	pool *pgxpool.Pool
	do   func(context.Context, func(context.Context) error) error
}

// New makes a Pool. It fetches nothing unless the pool has MinConns or MinIdleConns; what
// is wrong with the secret is the error of the first use. Config is changed and must not
// be used otherwise; its own hooks are called too, BeforeAcquire only where there is no
// PrepareConn, as in pgxpool. Apply puts the secret's value into the configuration of one
// connection: the user and the password. Another host needs another TLSConfig too, so
// that is best left to config.
func New[T any](ctx context.Context, config *pgxpool.Config, secret *typedsecret.Secret[T], apply func(T, *pgx.ConnConfig)) (*Pool, error) {
	if apply == nil {
		return nil, errors.New("pgxsecret: the function that puts the secret into the configuration is nil")
	}
	c := &credentials[T]{secret: secret, apply: apply}
	hookInto(config, c.beforeConnect)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &Pool{pool: pool, do: c.do}, nil
}

// credentials are what the connections of a pool log in with.
type credentials[T any] struct {
	secret *typedsecret.Secret[T]
	apply  func(T, *pgx.ConnConfig)
	logins sqlsecret.Logins
}

// An attempt travels in the context, from the call of the pool's user to BeforeConnect,
// under the credentials as key: a hook may use another pool.
type attempt[T any] struct {
	version string // what was tried, written by beforeConnect

	// What Do gave, and the login that was begun before Do read it. Without a login,
	// beforeConnect begins one and reads the secret itself.
	login *sqlsecret.Login
	value T
	info  typedsecret.Info
}

// do calls f, and again when a login in it was refused. Only a login is known to have
// done nothing, so only for that f is called again: what else f fails with, Do is not
// asked about.
func (c *credentials[T]) do(ctx context.Context, f func(context.Context) error) error {
	first := &attempt[T]{}
	err := f(context.WithValue(ctx, c, first))
	if !isOfLogin(err) {
		return err
	}
	login := c.logins.Begin()
	var other error
	refused := c.secret.DoWithInfo(ctx, func(ctx context.Context, value T, info typedsecret.Info) error {
		if first == nil || first.version != info.VersionID {
			err = f(context.WithValue(ctx, c, &attempt[T]{login: login, value: value, info: info}))
			login = c.logins.Begin()
		}
		first = nil // else it was tried just now
		switch {
		case !isOfLogin(err):
			other = err
			return nil
		case rejected.PostgreSQL(err):
			return typedsecret.Rejected(err)
		}
		return err
	})
	return cmp.Or(refused, other)
}

func isOfLogin(err error) bool {
	var login *pgconn.ConnectError
	return errors.As(err, &login)
}

// beforeConnect gives a connection that is about to be made its credential.
func (c *credentials[T]) beforeConnect(ctx context.Context, config *pgx.ConnConfig) error {
	a, _ := ctx.Value(c).(*attempt[T])
	if a == nil {
		a = &attempt[T]{} // the pool makes a connection of its own accord
	}
	login, value, info := a.login, a.value, a.info
	a.login = nil // it is of one connection; the pool may need another for the same attempt
	if login == nil {
		login = c.logins.Begin()
		var err error
		if value, info, err = c.secret.GetWithInfo(ctx); err != nil {
			return err
		}
		a.version = info.VersionID
	}
	c.apply(value, config)
	then := config.AfterConnect
	config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		login.Succeeded(info)
		conn.CustomData()[loginKey] = login
		if then == nil {
			return nil
		}
		return then(ctx, conn)
	}
	return nil
}

const loginKey = "typedsecret.login"

// isRetired reports whether a newer version has logged in since conn did.
func isRetired(conn *pgx.Conn) bool {
	login, ok := conn.PgConn().CustomData()[loginKey].(*sqlsecret.Login)
	return ok && login.Retired()
}

// hookInto puts before each hook that config has what is ours.
func hookInto(config *pgxpool.Config, before func(context.Context, *pgx.ConnConfig) error) {
	theirs := *config
	//lint:ignore SA1019 A user's config may have it.
	if acquire := theirs.BeforeAcquire; acquire != nil && theirs.PrepareConn == nil {
		theirs.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) { return acquire(ctx, conn), nil }
	}
	config.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		if theirs.BeforeConnect != nil {
			if err := theirs.BeforeConnect(ctx, c); err != nil {
				return err
			}
		}
		return before(ctx, c)
	}
	config.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
		switch {
		case isRetired(conn):
			return false, nil
		case theirs.PrepareConn != nil:
			return theirs.PrepareConn(ctx, conn)
		}
		return true, nil
	}
	config.AfterRelease = func(conn *pgx.Conn) bool {
		return !isRetired(conn) && (theirs.AfterRelease == nil || theirs.AfterRelease(conn))
	}
}
