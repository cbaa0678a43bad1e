package sqlsecret_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/typedsecret/typedsecret/sqlsecret"
)

// An answer is an error as a driver for PostgreSQL makes it.
type answer struct{ code, text string }

func (a answer) Error() string    { return a.text + " (SQLSTATE " + a.code + ")" }
func (a answer) SQLState() string { return a.code }

// A deafConn answers everything with the same error.
type deafConn struct {
	statementConn
	err error
}

func (c deafConn) PrepareContext(context.Context, string) (driver.Stmt, error) {
	return statement{}, c.err
}

func (c deafConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	return transaction{}, c.err
}

func (c deafConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, c.err
}

func (c deafConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return noRows{}, c.err
}

type transaction struct{}

func (transaction) Commit() error   { return nil }
func (transaction) Rollback() error { return nil }

// TestASessionThatPgBouncerCanNotServeIsReplaced: PgBouncer has not passed the statement on,
// so it can be sent again. Any other answer is returned, since the statement may have had an
// effect.
func TestASessionThatPgBouncerCanNotServeIsReplaced(t *testing.T) {
	uses := map[string]func(context.Context, *sql.DB) error{
		"Exec": func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, "UPDATE"); return err },
		"Query": func(ctx context.Context, db *sql.DB) error {
			rows, err := db.QueryContext(ctx, "SELECT")
			if err != nil {
				return err
			}
			return rows.Close()
		},
		"Prepare": func(ctx context.Context, db *sql.DB) error {
			stmt, err := db.PrepareContext(ctx, "SELECT")
			if err != nil {
				return err
			}
			return stmt.Close()
		},
		"Begin": func(ctx context.Context, db *sql.DB) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			return tx.Commit()
		},
	}
	for says, replaced := range map[answer]bool{
		{"08P01", "server login has been failing, try again later (server_login_retry)"}: true,
		{"08P01", "query_wait_timeout"}:             false,
		{"28P01", "password authentication failed"}: false,
		{"P0001", "server login has been failing"}:  false,
	} {
		for name, use := range uses {
			t.Run(name+" "+says.text, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := start(t)
					defer s.stop()
					opened := 0
					db := sqlsecret.OpenDB(s.secret, func(creds) (driver.Connector, error) {
						return connectorFunc(func() driver.Conn {
							if opened++; opened == 1 {
								return deafConn{err: says}
							}
							return deafConn{}
						}), nil
					})
					defer db.Close()
					err := use(t.Context(), db)
					if replaced && (err != nil || opened != 2) || !replaced && (!errors.Is(err, says) || opened != 1) {
						t.Errorf("%v, after %d logins", err, opened)
					}
				})
			})
		}
	}
}
