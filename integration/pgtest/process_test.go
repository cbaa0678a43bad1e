package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestMain makes this binary the parent that dies, when TestItEndsWithItsParent
// runs it.
func TestMain(m *testing.M) {
	if os.Getenv("PGTEST_PARENT") == "" {
		os.Exit(m.Run())
	}
	s, err := Start(Config{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.dir)
	fmt.Println(s.URL(superuser, s.password))
	io.Copy(io.Discard, os.Stdin) // until the end
}

func TestItEndsWithItsParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a child that its parent has died")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "PGTEST_PARENT=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	dir := lines.Text()
	lines.Scan()
	url := lines.Text()
	if strings.HasPrefix(dir, os.TempDir()) {
		defer func() {
			for n := 0; n < 1000 && os.RemoveAll(dir) != nil; n++ { // it may be writing still
			}
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	cmd.Process.Kill()
	cmd.Wait()
	// The session ends as the server does.
	if c.WaitForNotification(ctx); ctx.Err() != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		t.Errorf("the server goes on; it printed: %s", log)
	}
}

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
	c, err := s.Admin(t.Context()) // a session does not hold it up
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
	tmp, err := os.MkdirTemp("", "") // and no t.TempDir, which other users can't enter
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
