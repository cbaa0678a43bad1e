package pgtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestMain makes this program the parent that dies, if TestItEndsWithItsParent runs it.
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

// TestItEndsWithItsParent tests what only Linux offers.
func TestItEndsWithItsParent(t *testing.T) {
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
			for n := 0; n < 1000 && os.RemoveAll(dir) != nil; n++ { // the server may still be writing
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
	// The session ends with the server.
	if c.WaitForNotification(ctx); ctx.Err() != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		t.Errorf("the server goes on; it printed: %s", log)
	}
}
