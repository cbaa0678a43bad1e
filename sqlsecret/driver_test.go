package sqlsecret_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/sqlsecret"
)

// A connectorFunc makes connections of a driver that the test defines.
type connectorFunc func() driver.Conn

func (f connectorFunc) Connect(context.Context) (driver.Conn, error) { return f(), nil }
func (f connectorFunc) Driver() driver.Driver                        { return nil }

// A statementConn takes arguments only in prepared statements, which convert them. godror's
// connections do so: their arguments may be options, slices and functions.
type statementConn struct{}

func (statementConn) Prepare(string) (driver.Stmt, error) { return statement{}, nil }
func (statementConn) Close() error                        { return nil }
func (statementConn) Begin() (driver.Tx, error)           { return nil, errors.New("no transactions") }

type statement struct{}

func (statement) Close() error                               { return nil }
func (statement) NumInput() int                              { return -1 }
func (statement) CheckNamedValue(v *driver.NamedValue) error { v.Value = int64(1); return nil }

func (statement) Exec([]driver.Value) (driver.Result, error) { return driver.ResultNoRows, nil }
func (statement) Query([]driver.Value) (driver.Rows, error)  { return noRows{}, nil }

type noRows struct{}

func (noRows) Columns() []string         { return nil }
func (noRows) Close() error              { return nil }
func (noRows) Next([]driver.Value) error { return io.EOF }

// These connections have one more method each.
type (
	execConn  struct{ statementConn }
	queryConn struct{ statementConn }
)

func (execConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}

func (queryConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return noRows{}, nil
}

// TestArgumentsThatOnlyAStatementTakesReachIt calls Exec and Query of connections that lack
// the optional method for them.
func TestArgumentsThatOnlyAStatementTakesReachIt(t *testing.T) {
	for name, conn := range map[string]driver.Conn{
		"neither": statementConn{}, "exec only": execConn{}, "query only": queryConn{},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				defer s.stop()
				connector := connectorFunc(func() driver.Conn { return conn })
				bare := sql.OpenDB(connector)
				defer bare.Close()
				wrapped := sqlsecret.OpenDB(s.secret, func(creds) (driver.Connector, error) { return connector, nil })
				defer wrapped.Close()
				option := func() {} // an argument that package sql doesn't know
				use := func(db *sql.DB) (exec, query bool) {
					_, err := db.ExecContext(t.Context(), "CALL", option)
					rows, failed := db.QueryContext(t.Context(), "CALL", option)
					if failed == nil {
						failed = rows.Close()
					}
					return err == nil, failed == nil
				}
				wantExec, wantQuery := use(bare)
				if exec, query := use(wrapped); exec != wantExec || query != wantQuery {
					t.Errorf("with the wrapper, Exec and Query work: %t, %t; without: %t, %t", exec, query, wantExec, wantQuery)
				}
			})
		})
	}
}

// TestAConnectionIsKeptAfterACancelledTransactionOnlyIfItWouldBeWithoutTheWrapper: package
// sql keeps a connection that has both ResetSession and IsValid.
func TestAConnectionIsKeptAfterACancelledTransactionOnlyIfItWouldBeWithoutTheWrapper(t *testing.T) {
	eachDriver(t, func(t *testing.T, s *setup, bare, wrapped *sql.DB) {
		use := func(db *sql.DB) (kept bool) {
			ctx, cancel := context.WithCancel(t.Context())
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			first := s.session(tx)
			cancel()
			synctest.Wait()
			return s.session(db) == first
		}
		if want, got := use(bare), use(wrapped); got != want {
			t.Errorf("kept with the wrapper: %t; without: %t", got, want)
		}
	})
}

// A driverOf is a connector whose Driver method calls a function of the test.
type driverOf struct {
	driver.Connector
	driver func() driver.Driver
}

func (d driverOf) Driver() driver.Driver { return d.driver() }

// TestADriverThatPanicsHarmsNoOtherLogin: a server that recovers from the panic can log in
// again.
func TestADriverThatPanicsHarmsNoOtherLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		defer s.stop()
		broken := true
		db := sqlsecret.OpenDB(s.secret, func(creds) (driver.Connector, error) {
			return driverOf{s.fake.Connector("app", "first"), func() driver.Driver {
				if broken {
					panic("no driver")
				}
				return nil
			}}, nil
		})
		defer db.Close()
		func() {
			defer func() { recover() }()
			db.Ping()
		}()
		broken = false
		if err := db.Ping(); err != nil {
			t.Error(err)
		}
	})
}

// A closing is a connection whose Close fails.
type closing struct{ driver.Conn }

func (c closing) Close() error {
	return errors.Join(c.Conn.Close(), errors.New("no close_notify was received"))
}

type closingConnector struct{ driver.Connector }

func (c closingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	return closing{inner}, err
}

// TestAVersionIsProvedByItsLoginThoughClosingFails: one login is enough, and is not
// repeated.
func TestAVersionIsProvedByItsLoginThoughClosingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		defer s.stop()
		db := sqlsecret.OpenDB(s.secret, func(c creds) (driver.Connector, error) {
			return closingConnector{s.fake.Connector(c.Username, c.Password)}, nil
		})
		defer db.Close()
		first := s.session(db)
		s.fake.SetPassword("app_clone", "second")
		s.server.Rotate(t, "prod/db", payload("app_clone", "second"))
		if _, err := s.secret.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if n := s.session(db); n == first {
			t.Error("the connection of the old version is still in use")
		}
		s.wantStats(3, 0, 1)
	})
}

// TestCloseEndsALoginThatIsTriedAgain, since its connection would not be used.
func TestCloseEndsALoginThatIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		defer s.stop()
		s.fake.SetPassword("app", "changed by hand")
		began := time.Now()
		time.AfterFunc(3*time.Second, func() { s.sql.Close() })
		err := s.sql.Ping()
		if d := time.Since(began); d != 3*time.Second || err == nil {
			t.Errorf("it ended after %v with: %v", d, err)
		}
		refused := s.fake.Stats().Refused
		time.Sleep(time.Minute)
		s.wantStats(0, refused, 0)
	})
}

// TestAPoolWithoutConnectionsProvesNothing: it has no connection to retire, and trying a
// wrong password for ever may lock the account.
func TestAPoolWithoutConnectionsProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		defer s.stop()
		s.sql.SetConnMaxIdleTime(time.Minute)
		s.session(s.sql)
		s.server.Rotate(t, "prod/db", payload("app", "wrong"))
		if _, err := s.secret.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute) // the connection is closed meanwhile
		refused := s.fake.Stats().Refused
		time.Sleep(time.Hour)
		s.wantStats(1, refused, 0)
	})
}

// TestAConnectionThatIsClosedTwiceCountsOnce: another connection, of an old version, is
// still retired.
func TestAConnectionThatIsClosedTwiceCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		defer s.stop()
		conn, err := s.sql.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first := s.session(s.sql)
		err = conn.Raw(func(driverConn any) error { return driverConn.(driver.Conn).Close() })
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		s.fake.SetPassword("app_clone", "second")
		s.server.Rotate(t, "prod/db", payload("app_clone", "second"))
		if _, err := s.secret.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := s.session(s.sql); n == first {
			t.Error("the connection of the old version is still in use")
		}
	})
}
