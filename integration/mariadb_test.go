package integration_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/integration/mariadbtest"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// newMariaDB returns a service whose server is a MariaDB, and its pool.
func newMariaDB(t *testing.T, opts ...typedsecret.Option) (*service, *mariadbtest.Server, *sql.DB) {
	t.Helper()
	server := mariadbtest.New(t)
	for _, user := range []string{"app", "app_clone"} {
		must(t, server.CreateUser(t.Context(), user, "first"))
	}
	s := newService(t, server, opts...)
	db := sqlsecret.OpenDB(s.secret, func(c creds) (driver.Connector, error) {
		return mysql.NewConnector(server.Config(c.Username, c.Password))
	})
	t.Cleanup(func() { db.Close() })
	return s, server, db
}

// mariaDBUser returns the user of the session that serves the query.
func mariaDBUser(ctx context.Context, db *sql.DB) (user string, err error) {
	err = db.QueryRowContext(ctx, "SELECT substring_index(user(), '@', 1)").Scan(&user)
	return user, err
}

func TestMariaDBIsReachedThroughRotations(t *testing.T) {
	s, _, db := newMariaDB(t)
	db.SetMaxIdleConns(-1) // each query logs in
	s.askInTheWindow(db.PingContext)
	s.rotate(rotation.AlternatingUsers, func(ctx context.Context, _ string) error { return db.PingContext(ctx) })
	must(t, db.PingContext(t.Context()))
}

// TestALockedOrDroppedUserOfMariaDBIsARefusal: the administrator locks or drops the former of two
// users, and the cache does not know of the rotation yet.
func TestALockedOrDroppedUserOfMariaDBIsARefusal(t *testing.T) {
	for name, end := range map[string]func(*mariadbtest.Server, context.Context, string) error{
		"locked": (*mariadbtest.Server).Lock, "dropped": (*mariadbtest.Server).Drop,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time goes by in pauses
			s, server, db := newMariaDB(t)
			db.SetMaxIdleConns(-1)
			_, err := mariaDBUser(t.Context(), db)
			must(t, err)
			s.rotate(rotation.AlternatingUsers, nil)
			must(t, end(server, t.Context(), "app"))
			if user, err := mariaDBUser(t.Context(), db); user != "app_clone" || err != nil {
				t.Errorf("the query was served by %q, %v", user, err)
			}
			if len(s.refusals) != 1 {
				t.Errorf("%d logins were refused", len(s.refusals))
			}
		})
	}
}

// TestMariaDBsSessionsOfTheFormerUserAreRetired: the pool needs no new connections.
func TestMariaDBsSessionsOfTheFormerUserAreRetired(t *testing.T) {
	s, _, db := newMariaDB(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	db.SetMaxOpenConns(1)
	_, err := mariaDBUser(ctx, db)
	must(t, err)
	s.rotate(rotation.AlternatingUsers, nil)
	_, err = s.secret.Refresh(ctx)
	must(t, err)
	for user := ""; user != "app_clone"; {
		user, err = mariaDBUser(ctx, db)
		must(t, err)
	}
}

func TestMariaDBsOwnErrorIsReached(t *testing.T) {
	_, server, db := newMariaDB(t, typedsecret.WithRetryBudget(0))
	must(t, server.SetPassword(t.Context(), "app", "changed by hand"))
	err := db.PingContext(t.Context())
	answer, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok || answer.Number != 1045 || !errors.Is(err, typedsecret.ErrRejected) {
		t.Errorf("the error is %v", err)
	}
}
