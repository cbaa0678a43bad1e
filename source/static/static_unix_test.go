//go:build unix

package static_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/static"
)

// TestAPipeInPlaceOfTheFileIsAnErrorAtOnce, whether or not somebody may write to it.
func TestAPipeInPlaceOfTheFileIsAnErrorAtOnce(t *testing.T) {
	for _, writer := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "dev.json")
		if err := os.WriteFile(path, []byte(`{"db":"x"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		source, err := static.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)); err != nil {
			t.Fatal(err)
		}
		if writer {
			pipe, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer pipe.Close()
		}
		failed := make(chan error, 2)
		go func() {
			_, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
			failed <- err
			_, err = static.Open(path)
			failed <- err
		}()
		for _, what := range []string{"Fetch", "Open"} {
			select {
			case err := <-failed:
				if err == nil || !strings.Contains(err.Error(), path+" is no regular file") || what == "Fetch" && !errors.Is(err, secret.ErrUnavailable) {
					t.Errorf("%s: %v", what, err)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s has not returned", what)
			}
		}
	}
}
