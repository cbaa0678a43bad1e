package file_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/secret"
)

func TestAnEmptyFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "db")
	check(t, os.WriteFile(path, nil, 0o600))
	_, err := open(t, dir).Fetch(t.Context(), secret.Ref{ID: "db"})
	if !errors.Is(err, secret.ErrInvalidRequest) || !strings.Contains(err.Error(), "the file "+path+" is empty") {
		t.Errorf("just written: %v", err)
	}
	check(t, os.Chtimes(path, noon, noon))
	if v, err := open(t, dir).Fetch(t.Context(), secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrInvalidRequest) {
		t.Errorf("of long ago: %+v, %v", v, err)
	}
}

// TestAFileIsNotReadWhileItIsWritten by one who truncates it and writes it in two goes, with
// pauses.
func TestAFileIsNotReadWhileItIsWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "db")
	synctest.Test(t, func(t *testing.T) {
		check(t, os.WriteFile(path, []byte("0000-0000"), 0o600))
		source := open(t, dir)
		written, stop := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(written)
			for n := 1000; ; n++ {
				f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
				for _, part := range []string{fmt.Sprint(n, "-"), fmt.Sprint(n)} {
					time.Sleep(time.Millisecond)
					if err == nil {
						_, err = f.WriteString(part)
					}
				}
				if err := errors.Join(err, f.Close()); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
			}
		}()
		for range 20 {
			time.Sleep(time.Millisecond)
			v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
			first, second, _ := strings.Cut(v.Payload.Reveal(), "-")
			if err == nil && (first != second || first == "") {
				t.Errorf("half a secret: %q", v.Payload.Reveal())
			}
			if err != nil && !(errors.Is(err, secret.ErrUnavailable) && strings.Contains(err.Error(), "is being written")) &&
				!(errors.Is(err, secret.ErrInvalidRequest) && strings.Contains(err.Error(), "is empty")) {
				t.Error(err)
			}
		}
		close(stop)
		<-written
		if v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); err != nil || len(v.Payload.Reveal()) != 9 {
			t.Errorf("when it was written: %q, %v", v.Payload.Reveal(), err)
		}
	})
}

// TestAFileThatIsBeingWrittenIsReadAgain a moment later, unless the caller has no time left.
func TestAFileThatIsBeingWrittenIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "db")
	synctest.Test(t, func(t *testing.T) {
		check(t, os.WriteFile(path, []byte("half"), 0o600))
		time.AfterFunc(time.Millisecond, func() { check(t, os.WriteFile(path, []byte("half and half"), 0o600)) })
		v, err := open(t, dir).Fetch(t.Context(), secret.Ref{ID: "db"})
		if v.Payload.Reveal() != "half and half" || err != nil {
			t.Errorf("%q, %v", v.Payload.Reveal(), err)
		}
		check(t, os.WriteFile(path, []byte("half"), 0o600))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := open(t, dir).Fetch(ctx, secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrTimeout) {
			t.Errorf("got %v", err)
		}
	})
}
