// Package pgxsecret makes a pgxpool.Pool whose connections log in with a secret. Queries go
// on while the secret is rotated: a query that needs a new connection waits until the login
// is accepted, for as long as [typedsecret.Secret.Do] tries.
//
// The pool gets the credential in BeforeConnect, and closes the connections of an older
// version, once a newer one has logged in, in PrepareConn and AfterRelease. pgxpool has no
// hook that could try a refused login again, or delay one. That is why there is a [Pool]
// around it.
//
// From the first login until [Pool.Close], a goroutine watches the secret. If the pool opens
// no connection with a new version within a second, the goroutine logs in once, and closes
// that connection at once. So the sessions of the former user are retired before that user
// is dropped or loses its rights, even in a pool that needs no new connections.
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

// A Pool has those methods of a pgxpool.Pool that open connections. A login counts as
// refused if [rejected.PostgreSQL] or the handle's [typedsecret.WithRejected] says so. It
// is then tried again as [typedsecret.Secret.Do] does it. A login that stays refused is an
// error that wraps [typedsecret.ErrRejected]. A Pool is safe for concurrent use.
//
// All logins are calls of Do. So when PostgreSQL refuses a version, not every waiting query
// tries it. The pool itself opens connections for MinConns, MinIdleConns and callers of
// [Pool.Pool]. Before each of these, the recipe logs in once more in a Do, and closes that
// connection at once.
//
// A connection of an older version is closed when it comes back to the pool or is taken
// from it again, once a newer version has logged in. No query is killed by that.
type Pool struct {
	pool  *pgxpool.Pool
	do    func(context.Context, func(context.Context) error) error
	close func()
}

// New makes a Pool. It fetches the secret only if the pool has MinConns or MinIdleConns;
// otherwise a mistake in the secret is the error of the first use. New changes config,
// which must not be used for anything else. The hooks in config are called too; as in
// pgxpool, BeforeAcquire is called only if there is no PrepareConn. The function apply puts
// the user and the password into the configuration of one connection. It should leave the
// host as it is, since another host needs another TLSConfig.
//
// The AfterConnect of the ConnConfig is a part of the login: if it returns a refusal, the
// login is tried again. PgBouncer lets a client in before it logs in to PostgreSQL itself.
// So with PgBouncer, that AfterConnect should call Ping.
func New[T any](ctx context.Context, config *pgxpool.Config, secret *typedsecret.Secret[T], apply func(T, *pgx.ConnConfig)) (*Pool, error) {
	if apply == nil {
		return nil, errors.New("pgxsecret: the function that puts the secret into the configuration is nil")
	}
	c := &credentials[T]{secret: secret, apply: apply, before: config.BeforeConnect}
	made := make(chan *pgxpool.Pool, 1) // the pool may log in before NewWithConfig returns
	c.watcher = newWatcher(func(ctx context.Context) {
		select {
		case pool := <-made:
			c.watch(ctx, pool)
		case <-ctx.Done():
		}
	})
	hookInto(config, c.mayConnect, c.beforeConnect)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		c.watcher.close()
		return nil, err
	}
	made <- pool
	return &Pool{pool: pool, do: c.do, close: c.watcher.close}, nil
}

// credentials give the connections of a pool their user and password.
type credentials[T any] struct {
	secret  *typedsecret.Secret[T]
	apply   func(T, *pgx.ConnConfig)
	before  func(context.Context, *pgx.ConnConfig) error // the user's BeforeConnect, or nil
	logins  sqlsecret.Logins
	watcher *watcher
}

// An attempt is one call of a Pool's method. The context carries it to BeforeConnect. Its
// key is the pool's credentials, since a hook may use another pool. An attempt whose login
// is nil may open no connection.
type attempt[T any] struct {
	login    *sqlsecret.Login // of one connection; begun before Do read the secret
	value    T
	info     typedsecret.Info
	accepted atomic.Bool // PostgreSQL has let it in
}

// errNeedsLogin is the pool's error if it has no connection to give out. Only do sees it.
var errNeedsLogin = errors.New("pgxsecret: a login is needed")

// errNoRefusal ends Do: the result of f says nothing about the credential. Only logIn sees
// it.
var errNoRefusal = errors.New("pgxsecret: no refusal")

// do first calls f with the connections that the pool has. If f needs a new connection, do
// calls f in a Do, which calls it again if the login was refused. After any other failure f
// may have had an effect, so it is not called again.
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
			return nil // PostgreSQL accepted the login, so f's own error is no refusal
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

// asRejected marks a login that was refused for Do.
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

// mayConnect returns errNeedsLogin if the call that wants a connection has no credential.
func (c *credentials[T]) mayConnect(ctx context.Context) error {
	if a, ok := ctx.Value(c).(*attempt[T]); ok && a.login == nil {
		return errNeedsLogin
	}
	return nil
}

// beforeConnect puts the credential into the configuration of a connection before it is
// opened.
func (c *credentials[T]) beforeConnect(ctx context.Context, config *pgx.ConnConfig) error {
	if c.secret.Err() == nil {
		c.watcher.start()
	}
	a, _ := ctx.Value(c).(*attempt[T])
	if a == nil { // the pool itself opens this connection
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
		if then != nil {
			if err := then(ctx, conn); err != nil {
				return err // it may be PgBouncer's, which logs in to PostgreSQL only for a query
			}
		}
		a.accepted.Store(true)
		login.Succeeded(a.info)
		conn.CustomData()[loginKey] = login
		return nil
	}
	return nil
}

// prove returns a credential that PostgreSQL has just accepted. pgxpool does not report
// whether a connection that it opens itself could log in, so prove logs in before.
func (c *credentials[T]) prove(ctx context.Context, config *pgx.ConnConfig) (a *attempt[T], err error) {
	login := c.logins.Begin()
	err = c.secret.DoWithInfo(ctx, func(ctx context.Context, value T, info typedsecret.Info) error {
		if err := c.knock(ctx, config, value); err != nil {
			login = c.logins.Begin()
			return err
		}
		a = &attempt[T]{login: login, value: value, info: info}
		return nil
	})
	return a, err
}

// knock logs in with a value, and closes the connection.
func (c *credentials[T]) knock(ctx context.Context, config *pgx.ConnConfig, value T) error {
	proof := config.Copy()
	c.apply(value, proof)
	conn, err := pgx.ConnectConfig(ctx, proof)
	if err != nil {
		return asRejected(err)
	}
	_ = conn.Close(ctx) // its error says nothing about the login
	return nil
}

const loginKey = "typedsecret.login"

// isRetired reports whether a newer version has logged in since conn did.
func isRetired(conn *pgx.Conn) bool {
	login, ok := conn.PgConn().CustomData()[loginKey].(*sqlsecret.Login)
	return ok && login.Retired()
}

// hookInto adds this package's hooks to config, beside the user's own. For a new connection
// it calls may, then the user's BeforeConnect, and then before.
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
