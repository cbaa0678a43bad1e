package fakedb_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/internal/fakedb"
)

// open returns a server with the user app, password old, and a pool of it.
func open(t *testing.T) (*fakedb.DB, *sql.DB) {
	t.Helper()
	server := fakedb.New()
	server.SetPassword("app", "old")
	return server, pool(t, server.Connector("app", "old"))
}

func pool(t *testing.T, c driver.Connector) *sql.DB {
	t.Helper()
	p := sql.OpenDB(c)
	t.Cleanup(func() { p.Close() })
	return p
}

func query[T any](t *testing.T, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, text string,
) (value T) {
	t.Helper()
	if err := q.QueryRowContext(t.Context(), text).Scan(&value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func wantState(t *testing.T, err error, state string) {
	t.Helper()
	var e *fakedb.Error
	if !errors.As(err, &e) || e.SQLState() != state {
		t.Errorf("error is %v, want SQLSTATE %s", err, state)
	}
}

func TestWrongCredentialIsRefusedAsPostgreSQLDoesIt(t *testing.T) {
	server, _ := open(t)
	for _, user := range []string{"app", "nobody"} {
		err := pool(t, server.Connector(user, "hunter2")).PingContext(t.Context())
		wantState(t, err, "28P01")
		if want := fmt.Sprintf("password authentication failed for user %q", user); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
		wantState(t, server.CheckLogin(t.Context(), user, "hunter2"), "28P01")
	}
	if err := server.CheckLogin(t.Context(), "app", "old"); err != nil {
		t.Error(err)
	}
	server.Drop("app")
	wantState(t, server.CheckLogin(t.Context(), "app", "old"), "28P01")
	wantStats(t, server, fakedb.Stats{Refused: 5})
}

func wantStats(t *testing.T, server *fakedb.DB, want fakedb.Stats) {
	t.Helper()
	got := server.Stats()
	if len(got.OpenByUser) == 0 {
		got.OpenByUser, got.OpenByLogin = nil, nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestConnectorPrintsNoPassword(t *testing.T) {
	c := fakedb.New().Connector("app", "hunter2")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, c); strings.Contains(s, "hunter2") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}

func TestSessionsOutliveTheirPassword(t *testing.T) {
	server, p := open(t)
	before, err := p.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server.SetPassword("app", "new")
	if user := query[string](t, before, "SELECT current_user"); user != "app" {
		t.Errorf("the user is %s", user)
	}
	wantState(t, p.PingContext(t.Context()), "28P01") // needs a second session
	after, err := pool(t, server.Connector("app", "new")).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := query[int](t, before, "SELECT session"), query[int](t, after, "select session;"); a != 1 || b != 2 {
		t.Errorf("the sessions are %d and %d", a, b)
	}
	wantStats(t, server, fakedb.Stats{
		Opened: 2, Refused: 1, Open: 2,
		OpenByUser:  map[string]int{"app": 2},
		OpenByLogin: map[fakedb.Login]int{{User: "app", Version: 1}: 1, {User: "app", Version: 2}: 1},
	})
}

func TestClosedSessionIsNotOpen(t *testing.T) {
	server, p := open(t)
	if err := p.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Close()
	wantStats(t, server, fakedb.Stats{Opened: 1})
}

func TestFail(t *testing.T) {
	server, p := open(t)
	down := errors.New("the database system is starting up")
	server.Fail(down)
	if err := p.PingContext(t.Context()); !errors.Is(err, down) {
		t.Errorf("ping: %v", err)
	}
	if err := server.CheckLogin(t.Context(), "app", "wrong"); !errors.Is(err, down) {
		t.Errorf("check: %v", err)
	}
	server.Fail(nil)
	if err := p.PingContext(t.Context()); err != nil {
		t.Error(err)
	}
	if s := server.Stats(); s.Failed != 2 || s.Opened != 1 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p := open(t)
		server.Latency = time.Second
		start := time.Now()
		if err := p.PingContext(t.Context()); err != nil || time.Since(start) != time.Second {
			t.Errorf("login: %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		start = time.Now()
		err := server.CheckLogin(ctx, "app", "old")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Millisecond {
			t.Errorf("with a deadline: %v after %v", err, time.Since(start))
		}
	})
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := open(t)
		start := time.Now()
		if query[string](t, p, "SLEEP 50ms"); time.Since(start) != 50*time.Millisecond {
			t.Errorf("slept for %v", time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := p.ExecContext(ctx, "SLEEP 1h"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a deadline: %v", err)
		}
		if n := query[int](t, p, "SELECT session"); n != 1 {
			t.Errorf("the statement's end took its session with it; this is %d", n)
		}
	})
}

func TestTerminate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p := open(t)
		server.SetPassword("other", "x")
		other := pool(t, server.Connector("other", "x"))
		query[int](t, other, "SELECT 1")
		failed := make(chan error)
		go func() {
			_, err := p.ExecContext(t.Context(), "SLEEP 1h")
			failed <- err
		}()
		synctest.Wait()
		server.Terminate("app")
		wantState(t, <-failed, "57P01")
		if n := query[int](t, p, "SELECT session"); n != 3 {
			t.Errorf("the pool goes on with session %d", n)
		}
		if n := query[int](t, other, "SELECT session"); n != 1 {
			t.Errorf("the other user's session is %d", n)
		}
	})
}

func TestStatements(t *testing.T) {
	for _, kind := range []struct {
		name    string
		connect func(*fakedb.DB) driver.Connector
	}{
		{"full", func(s *fakedb.DB) driver.Connector { return s.Connector("app", "old") }},
		{"plain", func(s *fakedb.DB) driver.Connector { return s.PlainConnector("app", "old") }},
	} {
		t.Run(kind.name, func(t *testing.T) {
			server, _ := open(t)
			p := pool(t, kind.connect(server))
			if user := query[string](t, p, "SELECT current_user"); user != "app" {
				t.Errorf("the user is %s", user)
			}
			res, err := p.ExecContext(t.Context(), "INSERT INTO t VALUES ($1)", 42)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := res.RowsAffected(); n != 1 || err != nil {
				t.Errorf("%d rows, %v", n, err)
			}
			_, err = p.ExecContext(t.Context(), "SHUTDOWN")
			wantState(t, err, "42601")
			_, err = p.QueryContext(t.Context(), "SLEEP well")
			wantState(t, err, "42601")

			prepared, err := p.PrepareContext(t.Context(), "SELECT session")
			if err != nil {
				t.Fatal(err)
			}
			defer prepared.Close()
			var n int
			if err := prepared.QueryRowContext(t.Context()).Scan(&n); err != nil || n != 1 {
				t.Errorf("prepared: session %d, %v", n, err)
			}
			if _, err := prepared.ExecContext(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTransactionsKeepTheirSession(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%v", plain), func(t *testing.T) {
			server, p := open(t)
			if plain {
				p = pool(t, server.PlainConnector("app", "old"))
			}
			begin := func() *sql.Tx {
				tx, err := p.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				return tx
			}
			first, second := begin(), begin()
			for range 3 {
				if a, b := query[int](t, first, "SELECT session"), query[int](t, second, "SELECT session"); a != 1 || b != 2 {
					t.Errorf("the sessions are %d and %d", a, b)
				}
			}
			if err := first.Commit(); err != nil {
				t.Error(err)
			}
			if err := second.Rollback(); err != nil {
				t.Error(err)
			}
			lost := begin()
			server.Terminate("app")
			if err := lost.Commit(); err == nil {
				t.Error("commit in a session that has ended")
			}
			if s := server.Stats(); s.Commits != 1 || s.Rollbacks != 2 || s.Open != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestDriverProtocol makes calls that database/sql never makes, but a faulty wrapper may.
func TestDriverProtocol(t *testing.T) {
	server, _ := open(t)
	c, err := server.Connector("app", "old").Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := c.(driver.ConnBeginTx)
	tx, err := b.BeginTx(t.Context(), driver.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.BeginTx(t.Context(), driver.TxOptions{})
	wantState(t, err, "25001")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	wantState(t, tx.Commit(), "25P01")

	server.Terminate("app")
	if c.(driver.Validator).IsValid() {
		t.Error("valid after its end")
	}
	for name, err := range map[string]error{
		"reset": c.(driver.SessionResetter).ResetSession(t.Context()),
		"ping":  c.(driver.Pinger).Ping(t.Context()),
	} {
		if !errors.Is(err, driver.ErrBadConn) {
			t.Errorf("%s after the session's end: %v", name, err)
		}
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestPlainConnectorHasOnlyWhatADriverMustHave(t *testing.T) {
	server, _ := open(t)
	c, err := server.PlainConnector("app", "old").Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.Prepare("SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, v := range []any{c, s} {
		switch v.(type) {
		case driver.Pinger, driver.QueryerContext, driver.ExecerContext, driver.ConnBeginTx, driver.ConnPrepareContext,
			driver.SessionResetter, driver.Validator, driver.NamedValueChecker, driver.StmtQueryContext, driver.StmtExecContext:
			t.Errorf("%T has more", v)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p := open(t)
		server.Latency = time.Millisecond
		done := make(chan error)
		for range 50 {
			go func() {
				_, err := p.ExecContext(t.Context(), "SLEEP 10ms")
				done <- err
			}()
		}
		for range 50 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if s := server.Stats(); s.Opened != 50 {
			t.Errorf("%+v", s)
		}
	})
}
