package file_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/secret"
)

func TestAPipeHoldsNobodyUp(t *testing.T) {
	dir := t.TempDir()
	check(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600)) // that nobody writes to
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := open(t, dir).Fetch(ctx, secret.Ref{ID: "pipe"})
		failed <- err
	}()
	select {
	case err := <-failed:
		if !errors.Is(err, secret.ErrNotFound) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Fetch has not returned")
	}
}

func TestWhatIsForbiddenIsNotCalledMissing(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "db"), []byte("hunter2"), 0o600))
	check(t, os.Chmod(filepath.Dir(dir), 0o755)) // the test's own, closed to others
	source := open(t, dir)
	for name, path := range map[string]string{"file": filepath.Join(dir, "db"), "directory": dir} {
		check(t, os.Chmod(path, 0))
		if err := fetchAsNobody(t, func() error {
			_, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
			return err
		}); !errors.Is(err, secret.ErrAccessDenied) || (name == "file") == strings.Contains(err.Error(), "directory") {
			t.Errorf("%s: %v", name, err)
		}
		check(t, os.Chmod(path, 0o755))
	}
}

// fetchAsNobody calls f where permissions count, which for root they don't.
func fetchAsNobody(t *testing.T, f func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		return f()
	}
	const nobody = 65534
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := syscall.Setfsuid(nobody); err != nil {
			failed <- err
			return
		}
		failed <- f()
	}()
	return <-failed
}

func TestNoFileDescriptorsLeftIsNoMissingSecret(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "db"), []byte("hunter2"), 0o600))
	source := open(t, dir)
	var limit syscall.Rlimit
	check(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	defer func() { check(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)) }()
	f, err := os.Open(dir)
	check(t, err)
	free := uint64(f.Fd()) // the lowest number that is free, so the directory gets it, and the file none
	check(t, f.Close())
	check(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: free + 1, Max: limit.Max}))
	_, err = source.Fetch(t.Context(), secret.Ref{ID: "db"})
	if !errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrNotFound) {
		t.Error(err)
	}
}
