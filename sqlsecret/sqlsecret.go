// Package sqlsecret opens a *sql.DB that logs in with a secret, and that keeps working
// while the secret is rotated:
//
//	var creds = typedsecret.New[DBCreds]("prod/db")
//
//	db := sqlsecret.OpenDB(creds, func(c DBCreds) (driver.Connector, error) {
//		return mysql.NewConnector(&mysql.Config{User: c.Username, Passwd: c.Password, …})
//	})
//
// New connections log in with the present version. If a login is refused, the secret is
// refreshed and the login tried again, as [typedsecret.Secret.Do] does it, with the
// handle's options. By default the tries go on for 10 s. The query waits meanwhile, unless
// its context ends. A version that was refused is tried by one login at a time, however
// many queries wait. The option typedsecret.WithMaxRejections bounds how often it is tried.
// Connections of an older version are retired once a login with a newer one has succeeded,
// and not before. They are closed when they come back to the pool or are taken from it
// again, and never while a query or transaction runs.
//
// From the first connection until Close, a goroutine watches the secret, so the secret is
// refreshed even if it is not read. When the goroutine sees a new version and the pool
// opens no connection with it within a second, the goroutine logs in once, and closes that
// connection at once. So older connections are retired even in a pool that needs no new
// ones. If the login is refused, the goroutine tries again after 1 s, 2 s and so on up to
// 10 minutes, while the pool has connections.
//
// A login that fails returns the driver's error, since it says what is wrong with the database.
// Some drivers quote the DSN in it. So each string of the secret's value is replaced by
// [REDACTED] in the text, also where it is escaped or quoted. Strings of less than eight bytes
// stay, since they occur in ordinary words. The host, the user and the like stay too, if the
// names of their fields say what they are. errors.Is and errors.As find the driver's own error.
// Its text is unchanged, so don't log that one. If the driver panics, the error does not show the
// panic's text.
//
// The package works with every driver that has a driver.Connector, and depends on none. For
// other pools, [Logins] says which connections to retire.
package sqlsecret

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/redact"
	"github.com/typedsecret/typedsecret/rejected"
)

// OpenDB returns a *sql.DB over a [NewConnector]. It does no I/O. A mistake in the
// arguments, the handle or the secret is the error of the DB's first use, as a failed login
// is. The DB's Close ends everything that was started.
//
// A refused login is what package rejected recognises: PostgreSQL's, MySQL's and SQL Server's,
// by any driver. For another database make the handle with typedsecret.WithRejected, or its
// rotations lose logins.
func OpenDB[T any](secret *typedsecret.Secret[T], open func(T) (driver.Connector, error)) *sql.DB {
	return sql.OpenDB(NewConnector(secret, open))
}

// A Connector is a driver.Connector whose connections log in with a secret. It is safe for
// concurrent use. Give it to [sql.OpenDB], or to a package that wraps a driver.Connector,
// for tracing say. Such a package has to pass on the Connector's Close, and the
// ResetSession and IsValid of its connections, which retire them. otelsql does so.
type Connector[T any] struct {
	secret *typedsecret.Secret[T]
	open   func(T) (driver.Connector, error)
	logins Logins
	conns  atomic.Int64 // the connections that are open or being opened

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex // guards the rest
	watching bool
	closed   bool
	driver   driver.Driver // the driver of the last connector that open made
}

// NewConnector makes a Connector. The function open turns the secret's value into the
// driver's own driver.Connector. It is called for each login, from several goroutines at
// once. It should do no I/O, start nothing (a connector that is an io.Closer is never
// closed), and not pass the T on. If it returns an error, only the error's type is shown,
// since the text may quote a credential.
//
// A login counts as refused if [rejected.Database] or the handle's
// [typedsecret.WithRejected] reports so of the driver's error, or if the error is made by
// [typedsecret.Rejected].
func NewConnector[T any](secret *typedsecret.Secret[T], open func(T) (driver.Connector, error)) *Connector[T] {
	c := &Connector[T]{secret: secret, open: open}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Connect logs in. If the login stays refused, it returns the error of Do, which wraps
// [typedsecret.ErrRejected] and the driver's error. The package's comment says what
// the text of the latter shows.
func (c *Connector[T]) Connect(ctx context.Context) (driver.Conn, error) {
	if c.open == nil {
		return nil, errors.New("sqlsecret: the function that makes a driver.Connector is nil")
	}
	if err := c.watch(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(errClosed) })()
	var made driver.Conn
	c.conns.Add(1)
	defer func() {
		if made == nil {
			c.conns.Add(-1)
		}
	}()
	login := c.logins.Begin()
	err := c.secret.DoWithInfo(ctx, func(ctx context.Context, value T, info typedsecret.Info) error {
		inner, err := c.login(ctx, value)
		if err != nil {
			login = c.logins.Begin()
			return err
		}
		login.Succeeded(info)
		made = wrap(inner, login, sync.OnceFunc(func() { c.conns.Add(-1) }))
		return nil
	})
	return made, err
}

// login opens a connection with one value.
func (c *Connector[T]) login(ctx context.Context, value T) (driver.Conn, error) {
	var with driver.Connector
	err := guard.Call("function that makes a driver.Connector", func() (err error) {
		with, err = c.open(value)
		return err
	})
	switch {
	case guard.Recovered(err):
		return nil, fmt.Errorf("sqlsecret: %w", err)
	case err != nil:
		return nil, fmt.Errorf("sqlsecret: no driver.Connector can be made of the secret %s: %T, whose text is withheld, since it may quote it",
			c.secret.ID(), err)
	case guard.IsNil(with):
		return nil, fmt.Errorf("sqlsecret: the driver.Connector made of the secret %s is nil", c.secret.ID())
	}
	var inner driver.Conn
	err = guard.Call("driver's Connect", func() (err error) {
		d := with.Driver() // the user's code, which may panic or call this Connector
		c.mu.Lock()
		c.driver = d
		c.mu.Unlock()
		inner, err = with.Connect(ctx)
		return err
	})
	switch {
	case err == nil:
		return inner, nil
	case guard.Recovered(err):
		return nil, fmt.Errorf("sqlsecret: %w", err)
	}
	isRejected := rejected.Database(err)
	err = redact.Error(err, redact.Secrets(value)) // a driver may quote the DSN that it was given
	if isRejected {
		err = typedsecret.Rejected(err)
	}
	return nil, err
}

// Driver returns the driver of the connections. Before the first login it returns one that
// opens nothing, so a library that finds out the database from the driver's type needs
// another way to know it.
func (c *Connector[T]) Driver() driver.Driver {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.driver == nil {
		return unopened{}
	}
	return c.driver
}

type unopened struct{}

func (unopened) Open(string) (driver.Conn, error) {
	return nil, errors.New("sqlsecret: a connection is opened by the Connector, not by its Driver")
}

var errClosed = errors.New("sqlsecret: the connector is closed")

// Close ends the watching goroutine and the logins under way. The pool itself closes its
// connections. Close cancels a login of the watching goroutine, and waits for its end. It
// may be called more than once. The error is nil.
func (c *Connector[T]) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.running.Wait()
	return nil
}

// watch starts the goroutine that retires the connections of a pool that opens no new ones.
// Only the first call starts it.
func (c *Connector[T]) watch() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return errClosed
	case !c.watching && c.secret.Err() == nil:
		c.watching = true
		c.running.Go(func() {
			Prove(c.ctx, c.secret, &c.logins, func() int { return int(c.conns.Load()) }, c.probe)
		})
	}
	return nil
}

// probe opens a connection with a value, and closes it.
func (c *Connector[T]) probe(ctx context.Context, value T) error {
	inner, err := c.login(ctx, value)
	if err != nil {
		return err
	}
	_ = inner.Close() // its error says nothing about the login
	return nil
}
