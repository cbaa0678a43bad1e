//go:build unix

package local_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/typedsecret/typedsecret/internal/local"
)

func TestReadFileReadsRegularFilesUpToASize(t *testing.T) {
	at := func(name string) string { return filepath.Join(t.TempDir(), name) }
	file, pipe := at("file"), at("pipe")
	if err := os.WriteFile(file, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := at("missing")
	for name, row := range map[string]struct {
		path      string
		most      int64
		want, err string
	}{
		"all":              {file, 5, "12345", ""},
		"too large":        {file, 4, "", file + " has more than 4 bytes"},
		"a pipe":           {pipe, 5, "", pipe + " is no regular file"},
		"a directory":      {filepath.Dir(file), 5, "", filepath.Dir(file) + " is no regular file"},
		"what isn't there": {missing, 5, "", (&fs.PathError{Op: "open", Path: missing, Err: syscall.ENOENT}).Error()},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := local.ReadFile(row.path, row.most)
			says := ""
			if err != nil {
				says = err.Error()
			}
			if string(data) != row.want || says != row.err {
				t.Errorf("%q, %v; want %q, %s", data, err, row.want, row.err)
			}
		})
	}
}
