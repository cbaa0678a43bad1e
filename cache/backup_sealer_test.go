package cache_test

import (
	"context"
	"crypto/cipher"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/observed"
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
		s.fail(cache.ErrUnavailable)
		c := open(t, s, cache.Config{FetchTimeout: 3 * time.Second}.WithSnapshot(path, sealer))
		start := time.Now()
		_, err := c.Get(context.Background(), cache.Ref{ID: "db"})
		if took := time.Since(start); took != 3*time.Second || !errors.Is(err, cache.ErrUnavailable) || !errors.Is(err, cache.ErrSnapshot) ||
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
		c := open(t, serving("db", "key"), cache.Config{Observer: j}.WithSnapshot(path, sealer))
		get(t, c, "db")
		time.Sleep(2 * time.Second)
		if failed := observed.Of[hook.SnapshotFailed](j); len(failed) != 1 || !errors.Is(failed[0].Err, cache.ErrPanic) {
			t.Errorf("events: %v", failed)
		}
		get(t, c, "key")
		time.Sleep(2 * time.Second)
		for _, id := range []string{"db", "key"} {
			after, _ := startInOutage(t, path, cache.ErrUnavailable, cache.Config{})
			wantGet(t, after, id, id+" v1")
		}
	})
}

func TestASealerThatEndsTheGoroutineOfAReaderIsAnErrorForIt(t *testing.T) {
	path := snapshotOf(t, serving("db"), "db")
	s := serving("db")
	s.fail(cache.ErrUnavailable)
	c := open(t, s, cache.Config{}.WithSnapshot(path, willful{AEAD: gcm(t, "key"), open: runtime.Goexit}))
	if _, err := c.Get(t.Context(), cache.Ref{ID: "db"}); !errors.Is(err, cache.ErrSnapshot) || !errors.Is(err, cache.ErrPanic) {
		t.Errorf("got %v", err)
	}
}

func TestASealerThatClearsItsAdditionalDataSpoilsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.sealed")
	c := open(t, serving("db"), cache.Config{}.WithSnapshot(path, willful{AEAD: gcm(t, "key"), sealed: func(header []byte) { clear(header) }}))
	get(t, c, "db")
	c.Close()
	after, _ := startInOutage(t, path, cache.ErrUnavailable, cache.Config{})
	wantGet(t, after, "db", "db v1")
}

func TestTheSnapshotStaysWhereItWasWhenTheWorkingDirectoryChanges(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c := open(t, serving("db"), cache.Config{}.WithSnapshot("secrets.sealed", gcm(t, "key")))
	t.Chdir(t.TempDir())
	get(t, c, "db")
	c.Close()
	after, _ := startInOutage(t, filepath.Join(dir, "secrets.sealed"), cache.ErrUnavailable, cache.Config{})
	wantGet(t, after, "db", "db v1")
}
