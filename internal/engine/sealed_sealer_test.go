package engine_test

import (
	"context"
	"crypto/cipher"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// A willful sealer does something before it seals, opens, and after it has sealed.
type willful struct {
	cipher.AEAD
	seal, open func()
	sealed     func(header []byte)
}

func (w willful) Seal(dst, nonce, plain, header []byte) []byte {
	if w.seal != nil {
		w.seal()
	}
	out := w.AEAD.Seal(dst, nonce, plain, header)
	if w.sealed != nil {
		w.sealed(header)
	}
	return out
}

func (w willful) Open(dst, nonce, data, header []byte) ([]byte, error) {
	if w.open != nil {
		w.open()
	}
	return w.AEAD.Open(dst, nonce, data, header)
}

func TestASealerThatHangsHoldsAReaderUpForOneFetchTimeout(t *testing.T) {
	path := snapshotOf(t, serving("db"), "db")
	virtual(t, func(t *testing.T) {
		hangs := make(chan struct{})
		sealer := willful{AEAD: gcm(t, "key"), open: func() { <-hangs }}
		s := serving("db")
		s.fail(secret.ErrUnavailable)
		c := open(t, s, engine.Config{FetchTimeout: 3 * time.Second}.WithSealedFile(path, sealer))
		start := time.Now()
		_, err := c.Get(context.Background(), secret.Ref{ID: "db"})
		if took := time.Since(start); took != 3*time.Second || !errors.Is(err, secret.ErrUnavailable) || !errors.Is(err, engine.ErrSealedFile) ||
			!strings.Contains(err.Error(), "takes longer than FetchTimeout (3s)") {
			t.Errorf("after %v: %v", took, err)
		}
		close(hangs)
	})
}

func TestASealerThatEndsItsGoroutineOnceEndsNoOtherWrite(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path, exits, j := filepath.Join(t.TempDir(), "secrets.sealed"), true, new(observed.Journal)
		sealer := willful{AEAD: gcm(t, "key"), seal: func() {
			if exits {
				exits = false
				runtime.Goexit()
			}
		}}
		c := open(t, serving("db", "key"), engine.Config{Observer: j}.WithSealedFile(path, sealer))
		get(t, c, "db")
		time.Sleep(2 * time.Second)
		if failed := observed.Of[hook.SealedFileFailed](j); len(failed) != 1 || !errors.Is(failed[0].Err, engine.ErrPanic) {
			t.Errorf("events: %v", failed)
		}
		get(t, c, "key")
		time.Sleep(2 * time.Second)
		for _, id := range []string{"db", "key"} {
			after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
			wantGet(t, after, id, id+" v1")
		}
	})
}

func TestASealerThatEndsTheGoroutineOfAReaderIsAnErrorForIt(t *testing.T) {
	path := snapshotOf(t, serving("db"), "db")
	s := serving("db")
	s.fail(secret.ErrUnavailable)
	c := open(t, s, engine.Config{}.WithSealedFile(path, willful{AEAD: gcm(t, "key"), open: runtime.Goexit}))
	if _, err := c.Get(t.Context(), secret.Ref{ID: "db"}); !errors.Is(err, engine.ErrSealedFile) || !errors.Is(err, engine.ErrPanic) {
		t.Errorf("got %v", err)
	}
}

func TestASealerThatClearsItsAdditionalDataSpoilsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.sealed")
	c := open(t, serving("db"), engine.Config{}.WithSealedFile(path, willful{AEAD: gcm(t, "key"), sealed: func(header []byte) { clear(header) }}))
	get(t, c, "db")
	c.Close()
	after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
	wantGet(t, after, "db", "db v1")
}

func TestTheSnapshotStaysWhereItWasWhenTheWorkingDirectoryChanges(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c := open(t, serving("db"), engine.Config{}.WithSealedFile("secrets.sealed", gcm(t, "key")))
	t.Chdir(t.TempDir())
	get(t, c, "db")
	c.Close()
	after, _ := startInOutage(t, filepath.Join(dir, "secrets.sealed"), secret.ErrUnavailable, engine.Config{})
	wantGet(t, after, "db", "db v1")
}
