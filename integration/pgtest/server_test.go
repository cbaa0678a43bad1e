package pgtest_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/typedsecret/typedsecret/integration/pgtest"
)

func TestPasswordsDecideWhoLogsIn(t *testing.T) {
	s, ctx := pgtest.New(t), t.Context()
	for _, row := range []struct{ name, user, first, second string }{
		{"plain", "app", "sesame", "open"},
		{"quotes", `a"p'p`, `it's "so"`, `'; DROP ROLE postgres; --`},
		{"backslashes", `a\p`, `\'`, `\\x`},
		{"percent", "%s", "%I%L", "a%20b"},
		{"url", "a@b:c/d?e#f", "p@ss:w/o?r#d%", "100%"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := s.CreateUser(ctx, row.user, row.first); err != nil {
				t.Fatal(err)
			}
			if err := s.CheckLogin(ctx, row.user, row.first); err != nil {
				t.Error(err)
			}
			if err := s.SetPassword(ctx, row.user, row.second); err != nil {
				t.Fatal(err)
			}
			err := s.CheckLogin(ctx, row.user, row.first)
			if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "28P01" {
				t.Errorf("the former password: %v, want 28P01", err)
			}
			if strings.Contains(err.Error(), row.first) {
				t.Errorf("the error says the password: %v", err)
			}
			c, err := pgx.Connect(ctx, s.URL(row.user, row.second))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(ctx)
			var user, database string
			if err := c.QueryRow(ctx, "SELECT current_user, current_database()").Scan(&user, &database); err != nil || user != row.user || database != s.Database() {
				t.Errorf("logged in as %q in %q, %v", user, database, err)
			}
			if n, err := s.Sessions(ctx, row.user); n != 1 || err != nil {
				t.Errorf("Sessions = %d, %v; want 1", n, err)
			}
		})
	}
}

func TestUsersHaveToBeThere(t *testing.T) {
	s, ctx := pgtest.New(t), t.Context()
	if err := s.SetPassword(ctx, "nobody", "sesame"); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("SetPassword of an unknown user: %v", err)
	}
	if err := s.CreateUser(ctx, "nul", "a\x00b"); err == nil {
		t.Error("a password with a NUL was taken")
	}
	if err := s.CheckLogin(ctx, "postgres", ""); err == nil {
		t.Error("the superuser logs in without a password")
	}
}

func TestCheckLoginLeavesNoSession(t *testing.T) {
	s, ctx := pgtest.New(t), t.Context()
	if err := s.CreateUser(ctx, "app", "sesame"); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := s.CheckLogin(ctx, "app", "sesame"); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Sessions(ctx, "app"); n != 0 || err != nil {
			t.Fatalf("Sessions = %d, %v; want 0", n, err)
		}
	}
}

func TestUsersMakeTables(t *testing.T) {
	s, ctx := pgtest.New(t), t.Context()
	if err := s.CreateUser(ctx, "app", "sesame"); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(ctx, s.URL("app", "sesame"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, "CREATE TABLE t (n int)"); err != nil {
		t.Error(err)
	}
}

func TestAdmin(t *testing.T) {
	s, ctx := pgtest.New(t), t.Context()
	c, err := s.Admin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, row := range []struct{ setting, want string }{
		{"is_superuser", "on"},
		{"max_connections", "300"},
		{"fsync", "off"},
		{"password_encryption", "scram-sha-256"},
		{"unix_socket_directories", ""},
	} {
		var got string
		if err := c.QueryRow(ctx, "SELECT current_setting($1)", row.setting).Scan(&got); err != nil || got != row.want {
			t.Errorf("%s = %q, %v; want %q", row.setting, got, err, row.want)
		}
	}
	var methods int
	if err := c.QueryRow(ctx, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256' OR error IS NOT NULL").Scan(&methods); err != nil || methods != 0 {
		t.Errorf("%d lines of pg_hba.conf let in otherwise, %v", methods, err)
	}
}

func TestConfig(t *testing.T) {
	s, err := pgtest.Start(pgtest.Config{Database: `a "b"`, MaxConnections: 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	if err := s.CreateUser(ctx, "app", "sesame"); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckLogin(ctx, "app", "sesame"); err != nil {
		t.Error(err)
	}
	if s.Host() != "127.0.0.1" || s.Port() == 0 {
		t.Errorf("address %s:%d", s.Host(), s.Port())
	}
}

func TestTheEnvironmentLeadsNowhereElse(t *testing.T) {
	t.Setenv("PGHOST", "192.0.2.1")
	t.Setenv("PGPORT", "1")
	t.Setenv("PGUSER", "other")
	t.Setenv("PGDATABASE", "other")
	t.Setenv("PGPASSWORD", "other")
	t.Setenv("PGDATA", os.TempDir())
	pgtest.New(t)
}
