package pgtest

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestABouncerKnowsAChangedPasswordAtOnce(t *testing.T) {
	s, ctx := New(t), t.Context()
	b := NewBouncer(t, s, BouncerConfig{})
	if err := s.CreateUser(ctx, "app", "first"); err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"second", `it's "so"`} {
		if err := b.SetPassword(ctx, "app", password); err != nil {
			t.Fatal(err)
		}
		if err := b.CheckLogin(ctx, "app", password); err != nil {
			t.Error(err)
		}
		if err := b.CheckLogin(ctx, "app", "first"); err == nil || strings.Contains(err.Error(), "first") {
			t.Errorf("the former password: %v", err)
		}
		c, err := pgx.Connect(ctx, b.URL("app", password))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(ctx)
		var user string
		if err := c.QueryRow(ctx, "SELECT current_user WHERE $1", true).Scan(&user); err != nil || user != "app" {
			t.Errorf("logged in as %q, %v", user, err)
		}
	}
}

func TestAMissingBouncerIsNamed(t *testing.T) {
	s := New(t)
	t.Setenv("PATH", t.TempDir())
	saved := bouncerFolders
	bouncerFolders = nil
	defer func() { bouncerFolders = saved }()
	_, err := StartBouncer(s, BouncerConfig{})
	if !errors.Is(err, ErrNoBouncer) || !strings.Contains(err.Error(), "install Debian's package pgbouncer") {
		t.Errorf("error = %v", err)
	}
}

func TestAClosedBouncerLeavesNothing(t *testing.T) {
	b, err := StartBouncer(New(t), BouncerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(b.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}
