// Package pgxsecret makes a pgxpool.Pool whose connections log in with a secret, and
// which goes on through its rotations: a query that needs a new connection waits until
// the login is accepted, for as long as [typedsecret.Secret.Do] tries.
//
// The pool gets the credential in BeforeConnect, and closes the connections of an
// older version, once a newer one has logged in, in PrepareConn and AfterRelease. pgxpool
// has no place for trying a refused login again, nor for holding one back: that is why
// there is a [Pool] around it.
package pgxsecret

import (
	"context"
	"errors"
	"sync/atomic"

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
// All logins are calls of Do, so not every query tries a version that PostgreSQL refuses.
// For a connection that the pool opens of its own accord, because of MinConns or
// MinIdleConns, and for those of [Pool.Pool], the recipe logs in once more before, and
// closes that connection at once.
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
	hookInto(config, c.mayConnect, c.beforeConnect)
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
// under the credentials as key: a hook may use another pool. Without a login no connection
// may be opened.
type attempt[T any] struct {
	login    *sqlsecret.Login // that was begun before Do read the secret; of one connection
	value    T
	info     typedsecret.Info
	accepted atomic.Bool // PostgreSQL has let it in
}

// errNeedsLogin is what the pool fails with if it has no connection at hand. Only do sees it.
var errNeedsLogin = errors.New("pgxsecret: a login is needed")

// errNoRefusal tells Do that f says nothing of the credential. Only logIn sees it.
var errNoRefusal = errors.New("pgxsecret: no refusal")

// do calls f first with the connections that the pool has. If f needs another connection,
// do calls f in a Do, which calls it again if the login was refused. It does so only for a
// refused login, since only then f is known to have done nothing.
func (c *credentials[T]) do(ctx context.Context, f func(context.Context) error) error {
	for {
		err := f(context.WithValue(ctx, c, &attempt[T]{}))
		if !errors.Is(err, errNeedsLogin) {
			return err
		}
		// The pool may need a second connection for one call, if the first was retired.
		if err = c.logIn(ctx, f); !errors.Is(err, errNeedsLogin) {
			return err
		}
	}
}

// logIn calls f in a Do.
func (c *credentials[T]) logIn(ctx context.Context, f func(context.Context) error) error {
	var result error
	login := c.logins.Begin()
	refused := c.secret.DoWithInfo(ctx, func(ctx context.Context, value T, info typedsecret.Info) error {
		a := &attempt[T]{login: login, value: value, info: info}
		result = f(context.WithValue(ctx, c, a))
		login = c.logins.Begin()
		switch {
		case a.accepted.Load():
			return nil // whatever f failed with after that
		case !isOfLogin(result):
			return errNoRefusal // a connection became free meanwhile, say
		}
		return asRejected(result)
	})
	if refused == nil || refused == errNoRefusal {
		return result
	}
	return refused
}

// asRejected tells Do of a login that was refused.
func asRejected(err error) error {
	if rejected.PostgreSQL(err) {
		return typedsecret.Rejected(err)
	}
	return err
}

func isOfLogin(err error) bool {
	var login *pgconn.ConnectError
	return errors.As(err, &login)
}

// mayConnect reports errNeedsLogin for a connection of a call that was given no credential.
func (c *credentials[T]) mayConnect(ctx context.Context) error {
	if a, ok := ctx.Value(c).(*attempt[T]); ok && a.login == nil {
		return errNeedsLogin
	}
	return nil
}

// beforeConnect gives a connection that is about to be made its credential.
func (c *credentials[T]) beforeConnect(ctx context.Context, config *pgx.ConnConfig) error {
	a, _ := ctx.Value(c).(*attempt[T])
	if a == nil { // the pool makes a connection of its own accord
		var err error
		if a, err = c.prove(ctx, config); err != nil {
			return err
		}
	}
	login := a.login
	a.login = nil
	c.apply(a.value, config)
	then := config.AfterConnect
	config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		a.accepted.Store(true)
		login.Succeeded(a.info)
		conn.CustomData()[loginKey] = login
		if then == nil {
			return nil
		}
		return then(ctx, conn)
	}
	return nil
}

// prove returns a credential that PostgreSQL has just accepted. pgxpool does not report the
// result of a connection that it makes of its own accord, so prove makes one before.
func (c *credentials[T]) prove(ctx context.Context, config *pgx.ConnConfig) (a *attempt[T], err error) {
	login := c.logins.Begin()
	err = c.secret.DoWithInfo(ctx, func(ctx context.Context, value T, info typedsecret.Info) error {
		proof := config.Copy()
		proof.AfterConnect = nil
		c.apply(value, proof)
		conn, err := pgx.ConnectConfig(ctx, proof)
		if err != nil {
			login = c.logins.Begin()
			return asRejected(err)
		}
		a = &attempt[T]{login: login, value: value, info: info}
		_ = conn.Close(ctx) // how it ends says nothing of the login
		return nil
	})
	return a, err
}

const loginKey = "typedsecret.login"

// isRetired reports whether a newer version has logged in since conn did.
func isRetired(conn *pgx.Conn) bool {
	login, ok := conn.PgConn().CustomData()[loginKey].(*sqlsecret.Login)
	return ok && login.Retired()
}

// hookInto puts before each hook that config has what is ours, and may before all.
func hookInto(config *pgxpool.Config, may func(context.Context) error, before func(context.Context, *pgx.ConnConfig) error) {
	theirs := *config
	//lint:ignore SA1019 A user's config may have it.
	if acquire := theirs.BeforeAcquire; acquire != nil && theirs.PrepareConn == nil {
		theirs.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) { return acquire(ctx, conn), nil }
	}
	config.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		if err := may(ctx); err != nil {
			return err
		}
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
