package sqlsecret_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/internal/fakedb"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// eachDriver runs a test for a driver whose connections have the optional methods, and for
// one whose connections have the mandatory methods only. The test gets a DB of the bare
// driver and one through the wrapper.
func eachDriver(t *testing.T, test func(t *testing.T, s *setup, bare, wrapped *sql.DB)) {
	for name, connector := range map[string]func(*fakedb.DB) driver.Connector{
		"all methods":       func(db *fakedb.DB) driver.Connector { return db.Connector("app", "first") },
		"mandatory methods": func(db *fakedb.DB) driver.Connector { return db.PlainConnector("app", "first") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				defer s.stop()
				bare := sql.OpenDB(connector(s.fake))
				defer bare.Close()
				wrapped := sqlsecret.OpenDB(s.secret, func(creds) (driver.Connector, error) { return connector(s.fake), nil })
				defer wrapped.Close()
				test(t, s, bare, wrapped)
			})
		})
	}
}

// TestEveryDriverWorksAsWithoutTheWrapper compares the wrapper with the bare driver, with
// and without the optional methods.
func TestEveryDriverWorksAsWithoutTheWrapper(t *testing.T) {
	eachDriver(t, func(t *testing.T, _ *setup, bare, wrapped *sql.DB) {
		if want, got := useAll(t.Context(), bare), useAll(t.Context(), wrapped); got != want {
			t.Errorf("with the wrapper:\n%s\nwithout:\n%s", got, want)
		}
	})
}

// useAll uses each feature of a DB, and returns all results as text.
func useAll(ctx context.Context, db *sql.DB) string {
	var log strings.Builder
	note := func(what string, values ...any) { fmt.Fprintln(&log, append([]any{what}, values...)...) }
	note("ping", db.PingContext(ctx))
	var user string
	note("query", db.QueryRowContext(ctx, "SELECT current_user").Scan(&user), user)
	note("query with an argument", db.QueryRowContext(ctx, "SELECT current_user", 7).Scan(&user), user)
	note("named argument", db.QueryRowContext(ctx, "SELECT current_user", sql.Named("a", 7)).Scan(&user))
	note("odd argument", db.QueryRowContext(ctx, "SELECT current_user", struct{}{}).Scan(&user))
	result, err := db.ExecContext(ctx, "INSERT", "x")
	note("exec", err)
	if err == nil {
		rows, err := result.RowsAffected()
		note("rows", rows, err)
	}
	stmt, err := db.PrepareContext(ctx, "SELECT 1")
	note("prepare", err)
	if err == nil {
		var n int
		note("prepared", stmt.QueryRowContext(ctx).Scan(&n), n)
		note("close", stmt.Close())
	}
	for _, opts := range []*sql.TxOptions{nil, {Isolation: sql.LevelSerializable}, {ReadOnly: true}} {
		tx, err := db.BeginTx(ctx, opts)
		note("begin", strings.TrimPrefix(strings.TrimPrefix(fmt.Sprint(err), "sql: "), "sqlsecret: ")) // the packages in the errors differ
		if err == nil {
			note("commit", tx.Commit())
		}
	}
	_, err = db.ExecContext(ctx, "GRANT")
	note("refused statement", err)
	done, cancel := context.WithCancel(ctx)
	cancel()
	conn, err := db.Conn(ctx)
	note("conn", err)
	if err == nil {
		_, err = conn.PrepareContext(done, "SELECT 1")
		note("cancelled prepare", err)
		_, err = conn.BeginTx(done, nil)
		note("cancelled begin", err)
		note("release", conn.Close())
	}
	return log.String()
}

func TestDriversOwnConnectionIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		defer s.stop()
		conn, err := s.sql.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		bare, err := s.fake.Connector("app", "first").Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer bare.Close()
		err = conn.Raw(func(driverConn any) error {
			if got, want := fmt.Sprintf("%T", sqlsecret.Unwrap(driverConn)), fmt.Sprintf("%T", bare); got != want {
				t.Errorf("Unwrap returned a %s, want the driver's %s", got, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if sqlsecret.Unwrap(bare) != any(bare) {
			t.Error("Unwrap changed a connection that is not wrapped")
		}
	})
}

// TestWhatIsWrongWithTheArgumentsIsAnError: the error holds nothing of the secret.
func TestWhatIsWrongWithTheArgumentsIsAnError(t *testing.T) {
	quoting := errors.New(`parse "postgres://app:first@host": invalid port`)
	tests := map[string]struct {
		open func(creds) (driver.Connector, error)
		want string
	}{
		"no function":     {nil, "is nil"},
		"a nil connector": {func(creds) (driver.Connector, error) { return nil, nil }, "driver.Connector made of the secret prod/db is nil"},
		"a failure":       {func(creds) (driver.Connector, error) { return nil, quoting }, "*errors.errorString, whose text is withheld"},
		"a panic":         {func(c creds) (driver.Connector, error) { panic(c) }, "panic in the function that makes a driver.Connector"},
		"our own refusal": {func(creds) (driver.Connector, error) { return nil, typedsecret.Rejected(quoting) }, "withheld"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				defer s.stop()
				db := sqlsecret.OpenDB(s.secret, test.open)
				defer db.Close()
				err := db.Ping()
				if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "first") {
					t.Errorf("the error is %v, want one with %q", err, test.want)
				}
				if errors.Is(err, quoting) {
					t.Error("an error that quotes the secret is reached through it")
				}
			})
		})
	}
	db := sqlsecret.OpenDB[creds](nil, func(creds) (driver.Connector, error) { return nil, nil })
	defer db.Close()
	if err := db.Ping(); !errors.Is(err, typedsecret.ErrZeroHandle) {
		t.Errorf("with a nil handle: %v", err)
	}
	if _, err := db.Driver().Open("app:first@host"); err == nil {
		t.Error("the driver of an unused connector opens something")
	}
}
