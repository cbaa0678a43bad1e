package integration_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/recipes/pgxsecret"
	"github.com/typedsecret/typedsecret/rejected"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// A world is a service whose server is a PostgreSQL.
type world struct {
	*service
	db    *pgtest.Server
	admin *pgx.Conn
	conns int // the pools' size
	url   string
	pings bool // whether a login includes a Ping

	mu      sync.Mutex // guards refused
	refused int        // the refused logins of the pools
}

func newWorld(t *testing.T, opts ...typedsecret.Option) *world {
	t.Helper()
	db := pgtest.New(t)
	for _, user := range []string{"app", "app_clone"} {
		must(t, db.CreateUser(t.Context(), user, "first"))
	}
	admin, err := db.Admin(t.Context())
	must(t, err)
	t.Cleanup(func() { admin.Close(context.Background()) })
	return &world{service: newService(t, db, opts...), db: db, admin: admin, conns: 10, url: db.URL("", "")}
}

// config returns a configuration without a credential.
func (w *world) config() *pgx.ConnConfig {
	w.t.Helper()
	config, err := pgx.ParseConfig(w.url)
	must(w.t, err)
	if w.pings {
		config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error { return conn.Ping(ctx) }
	}
	config.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool {
		if rejected.PostgreSQL(err) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.refused++
		}
		return err.Severity != "FATAL"
	}
	return config
}

func (w *world) loginsRefused() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused
}

// A pool has the methods that both kinds of pools share.
type pool struct {
	query func(ctx context.Context, sql string) (int, error)
	begin func(ctx context.Context) (tx, error)
	close func()
}

type tx struct {
	query  func(ctx context.Context, sql string) (int, error)
	commit func(ctx context.Context) error
}

var pools = map[string]func(*world) pool{"database/sql": databaseSQL, "lib/pq": libPQ, "pgxpool": pgxPool}

func databaseSQL(w *world) pool {
	config := w.config()
	return overSQL(w, func(c creds) (driver.Connector, error) {
		config := config.Copy()
		config.User, config.Password = c.Username, c.Password
		return stdlib.GetConnector(*config), nil
	})
}

// libPQ is database/sql with the driver lib/pq.
func libPQ(w *world) pool {
	config, err := pq.NewConfig(w.url)
	must(w.t, err)
	delete(config.Runtime, "default_query_exec_mode") // pgx's own; lib/pq would send it to the server
	return overSQL(w, func(c creds) (driver.Connector, error) {
		config := config.Clone()
		config.User, config.Password = c.Username, c.Password
		inner, err := pq.NewConnectorConfig(config)
		return counting{inner, w}, err
	})
}

// A counting connector counts the refused logins.
type counting struct {
	driver.Connector
	w *world
}

func (c counting) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if execer, ok := conn.(driver.ExecerContext); ok && err == nil && c.w.pings {
		if _, err = execer.ExecContext(ctx, ";", nil); err != nil {
			conn.Close()
			conn = nil
			err = typedsecret.Rejected(err) // lib/pq makes a driver.ErrBadConn of what PgBouncer answers
		}
	}
	if rejected.PostgreSQL(err) {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		c.w.refused++
	}
	return conn, err
}

func overSQL(w *world, open func(creds) (driver.Connector, error)) pool {
	db := sqlsecret.OpenDB(w.secret, open)
	db.SetMaxOpenConns(w.conns)
	db.SetMaxIdleConns(w.conns)
	query := func(q interface {
		QueryRowContext(context.Context, string, ...any) *sql.Row
	},
	) func(context.Context, string) (int, error) {
		return func(ctx context.Context, sql string) (n int, err error) {
			err = q.QueryRowContext(ctx, sql).Scan(&n)
			return n, err
		}
	}
	return pool{query(db), func(ctx context.Context) (tx, error) {
		t, err := db.BeginTx(ctx, nil)
		if err != nil {
			return tx{}, err
		}
		return tx{query(t), func(context.Context) error { return t.Commit() }}, nil
	}, func() { db.Close() }}
}

func pgxPool(w *world) pool {
	config, err := pgxpool.ParseConfig(w.url)
	must(w.t, err)
	config.ConnConfig, config.MaxConns = w.config(), int32(w.conns)
	if w.pings {
		config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
	}
	p, err := pgxsecret.New(w.t.Context(), config, w.secret, func(c creds, config *pgx.ConnConfig) {
		config.User, config.Password = c.Username, c.Password
	})
	must(w.t, err)
	query := func(q interface {
		QueryRow(context.Context, string, ...any) pgx.Row
	},
	) func(context.Context, string) (int, error) {
		return func(ctx context.Context, sql string) (n int, err error) {
			err = q.QueryRow(ctx, sql).Scan(&n)
			return n, err
		}
	}
	return pool{query(p), func(ctx context.Context) (tx, error) {
		t, err := p.Begin(ctx)
		if err != nil {
			return tx{}, err
		}
		return tx{query(t), t.Commit}, nil
	}, p.Close}
}

// each runs a test for both kinds of pools.
func each(t *testing.T, test func(*testing.T, *world, pool), opts ...typedsecret.Option) {
	for name, open := range pools {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time goes by in pauses
			w := newWorld(t, opts...)
			p := open(w)
			defer p.close()
			test(t, w, p)
		})
	}
}

const pid = "SELECT pg_backend_pid()"

// TestRetiringKillsNoQueryAndMovesNoTransaction: PostgreSQL does not end sessions after a
// change of the password. The pool ends them after their query or transaction.
func TestRetiringKillsNoQueryAndMovesNoTransaction(t *testing.T) {
	each(t, func(t *testing.T, w *world, p pool) {
		ctx := t.Context()
		tx, err := p.begin(ctx)
		must(t, err)
		first, err := tx.query(ctx, pid)
		must(t, err)

		_, err = w.admin.Exec(ctx, "SELECT pg_advisory_lock(1)")
		must(t, err)
		type answer struct {
			pid int
			err error
		}
		slow := make(chan answer, 1)
		go func() {
			pid, err := p.query(ctx, "SELECT pg_backend_pid() FROM pg_advisory_lock(1)")
			slow <- answer{pid, err}
		}()
		w.await("SELECT count(*) = 1 FROM pg_locks WHERE NOT granted")

		w.rotate(rotation.SingleUser, nil)
		third, err := p.query(ctx, pid) // the login is refused, the secret refreshed, and the new version is proved
		must(t, err)
		if n := w.loginsRefused(); n == 0 {
			t.Error("no login was refused: the rotation went unnoticed")
		}

		if n, err := tx.query(ctx, pid); err != nil || n != first || n == third {
			t.Errorf("the transaction went on in session %d, %v; it began in %d", n, err, first)
		}
		if err := tx.commit(ctx); err != nil {
			t.Errorf("Commit: %v", err)
		}
		_, err = w.admin.Exec(ctx, "SELECT pg_advisory_unlock(1)")
		must(t, err)
		second := <-slow
		if second.err != nil {
			t.Errorf("the query under way was killed: %v", second.err)
		}
		w.await(fmt.Sprintf("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN (%d, %d)", first, second.pid))
		if n, err := p.query(ctx, pid); err != nil || n != third {
			t.Errorf("the next query was served by session %d, %v; want %d", n, err, third)
		}
	})
}

// await repeats a query until its result is true.
func (w *world) await(query string) {
	w.t.Helper()
	for is := false; !is; {
		must(w.t, w.admin.QueryRow(w.t.Context(), query).Scan(&is))
	}
}

// TestQueryWaitsForTheEndOfARotation: between setSecret and finishSecret, PostgreSQL
// refuses both AWSCURRENT and AWSPREVIOUS.
func TestQueryWaitsForTheEndOfARotation(t *testing.T) {
	each(t, func(t *testing.T, w *world, p pool) {
		w.askInTheWindow(func(ctx context.Context) error {
			_, err := p.query(ctx, pid)
			return err
		})
	})
}

func TestPendingVersionLogsInDuringARotation(t *testing.T) {
	each(t, func(t *testing.T, w *world, p pool) {
		w.rotate(rotation.SingleUser, func(ctx context.Context, step string) error {
			if step == rotation.SetSecret {
				_, err := p.query(ctx, pid) // needs a timeout, since this rotation would wait for ever
				return err
			}
			return nil
		})
	}, typedsecret.WithPending())
}

func TestNobodyNoticesAlternatingUsers(t *testing.T) {
	each(t, func(t *testing.T, w *world, p pool) {
		for range 2 {
			first, err := p.begin(t.Context()) // keeps a connection, so that the next query needs a login
			must(t, err)
			w.rotate(rotation.AlternatingUsers, func(ctx context.Context, _ string) error {
				_, err := p.query(ctx, pid)
				return err
			})
			must(t, first.commit(t.Context()))
			_, err = w.secret.Refresh(t.Context())
			must(t, err)
		}
		if n := w.loginsRefused(); n > 0 {
			t.Errorf("%d logins were refused", n)
		}
	})
}

// TestDatabasesOwnErrorIsReached also checks that the error holds no password.
func TestDatabasesOwnErrorIsReached(t *testing.T) {
	each(t, func(t *testing.T, w *world, p pool) {
		must(t, w.db.SetPassword(t.Context(), "app", "changed by hand"))
		_, err := p.query(t.Context(), pid)
		var theirs interface{ SQLState() string }
		var ours *typedsecret.Error
		if !errors.As(err, &theirs) || theirs.SQLState() != "28P01" || !errors.As(err, &ours) || ours.Ref.ID != "prod/db" || !errors.Is(err, typedsecret.ErrRejected) {
			t.Errorf("the error is %v", err)
		}
	}, typedsecret.WithRetryBudget(0))
}

// TestSessionsOfTheFormerUserAreRetired: with alternating users nothing refuses a login, and
// the pool needs no new connections. The former user may be dropped once the newer version
// has proved itself.
func TestSessionsOfTheFormerUserAreRetired(t *testing.T) {
	const isClone = "SELECT (current_user = 'app_clone')::int"
	test := func(t *testing.T, w *world, p pool) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		tx, err := p.begin(ctx)
		must(t, err)
		defer tx.commit(t.Context()) // also after a failure, since the pool's end waits for it
		former, err := tx.query(ctx, pid)
		must(t, err)
		_, err = p.query(ctx, pid) // opens a second connection
		must(t, err)
		w.rotate(rotation.AlternatingUsers, nil)
		_, err = w.secret.Refresh(ctx)
		must(t, err)
		for clone := 0; clone == 0; {
			clone, err = p.query(ctx, isClone)
			must(t, err)
		}
		if clone, err := tx.query(ctx, isClone); err != nil || clone != 0 {
			t.Errorf("the transaction was moved: %d, %v", clone, err)
		}
		must(t, tx.commit(ctx))
		w.await(fmt.Sprintf("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %d", former))
		_, err = w.admin.Exec(ctx, "DROP ROLE app")
		must(t, err)
		for range 10 {
			if clone, err := p.query(ctx, isClone); err != nil || clone != 1 {
				t.Errorf("a session of the dropped user serves a query: %v", err)
			}
		}
		if n := w.loginsRefused(); n > 0 {
			t.Errorf("%d logins were refused", n)
		}
	}
	for name, open := range pools {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time goes by in pauses
			w := newWorld(t)
			w.conns = 2 // so that no query opens a third one, which would prove the newer version
			p := open(w)
			defer p.close()
			test(t, w, p)
		})
	}
}
