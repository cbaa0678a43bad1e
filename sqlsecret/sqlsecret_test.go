package sqlsecret_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/fakedb"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// creds is the type of the secret prod/db.
type creds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// A setup is a service with its database and its Secrets Manager, in a synctest bubble.
type setup struct {
	t      *testing.T
	server *secrettest.Server
	fake   *fakedb.DB
	cache  *cache.Cache
	secret *typedsecret.Secret[creds]
	sql    *sql.DB
}

// start opens a DB whose secret has the password first.
func start(t *testing.T, opts ...typedsecret.Option) *setup {
	t.Helper()
	s := &setup{t: t, fake: fakedb.New()}
	s.server, s.cache = secrettest.NewCache(t, cache.Config{MinRefreshInterval: cache.DefaultMinRefreshInterval})
	s.fake.SetPassword("app", "first")
	s.server.Seed(t, "prod/db", payload("app", "first"))
	s.secret = typedsecret.New[creds]("prod/db", append(opts, typedsecret.WithCache(s.cache))...)
	s.sql = sqlsecret.OpenDB(s.secret, s.connector)
	t.Cleanup(s.stop)
	return s
}

func (s *setup) connector(c creds) (driver.Connector, error) {
	return s.fake.Connector(c.Username, c.Password), nil
}

// stop ends all that the setup started, which a bubble requires before its end.
func (s *setup) stop() {
	s.sql.Close()
	s.cache.Close()
}

func payload(user, password string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q}`, user, password)
}

// session returns the number of the database's session that serves a query.
func (s *setup) session(q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
},
) (number int) {
	s.t.Helper()
	if err := q.QueryRowContext(s.t.Context(), "SELECT session").Scan(&number); err != nil {
		s.t.Errorf("the query failed: %v", err)
	}
	return number
}

func (s *setup) wantStats(opened, refused, open int) {
	s.t.Helper()
	got := s.fake.Stats()
	if diff := cmp.Diff([]int{opened, refused, open}, []int{got.Opened, got.Refused, got.Open}); diff != "" {
		s.t.Errorf("logins, refused ones, and open sessions (-want +got):\n%s", diff)
	}
}

func (s *setup) wantCalls(n int) {
	s.t.Helper()
	if got := s.server.CallsFor("prod/db", "GetSecretValue"); got != n {
		s.t.Errorf("%d calls of Secrets Manager, want %d", got, n)
	}
}

// TestQueriesPassThroughTheWindowOfARotation: for two seconds the database refuses the
// password that Secrets Manager gives out.
func TestQueriesPassThroughTheWindowOfARotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		defer s.stop()
		s.sql.SetMaxIdleConns(-1) // each query logs in
		s.session(s.sql)
		s.fake.SetPassword("app", "second")
		began := time.Now()
		var queries sync.WaitGroup
		for range 32 {
			queries.Go(func() { s.session(s.sql) })
		}
		time.Sleep(2 * time.Second)
		s.server.Rotate(t, "prod/db", payload("app", "second"))
		queries.Wait()
		if d := time.Since(began); d > 3100*time.Millisecond {
			t.Errorf("the queries took %v", d)
		}
		s.wantCalls(1 + 3) // the first, and one a second: at 0, 1 and 2 s
	})
}

func TestOnlyARefusedLoginIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		defer s.stop()
		down := errors.New("too many clients already")
		s.fake.Fail(down)
		if err := s.sql.Ping(); !errors.Is(err, down) || errors.Is(err, typedsecret.ErrRejected) {
			t.Errorf("the error is %v", err)
		}
		if n := s.fake.Stats().Failed; n != 1 {
			t.Errorf("%d tries", n)
		}
		s.wantCalls(1)
	})
}

func TestALoginThatStaysRefusedSaysSoAndKeepsTheSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, typedsecret.WithRetryBudget(5*time.Second))
		defer s.stop()
		s.fake.SetPassword("app", "changed by hand")
		began := time.Now()
		err := s.sql.Ping()
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("it was given up after %v", d)
		}
		var answer *fakedb.Error
		var ours *typedsecret.Error
		if !errors.As(err, &answer) || answer.SQLState() != "28P01" || !errors.As(err, &ours) || ours.Ref.ID != "prod/db" ||
			!errors.Is(err, typedsecret.ErrRejected) {
			t.Errorf("the error is %v", err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "first") {
			t.Errorf("it holds the password: %v", err)
		}
	})
}

func TestPendingVersionIsTriedWhenToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, typedsecret.WithPending())
		defer s.stop()
		s.sql.SetMaxIdleConns(4)
		first := s.session(s.sql)
		s.server.Put(t, "prod/db", payload("app", "second"), "AWSPENDING")
		s.fake.SetPassword("app", "second")
		conn, err := s.sql.Conn(t.Context()) // holds the first session
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		second := s.session(s.sql)
		if d := time.Since(began); d != 0 || second == first {
			t.Errorf("a login with the pending version took %v", d)
		}
		conn.Close()
		for range 10 {
			if n := s.session(s.sql); n != first && n != second {
				t.Errorf("session %d was opened for nothing: a pending version retires nothing", n)
			}
		}
	})
}

// TestRotationRetiresAPoolThatOpensNothing: older connections are retired although no login
// was refused.
func TestRotationRetiresAPoolThatOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		defer s.stop()
		first := s.session(s.sql)
		s.fake.SetPassword("app_clone", "second")
		s.server.Rotate(t, "prod/db", payload("app_clone", "second"))
		if n := s.session(s.sql); n != first {
			t.Errorf("session %d, before anybody knows of the rotation", n)
		}
		if _, err := s.secret.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := s.session(s.sql); n == first {
			t.Error("the connection of the old version is still in use")
		}
		s.wantStats(3, 0, 1) // the first, the one that proved the new version, the new one
		s.wantCalls(2)
	})
}

func TestNothingIsRetiredBeforeTheNewVersionProvedItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		defer s.stop()
		first := s.session(s.sql)
		s.server.Rotate(t, "prod/db", payload("app", "wrong"))
		if _, err := s.secret.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 60 {
			time.Sleep(time.Minute)
			if n := s.session(s.sql); n != first {
				t.Fatalf("session %d, though no other login is possible", n)
			}
		}
		if n := s.fake.Stats().Refused; n < 10 || n > 25 {
			t.Errorf("%d logins were tried in an hour to prove the new version", n)
		}
		s.fake.SetPassword("app", "wrong")
		time.Sleep(10 * time.Minute)
		if n := s.session(s.sql); n == first {
			t.Error("the old connection stayed after the new version had proved itself")
		}
	})
}

func TestACancelledRotationRetiresWhatLoggedInWithThePendingVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, typedsecret.WithPending())
		defer s.stop()
		s.sql.SetMaxIdleConns(4)
		hold, err := s.sql.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.server.Put(t, "prod/db", payload("app", "second"), "AWSPENDING")
		s.fake.SetPassword("app", "second")
		pending := s.session(s.sql)
		s.server.Stage(t, "prod/db", "AWSPENDING", "")
		s.fake.SetPassword("app", "first")
		hold2, err := s.sql.Conn(t.Context()) // logs in with the pending version
		if err != nil {
			t.Fatal(err)
		}
		third := s.session(s.sql) // logs in with the old version, since the pending one is refused
		hold2.Close()
		hold.Close()
		for range 10 {
			if n := s.session(s.sql); n == pending {
				t.Error("the connection of the cancelled version is still in use")
			}
		}
		s.wantStats(third, 2, 2)
	})
}

func TestTransactionIsNeverMovedAndNoQueryIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		defer s.stop()
		tx, err := s.sql.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		first := s.session(tx)
		var slow sync.WaitGroup
		slow.Go(func() {
			var slept string
			if err := s.sql.QueryRowContext(t.Context(), "SLEEP 1m").Scan(&slept); err != nil {
				t.Errorf("the query under way failed: %v", err)
			}
		})
		synctest.Wait()
		s.fake.SetPassword("app", "second")
		s.server.Rotate(t, "prod/db", payload("app", "second"))
		other := s.session(s.sql) // refused, refreshed, logged in: the new version is proved
		if n := s.session(tx); n != first || n == other {
			t.Errorf("the transaction was moved from session %d to %d", first, n)
		}
		if err := tx.Commit(); err != nil {
			t.Errorf("Commit: %v", err)
		}
		slow.Wait()
		if got := s.fake.Stats().OpenByLogin; len(got) != 1 || got[fakedb.Login{User: "app", Version: 2}] == 0 {
			t.Errorf("open sessions: %v", got)
		}
	})
}

func TestCloseEndsAllThatWasStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		connector := sqlsecret.NewConnector(s.secret, s.connector)
		db := sql.OpenDB(connector)
		s.session(db)
		s.server.Rotate(t, "prod/db", payload("app", "wrong"))
		if _, err := s.secret.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // the new version is tried, and found wrong
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if _, err := connector.Connect(t.Context()); err == nil {
			t.Error("a closed connector connects")
		}
		s.stop()
	})
}
