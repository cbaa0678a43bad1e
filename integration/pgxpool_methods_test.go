package integration_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/recipes/pgxsecret"
	"github.com/typedsecret/typedsecret/rejected"
)

func newPGXPool(w *world) *pgxsecret.Pool {
	config, err := pgxpool.ParseConfig(w.db.URL("", ""))
	must(w.t, err)
	pool, err := pgxsecret.New(w.t.Context(), config, w.secret, func(c creds, config *pgx.ConnConfig) {
		config.User, config.Password = c.Username, c.Password
	})
	must(w.t, err)
	return pool
}

// TestAStatementIsNeverExecutedAgain, although the handle's predicate reports its error as
// a refusal. Only a login is known to have had no effect.
func TestAStatementIsNeverExecutedAgain(t *testing.T) {
	w := newWorld(t, typedsecret.WithRejected(func(err error) bool {
		var answer *pgconn.PgError
		return errors.As(err, &answer) && (answer.Code == "P0001" || rejected.PostgreSQL(err))
	}))
	pool := newPGXPool(w)
	defer pool.Close()
	_, err := w.admin.Exec(t.Context(), "CREATE SEQUENCE tries; GRANT ALL ON SEQUENCE tries TO app")
	must(t, err)
	_, err = w.secret.Get(t.Context())
	must(t, err)
	w.rotate(rotation.SingleUser, nil) // makes the next login refused, so that it goes through Do
	_, err = pool.Exec(t.Context(), "DO $$ BEGIN PERFORM nextval('tries'); RAISE 'no'; END $$")
	var answer *pgconn.PgError
	if !errors.As(err, &answer) || answer.Code != "P0001" || errors.Is(err, typedsecret.ErrRejected) {
		t.Errorf("the error is %v", err)
	}
	var tries int
	must(t, w.admin.QueryRow(t.Context(), "SELECT last_value FROM tries").Scan(&tries))
	if tries != 1 {
		t.Errorf("the statement was executed %d times", tries)
	}
}

// TestEveryMethodGivesItsConnectionBack also checks that each method does the same as
// pgxpool's.
func TestEveryMethodGivesItsConnectionBack(t *testing.T) {
	w := newWorld(t)
	pool := newPGXPool(w)
	defer pool.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	batch := func(begins bool) *pgx.Batch {
		b := new(pgx.Batch)
		if begins {
			b.BeginTx(pgx.TxOptions{})
		}
		b.Queue("SELECT 1")
		return b
	}
	for name, use := range map[string]func() error{
		"Ping": func() error { return pool.Ping(ctx) },
		"Exec": func() error { _, err := pool.Exec(ctx, "SELECT 1"); return err },
		"Query": func() error {
			rows, err := pool.Query(ctx, "SELECT 1")
			rows.Close()
			return err
		},
		"QueryRow": func() error { var n int; return pool.QueryRow(ctx, "SELECT 1").Scan(&n) },
		"QueryRow of none": func() error {
			var n int
			if err := pool.QueryRow(ctx, "SELECT 1 WHERE false").Scan(&n); !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			return nil
		},
		"AcquireFunc": func() error { return pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return c.Ping(ctx) }) },
		"Begin": func() error {
			tx, err := pool.Begin(ctx)
			if err != nil {
				return err
			}
			return tx.Rollback(ctx)
		},
		"CopyFrom": func() error {
			_, err := pool.CopyFrom(ctx, pgx.Identifier{"nothing"}, []string{"n"}, pgx.CopyFromRows(nil))
			if err == nil {
				return errors.New("copied to no table")
			}
			return nil
		},
		"SendBatch": func() error { return pool.SendBatch(ctx, batch(false)).Close() },
		"SendBatch with a transaction": func() error {
			results := pool.SendBatch(ctx, batch(true))
			if err := results.Close(); err != nil {
				return err
			}
			if n := pool.Pool().Stat().AcquiredConns(); n != 1 {
				t.Errorf("%d connections are in use while the transaction is open", n)
			}
			return results.Tx().Commit(ctx)
		},
	} {
		if err := use(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for pool.Pool().Stat().AcquiredConns() != 0 { // pgxpool takes it back in a goroutine
			if ctx.Err() != nil {
				t.Fatalf("%s left its connection in use", name)
			}
			runtime.Gosched()
		}
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if err := pool.SendBatch(done, batch(false)).Close(); !errors.Is(err, context.Canceled) {
		t.Errorf("a batch in a context that is done: %v", err)
	}
}

// TestRowsReportARefusalToo, for callers that ignore Query's own error and look at the
// rows.
func TestRowsReportARefusalToo(t *testing.T) {
	w := newWorld(t, typedsecret.WithRetryBudget(0))
	must(t, w.db.SetPassword(t.Context(), "app", "changed by hand"))
	pool := newPGXPool(w)
	defer pool.Close()
	rows, _ := pool.Query(t.Context(), pid)
	if _, err := pgx.CollectRows(rows, pgx.RowTo[int]); !errors.Is(err, typedsecret.ErrRejected) {
		t.Errorf("the error is %v", err)
	}
}
