package mariadbtest

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/typedsecret/typedsecret/rejected"
)

func wantRefusal(t *testing.T, err error, number uint16) {
	t.Helper()
	if answer, ok := errors.AsType[*mysql.MySQLError](err); !ok || answer.Number != number || !rejected.MySQL(err) {
		t.Errorf("got %v, want a refusal with the number %d", err, number)
	}
}

// TestRefusalsAreKnown tries what MariaDB answers to a login that it refuses.
func TestRefusalsAreKnown(t *testing.T) {
	s, ctx := New(t), t.Context()
	for _, password := range []string{"sesame", `it's "so"`, `\'; DROP USER app; --`} {
		set := s.SetPassword
		if password == "sesame" {
			set = s.CreateUser
		}
		if err := set(ctx, "app", password); err != nil {
			t.Fatal(err)
		}
		if err := s.CheckLogin(ctx, "app", password); err != nil {
			t.Error(err)
		}
		wantRefusal(t, s.CheckLogin(ctx, "app", "former"), 1045)
		wantRefusal(t, s.CheckLogin(ctx, "app", ""), 1045)
	}
	wantRefusal(t, s.CheckLogin(ctx, "unknown", "sesame"), 1045)
	wantRefusal(t, s.CheckLogin(ctx, "root", ""), 1045)

	statement := func(statement string) {
		t.Helper()
		if _, err := s.admin.ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	create := func(user string) {
		t.Helper()
		if err := s.CreateUser(ctx, user, "sesame"); err != nil {
			t.Fatal(err)
		}
	}
	create("locked")
	if err := s.Lock(ctx, "locked"); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, s.CheckLogin(ctx, "locked", "sesame"), 4151)

	create("expired")
	statement("SET GLOBAL disconnect_on_expired_password = ON")
	statement("ALTER USER expired PASSWORD EXPIRE")
	wantRefusal(t, s.CheckLogin(ctx, "expired", "sesame"), 1862)

	create("blocked")
	statement("SET GLOBAL max_password_errors = 2")
	for range 2 {
		wantRefusal(t, s.CheckLogin(ctx, "blocked", "wrong"), 1045)
	}
	wantRefusal(t, s.CheckLogin(ctx, "blocked", "sesame"), 4150)

	if err := s.Drop(ctx, "app"); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, s.CheckLogin(ctx, "app", "sesame"), 1045)
	if err := s.SetPassword(ctx, "app", "hunter2"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("SetPassword of a user that was dropped: %v", err)
	}
}

func TestMissingProgramsAreNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	saved := folders
	folders = []string{t.TempDir()}
	defer func() { folders = saved }()
	_, err := Start(Config{})
	if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "install Debian's package mariadb-server") {
		t.Errorf("error = %v", err)
	}
}

// TestServersShareNoTemporaryTables: a server that starts removes every temporary table in
// its tmpdir, also those of a server beside it.
func TestServersShareNoTemporaryTables(t *testing.T) {
	s := New(t)
	var dir string
	if err := s.admin.QueryRowContext(t.Context(), "SELECT @@tmpdir").Scan(&dir); err != nil {
		t.Fatal(err)
	}
	if dir != s.dir {
		t.Errorf("tmpdir = %s, want %s", dir, s.dir)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	s, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sessions(context.Background(), admin); n < 1 || err != nil {
		t.Errorf("Sessions = %d, %v", n, err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	select {
	case <-s.process.Exited():
	default:
		t.Error("the process is still there")
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}
