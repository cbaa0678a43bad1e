package fakedb

import (
	"context"
	"database/sql/driver"
	"errors"
)

// Connector returns a connector that logs in with this credential. Its
// connections have the optional methods that database/sql asks for.
func (db *DB) Connector(user, password string) driver.Connector {
	return &connector{db, user, password, func(s *session) driver.Conn { return &conn{plainConn{s}} }}
}

// PlainConnector is like [DB.Connector], but its connections and statements have only the
// mandatory methods. It is for tests of a wrapper that adds the others.
func (db *DB) PlainConnector(user, password string) driver.Connector {
	return &connector{db, user, password, func(s *session) driver.Conn { return &plainConn{s} }}
}

type connector struct {
	db             *DB
	user, password string
	wrap           func(*session) driver.Conn
}

// String hides the password.
func (c *connector) String() string { return "fakedb connector of " + c.user }

// GoString hides the password from %#v.
func (c *connector) GoString() string { return c.String() }

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	s, err := c.db.open(ctx, c.user, c.password)
	if err != nil {
		return nil, err
	}
	return c.wrap(s), nil
}

func (c *connector) Driver() driver.Driver { return noDriver{} }

// noDriver is there because a connector must have a driver.
type noDriver struct{}

func (noDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("fakedb: open it with a connector")
}

type plainConn struct{ session *session }

func (c *plainConn) Prepare(query string) (driver.Stmt, error) {
	if err := c.session.usable(); err != nil {
		return nil, err
	}
	return &plainStmt{c.session, query}, nil
}

func (c *plainConn) Close() error {
	c.session.close()
	return nil
}

func (c *plainConn) Begin() (driver.Tx, error) { return c.session.begin(context.Background()) }

// A plainStmt takes any number of arguments.
type plainStmt struct {
	session *session
	query   string
}

func (s *plainStmt) Close() error  { return nil }
func (s *plainStmt) NumInput() int { return -1 }

func (s *plainStmt) Exec([]driver.Value) (driver.Result, error) {
	return exec(context.Background(), s.session, s.query)
}

func (s *plainStmt) Query([]driver.Value) (driver.Rows, error) {
	return query(context.Background(), s.session, s.query)
}

var _ interface {
	driver.Pinger
	driver.QueryerContext
	driver.ExecerContext
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.SessionResetter
	driver.Validator
} = (*conn)(nil)

type conn struct{ plainConn }

func (c *conn) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.session.usable()
}

func (c *conn) QueryContext(ctx context.Context, q string, _ []driver.NamedValue) (driver.Rows, error) {
	return query(ctx, c.session, q)
}

func (c *conn) ExecContext(ctx context.Context, q string, _ []driver.NamedValue) (driver.Result, error) {
	return exec(ctx, c.session, q)
}

// BeginTx takes all isolation levels, since there is no data for which they would differ.
func (c *conn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	return c.session.begin(ctx)
}

func (c *conn) Prepare(q string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), q)
}

func (c *conn) PrepareContext(ctx context.Context, q string) (driver.Stmt, error) {
	if err := c.Ping(ctx); err != nil {
		return nil, err
	}
	return &stmt{plainStmt{c.session, q}}, nil
}

func (c *conn) ResetSession(context.Context) error { return c.session.usable() }

func (c *conn) IsValid() bool { return c.session.alive() }

var _ interface {
	driver.StmtQueryContext
	driver.StmtExecContext
} = (*stmt)(nil)

type stmt struct{ plainStmt }

func (s *stmt) QueryContext(ctx context.Context, _ []driver.NamedValue) (driver.Rows, error) {
	return query(ctx, s.session, s.query)
}

func (s *stmt) ExecContext(ctx context.Context, _ []driver.NamedValue) (driver.Result, error) {
	return exec(ctx, s.session, s.query)
}

// query and exec return an untyped nil beside an error.
func query(ctx context.Context, s *session, q string) (driver.Rows, error) {
	r, err := s.run(ctx, q)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func exec(ctx context.Context, s *session, q string) (driver.Result, error) {
	r, err := s.run(ctx, q)
	if err != nil {
		return nil, err
	}
	return r.result(), nil
}
