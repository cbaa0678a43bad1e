//go:build unix

package sealed

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestANamedPipeIsRefusedAndNotWaitedFor: opening one would wait for its writer.
func TestANamedPipeIsRefusedAndNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, os.DevNull} {
		_, err := open(t, path, aead("key")).Read()
		checkRefused(t, path, err, ErrFormat, "it is a device or pipe")
	}
}
