package integration_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/rejected"
)

// forgetful is the configuration of a PgBouncer that soon has no session of PostgreSQL, and
// so has to log in for the next query.
var forgetful = pgtest.BouncerConfig{ServerLifetime: time.Millisecond}

// TestPgBouncersRefusalsAreKnown tries what PgBouncer answers to a login.
func TestPgBouncersRefusalsAreKnown(t *testing.T) {
	db, ctx := pgtest.New(t), t.Context()
	must(t, db.CreateUser(ctx, "app", "first"))
	b := pgtest.NewBouncer(t, db, pgtest.BouncerConfig{})
	must(t, b.CheckLogin(ctx, "app", "first"))
	for user, says := range map[string]string{"app": "authentication failed", "dropped": "no such user"} {
		err := b.CheckLogin(ctx, user, "wrong")
		if !rejected.PostgreSQL(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("the answer to user %s is no refusal: %v", user, err)
		}
	}
}

// TestPgBouncersOwnRefusedLoginIsKnown: PgBouncer logs in for a session that it has let in
// before the password changed. PostgreSQL refuses it, and PgBouncer tells that to others for
// server_login_retry.
func TestPgBouncersOwnRefusedLoginIsKnown(t *testing.T) {
	db, ctx := pgtest.New(t), t.Context()
	must(t, db.CreateUser(ctx, "app", "first"))
	config := forgetful
	config.LoginRetry = time.Minute // longer than the test takes
	b := pgtest.NewBouncer(t, db, config)
	open := func() *pgx.Conn {
		c, err := pgx.Connect(ctx, b.URL("app", "first"))
		must(t, err)
		t.Cleanup(func() { c.Close(context.Background()) })
		_, err = c.Exec(ctx, "SELECT 1")
		must(t, err)
		return c
	}
	first, second := open(), open()
	awaitNoSessions(t, db)
	must(t, db.SetPassword(ctx, "app", "second"))
	waiting, cancel := context.WithCancel(ctx)
	var asked sync.WaitGroup
	asked.Go(func() { _, _ = first.Exec(waiting, "SELECT 1") }) // has PgBouncer log in
	defer asked.Wait()                                          // before first is closed
	defer cancel()
	awaitOwnRefusal(t, b)
	_, err := second.Exec(ctx, "SELECT 1")
	if !rejected.PostgreSQL(err) || !strings.Contains(err.Error(), "server login has been failing") {
		t.Errorf("the answer is no refusal: %v", err)
	}
}

// awaitNoSessions waits until PgBouncer has no session of PostgreSQL left.
func awaitNoSessions(t *testing.T, db *pgtest.Server) {
	t.Helper()
	for n := 1; n > 0; {
		var err error
		n, err = db.Sessions(t.Context(), "app")
		must(t, err)
	}
}

// awaitOwnRefusal waits until PgBouncer knows that PostgreSQL has refused it.
func awaitOwnRefusal(t *testing.T, b *pgtest.Bouncer) {
	t.Helper()
	for n := 0; n == 0; {
		var err error
		n, err = b.OwnLoginsRefused()
		must(t, err)
	}
}

// TestAnOpenSessionOfPgBouncerThatIsNotServedFailsNoQuery: PgBouncer was refused, and so it
// has nothing to serve the pool's open sessions with.
func TestAnOpenSessionOfPgBouncerThatIsNotServedFailsNoQuery(t *testing.T) {
	for name, open := range pools {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time goes by in pauses
			w := newWorld(t, typedsecret.WithRetryBudget(time.Minute))
			b := pgtest.NewBouncer(t, w.db, forgetful)
			w.url, w.pings = b.URL("", ""), true
			p := open(w)
			defer p.close()
			var all []tx
			for range 5 { // sessions of the pool
				tx, err := p.begin(t.Context())
				must(t, err)
				all = append(all, tx)
			}
			for _, tx := range all {
				must(t, tx.commit(t.Context()))
			}
			awaitNoSessions(t, w.db)
			w.rotate(rotation.SingleUser, nil)
			done := make(chan error, 1)
			go func() { // has PgBouncer log in, and waits until somebody logs in with the new password
				_, err := p.query(t.Context(), pid)
				done <- err
			}()
			awaitOwnRefusal(t, b)
			for range 10 {
				if _, err := p.query(t.Context(), pid); err != nil {
					t.Errorf("a query failed: %v", err)
				}
			}
			must(t, <-done)
		})
	}
}

// TestQueriesPassPgBouncerDuringARotation: PgBouncer asks PostgreSQL for the passwords, and
// soon has no session of its own. The pool is new, since PgBouncer keeps a query of a session
// that it has let in waiting until somebody logs in with the new password.
func TestQueriesPassPgBouncerDuringARotation(t *testing.T) {
	for name, open := range pools {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time goes by in pauses
			w := newWorld(t, typedsecret.WithRetryBudget(time.Minute))
			w.url, w.pings = pgtest.NewBouncer(t, w.db, forgetful).URL("", ""), true
			p := open(w)
			defer p.close()
			w.askInTheWindow(func(ctx context.Context) error {
				_, err := p.query(ctx, pid)
				return err
			})
		})
	}
}
