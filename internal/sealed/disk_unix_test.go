//go:build unix

package sealed

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestANamedPipeIsRefusedAndNotWaitedFor: an ordinary open of a pipe waits for its writer.
func TestANamedPipeIsRefusedAndNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	f := open(t, path, aead("key"))
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := f.Read()
	checkRefused(t, path, err, ErrFormat, "it is a device or pipe")
	for _, path := range []string{path, os.DevNull} {
		if _, err := New(path, aead("key"), 1<<20); err == nil || !strings.Contains(err.Error(), "names no file; give one such as ") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestOpeningWaitsForNoWriterOfAPipe: a pipe may take the place of a file after read has
// looked at it.
func TestOpeningWaitsForNoWriterOfAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openAtOnce(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := mayRead(info, 1<<20); !errors.Is(err, ErrFormat) {
		t.Errorf("got %v", err)
	}
}
