package pgtest

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestMissingProgramsAreNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	saved := folders
	folders = []string{t.TempDir()}
	defer func() { folders = saved }()
	_, err := Start(Config{})
	if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "install Debian's package postgresql") {
		t.Errorf("error = %v", err)
	}
}

func TestFoundWithoutPATH(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	New(t)
}

func TestCloseLeavesNothing(t *testing.T) {
	s, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateUser(t.Context(), "app", "sesame"); err != nil {
		t.Fatal(err)
	}
	c, err := s.Admin(t.Context()) // an open session must not delay Close
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
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
	if err := s.CheckLogin(t.Context(), "app", "sesame"); err == nil {
		t.Error("a login after Close")
	}
}

func TestAFailedStartLeavesNothing(t *testing.T) {
	tmp, err := os.MkdirTemp("", "") // not t.TempDir, which other users can't enter
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", tmp)
	if _, err := Start(Config{MaxConnections: -1}); err == nil || !strings.Contains(err.Error(), "max_connections") {
		t.Errorf("error = %v, want what the server printed", err)
	}
	if left, err := os.ReadDir(tmp); len(left) > 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}
