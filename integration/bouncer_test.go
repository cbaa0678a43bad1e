package integration_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/integration/pgtest"
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
	first := open()
	var others []*pgx.Conn
	for range 20 {
		others = append(others, open())
	}
	for n := 1; n > 0; { // until PgBouncer has no session left
		var err error
		n, err = db.Sessions(ctx, "app")
		must(t, err)
	}
	must(t, db.SetPassword(ctx, "app", "second"))
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go first.Exec(waiting, "SELECT 1") // has PgBouncer log in
	for _, c := range others {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // it waits if the login is still under way
		_, err := c.Exec(ctx, "SELECT 1")
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			continue
		}
		if !rejected.PostgreSQL(err) || !strings.Contains(err.Error(), "server login has been failing") {
			t.Errorf("the answer is no refusal: %v", err)
		}
		return
	}
	t.Error("PgBouncer did not tell that its login was refused")
}

// TestQueriesPassPgBouncerDuringARotation: PgBouncer asks PostgreSQL for the passwords, and
// soon has no session of its own. Each query is of a new pool, since PgBouncer keeps a query
// of a session that it has let in waiting until somebody logs in with the new password.
func TestQueriesPassPgBouncerDuringARotation(t *testing.T) {
	for name, open := range pools {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, typedsecret.WithRetryBudget(time.Minute))
			w.url, w.pings = pgtest.NewBouncer(t, w.db, forgetful).URL("", ""), true
			for range 3 {
				p := open(w)
				w.askInTheWindow(func(ctx context.Context) error {
					_, err := p.query(ctx, pid)
					return err
				})
				p.close()
			}
		})
	}
}
