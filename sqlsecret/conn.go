package sqlsecret

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/typedsecret/typedsecret/rejected"
)

// A conn is a driver's connection together with its login. It passes the optional methods
// of the driver's connection on. If the driver's connection lacks one, the conn does what
// package sql does without it.
type conn struct {
	driver.Conn
	login     *Login
	closed    func() // only its first call has an effect
	abandoned bool   // as package sql abandons a connection; see tx
}

// wrap makes a conn that has the methods for statements and queries only if inner has them.
// Otherwise package sql would check the arguments before it learns that the connection
// skips them, and would refuse those that only a prepared statement takes.
func wrap(inner driver.Conn, login *Login, closed func()) driver.Conn {
	c := &conn{Conn: inner, login: login, closed: closed}
	switch isExecer, isQueryer := isExecer(inner), isQueryer(inner); {
	case isExecer && isQueryer:
		return struct {
			*conn
			execs
			queries
		}{c, execs{inner}, queries{inner}}
	case isExecer:
		return struct {
			*conn
			execs
		}{c, execs{inner}}
	case isQueryer:
		return struct {
			*conn
			queries
		}{c, queries{inner}}
	}
	return c
}

// Unwrap returns the driver's own connection for the argument of the function that
// [sql.Conn.Raw] calls. It returns any other value unchanged. If another package wraps the
// Connector, undo that wrapping first.
func Unwrap(driverConn any) any {
	if c, ok := driverConn.(interface{ unwrap() driver.Conn }); ok {
		return c.unwrap()
	}
	return driverConn
}

func (c *conn) unwrap() driver.Conn { return c.Conn }

// Close is called by package sql. A caller of [sql.Conn.Raw] may have called it before.
func (c *conn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

// ResetSession is called when the pool is about to give the connection out.
func (c *conn) ResetSession(ctx context.Context) error {
	if c.login.Retired() {
		return driver.ErrBadConn
	}
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// IsValid is called when the pool is about to take the connection back.
func (c *conn) IsValid() bool {
	if c.login.Retired() || c.abandoned {
		return false
	}
	if v, ok := c.Conn.(driver.Validator); ok {
		return v.IsValid()
	}
	return true
}

func (c *conn) Ping(ctx context.Context) error {
	if p, ok := c.Conn.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

// unserved makes package sql take another connection, if err says that PgBouncer has no session
// of PostgreSQL for this one, since PostgreSQL refuses PgBouncer's login. PgBouncer has not
// passed the statement on then, so nothing was executed. It closes the connection. The next new
// connection waits until the login is accepted.
func unserved(err error) error {
	if err != nil && rejected.PostgreSQL(err) && strings.Contains(err.Error(), "server login has been failing") {
		return fmt.Errorf("%w: %w", driver.ErrBadConn, err)
	}
	return err
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := c.Conn.(driver.ConnPrepareContext); ok {
		stmt, err := p.PrepareContext(ctx, query)
		return stmt, unserved(err)
	}
	stmt, err := c.Prepare(query)
	if err == nil && ctx.Err() != nil {
		stmt.Close()
		return nil, ctx.Err()
	}
	return stmt, err
}

// execs executes statements by a connection that can.
type execs struct{ by driver.Conn }

func (c execs) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	switch e := c.by.(type) {
	case driver.ExecerContext:
		result, err := e.ExecContext(ctx, query, args)
		return result, unserved(err)
	case execer:
		values, err := positional(ctx, args)
		if err != nil {
			return nil, err
		}
		return e.Exec(query, values)
	}
	return nil, driver.ErrSkip
}

// queries makes queries by a connection that can.
type queries struct{ by driver.Conn }

func (c queries) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	switch q := c.by.(type) {
	case driver.QueryerContext:
		rows, err := q.QueryContext(ctx, query, args)
		return rows, unserved(err)
	case queryer:
		values, err := positional(ctx, args)
		if err != nil {
			return nil, err
		}
		return q.Query(query, values)
	}
	return nil, driver.ErrSkip
}

// These interfaces are those of drivers that are older than contexts.
type (
	execer interface {
		Exec(query string, args []driver.Value) (driver.Result, error)
	}
	queryer interface {
		Query(query string, args []driver.Value) (driver.Rows, error)
	}
)

func isExecer(c driver.Conn) bool {
	switch c.(type) {
	case driver.ExecerContext, execer:
		return true
	}
	return false
}

func isQueryer(c driver.Conn) bool {
	switch c.(type) {
	case driver.QueryerContext, queryer:
		return true
	}
	return false
}

// positional converts args for a driver that knows no names and no contexts.
func positional(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, arg := range args {
		if arg.Name != "" {
			return nil, errors.New("sqlsecret: driver does not support the use of Named Parameters")
		}
		values[i] = arg.Value
	}
	return values, ctx.Err()
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	inner, err := c.begin(ctx, opts)
	if err != nil || c.isKept() {
		return inner, unserved(err)
	}
	return &tx{inner, ctx, c}, nil
}

// isKept reports whether package sql would go on using the driver's own connection after
// the context of a transaction has ended.
func (c *conn) isKept() bool {
	_, resets := c.Conn.(driver.SessionResetter)
	_, validates := c.Conn.(driver.Validator)
	return resets && validates
}

// A tx closes the connection if its context has ended when it is rolled back, unless
// isKept. Package sql would always keep the connection, since a conn has both methods that
// isKept looks for.
type tx struct {
	driver.Tx
	ctx  context.Context
	conn *conn
}

func (t *tx) Rollback() error {
	t.conn.abandoned = t.conn.abandoned || t.ctx.Err() != nil
	return t.Tx.Rollback()
}

func (c *conn) begin(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	b, ok := c.Conn.(driver.ConnBeginTx)
	switch {
	case ok:
		return b.BeginTx(ctx, opts)
	case opts.Isolation != 0:
		return nil, errors.New("sqlsecret: driver does not support non-default isolation level")
	case opts.ReadOnly:
		return nil, errors.New("sqlsecret: driver does not support read-only transactions")
	}
	tx, err := c.Begin()
	if err == nil && ctx.Err() != nil {
		tx.Rollback()
		return nil, ctx.Err()
	}
	return tx, err
}

func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}
