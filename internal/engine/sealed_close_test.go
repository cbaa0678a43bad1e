package engine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// removableDir returns a directory that a test removes, and the path of a file in it.
func removableDir(t *testing.T) (dir, path string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, "secrets.sealed")
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestCloseWritesWhatCouldNotBeWrittenBefore since the disk was full, say.
func TestCloseWritesWhatCouldNotBeWrittenBefore(t *testing.T) {
	virtual(t, func(t *testing.T) {
		dir, path := removableDir(t)
		c := open(t, serving("db"), engine.Config{}.WithSealedFile(path, gcm(t, "key")))
		remove(t, dir)
		get(t, c, "db")
		settle() // the write fails: there is no directory
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		c.Close()
		after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
		wantGet(t, after, "db", "db v1")
	})
}

// A keyless hook can't reach its key any more when it derives, until its context ends.
type keyless struct {
	lost  atomic.Bool
	waits atomic.Int64
}

func (*keyless) Put(_ context.Context, _ hook.Item, plain []byte) ([]byte, error) {
	return bytes.Clone(plain), nil
}

func (h *keyless) Get(ctx context.Context, _ hook.Item, stored []byte) ([]byte, error) {
	if h.lost.Load() {
		h.waits.Add(1)
		<-ctx.Done()
	}
	return bytes.Clone(stored), ctx.Err()
}

func TestCloseWaitsForNoHookSecretBySecret(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, h := servingMany(20), &keyless{}
		cfg := engine.Config{Hook: h, FetchTimeout: 10 * time.Second}
		c := open(t, s, cfg.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), gcm(t, "key")))
		get(t, c, nameOf(0))
		settle()
		h.lost.Store(true)
		for i := range 20 {
			v, err := c.Lookup(t.Context(), ref(nameOf(i)))
			if err != nil {
				t.Fatalf("%v, %v", v, err)
			}
		}
		if d := took(func() { c.Close() }); d > 20*time.Second {
			t.Errorf("Close took %v", d)
		}
		if n := h.waits.Load(); n > 2 {
			t.Errorf("a hook was waited for %d times until its time was over", n)
		}
	})
}

// TestAWriteThatFailsIsTriedOnceASecondAtMost, however many secrets are fetched meanwhile.
func TestAWriteThatFailsIsTriedOnceASecondAtMost(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, j := serving(), &observed.Journal{}
		dir, path := removableDir(t)
		c := open(t, s, engine.Config{Observer: j}.WithSealedFile(path, gcm(t, "key")))
		remove(t, dir)
		for i := range 20 {
			s.rotate(nameOf(i), "v1")
			get(t, c, nameOf(i))
			settle()
			time.Sleep(10 * time.Millisecond)
		}
		if n := len(observed.Of[hook.SealedFileFailed](j)); n > 1 {
			t.Errorf("%d writes were tried in 200 ms", n)
		}
		time.Sleep(time.Minute)
		settle()
		if n := len(observed.Of[hook.SealedFileFailed](j)); n > 3 {
			t.Errorf("%d writes were tried in a minute without a fetch", n)
		}
	})
}

// TestCloseWaitsForASealerNoLongerThanFetchTimeout, and says that the file is not written.
func TestCloseWaitsForASealerNoLongerThanFetchTimeout(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		var hangs atomic.Bool
		sealer := willful{AEAD: gcm(t, "key"), seal: func() {
			if hangs.Load() {
				time.Sleep(time.Minute)
			}
		}}
		c := open(t, s, engine.Config{}.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), sealer))
		get(t, c, "db")
		settle()
		s.rotate("db", "v2")
		hangs.Store(true)
		refresh(t, c, "db", "db v2")
		var err error
		if d := took(func() { err = c.Close() }); d > 2*engine.DefaultFetchTimeout+time.Second {
			t.Errorf("Close took %v", d)
		}
		if !errors.Is(err, engine.ErrSealedFile) || !strings.Contains(err.Error(), "secrets.sealed") {
			t.Errorf("Close says %v", err)
		}
		wantErr(t, c, "db", engine.ErrClosed)
		time.Sleep(2 * time.Minute)
	})
}
