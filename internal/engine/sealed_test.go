package engine_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

func gcm(t testing.TB, key string) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher([]byte(fmt.Sprintf("%-32s", key)))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

// snapshotOf fills a cache with the secrets of s, closes it, and returns where its
// snapshot is.
func snapshotOf(t *testing.T, s *service, ids ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secrets.sealed")
	c := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "key")))
	for _, id := range ids {
		get(t, c, id)
	}
	c.Close()
	return path
}

// startInOutage opens a cache over a source that fails with err.
func startInOutage(t *testing.T, path string, err error, cfg engine.Config) (*engine.Cache, *service) {
	t.Helper()
	s := serving("db", "key")
	s.fail(err)
	return open(t, s, cfg.WithSealedFile(path, gcm(t, "key"))), s
}

func TestAStartDuringAnOutageHasTheValuesOfTheSnapshot(t *testing.T) {
	for _, outage := range []error{secret.ErrUnavailable, secret.ErrTimeout, secret.ErrThrottled} {
		virtual(t, func(t *testing.T) {
			before := serving("db", "key")
			path := snapshotOf(t, before, "db", "key")
			time.Sleep(10 * time.Minute)
			j := &observed.Journal{}
			c, s := startInOutage(t, path, outage, engine.Config{Observer: j})
			snap, err := c.Lookup(t.Context(), ref("db"))
			if err != nil {
				t.Fatal(err)
			}
			v, err := snap.Value(t.Context())
			if err != nil || v.Payload.Reveal() != "db v1" || v.VersionID != "v1" {
				t.Errorf("%+v, %v", v, err)
			}
			if !snap.Expired() || snap.Age() != 10*time.Minute || !errors.Is(snap.RefreshError(), outage) {
				t.Errorf("expired %v, age %v, %v", snap.Expired(), snap.Age(), snap.RefreshError())
			}
			if stale := observed.Of[hook.ServedStale](j); len(stale) != 1 {
				t.Errorf("%d events tell of a stale value", len(stale))
			}
			wantCalls(t, s, 1)
			s.fail(nil)
			s.rotate("db", "v2")
			time.Sleep(time.Minute)
			get(t, c, "db")
			settle()
			if v := get(t, c, "db"); v != "db v2" {
				t.Errorf("after the outage: %v", v)
			}
		})
	}
}

func TestStaleIfErrorLimitsTheAgeOfTheSnapshot(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		day := func(_ error, age time.Duration) bool { return age <= 24*time.Hour }
		for _, age := range []time.Duration{24 * time.Hour, 1} {
			time.Sleep(age)
			c, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{StaleIfError: day})
			_, err := c.Get(t.Context(), ref("db"))
			if served := err == nil; served != (age > 1) {
				t.Errorf("%v", err)
			}
		}
	})
}

func TestWhatTheSourceRefusesIsNotTakenFromTheSnapshot(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		for _, refusal := range []error{secret.ErrNotFound, secret.ErrDeleted, secret.ErrAccessDenied, secret.ErrDecryption, secret.ErrInvalidRequest} {
			c, _ := startInOutage(t, path, refusal, engine.Config{})
			if _, err := c.Get(t.Context(), ref("db")); !errors.Is(err, refusal) {
				t.Errorf("want %v, got %v", refusal, err)
			}
		}
	})
}

func TestASnapshotThatCantBeUsedIsRefusedAloudAndReplaced(t *testing.T) {
	for name, spoil := range map[string]func(data []byte) []byte{
		"truncated":     func(data []byte) []byte { return data[:len(data)/2] },
		"tampered with": func(data []byte) []byte { data[len(data)-1] ^= 1; return data },
		"newer":         func(data []byte) []byte { data[9]++; return data },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				path := snapshotOf(t, serving("db"), "db")
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, spoil(data), 0o600); err != nil {
					t.Fatal(err)
				}
				j := &observed.Journal{}
				c, s := startInOutage(t, path, secret.ErrUnavailable, engine.Config{Observer: j})
				_, err = c.Get(t.Context(), ref("db"))
				if !errors.Is(err, secret.ErrUnavailable) || !errors.Is(err, engine.ErrSealedFile) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v", err)
				}
				failed := observed.Of[hook.SealedFileFailed](j)
				if len(failed) != 1 || failed[0].Path != path || !errors.Is(failed[0].Err, engine.ErrSealedFile) {
					t.Errorf("events: %v", failed)
				}
				s.fail(nil)
				time.Sleep(time.Minute)
				get(t, c, "db")
				c.Close()
				again, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
				get(t, again, "db")
			})
		})
	}
}

func TestAFileOfSomebodyElseIsNotReplaced(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "notes.txt")
		if err := os.WriteFile(path, []byte("of somebody else"), 0o600); err != nil {
			t.Fatal(err)
		}
		j := &observed.Journal{}
		c := open(t, serving("db"), engine.Config{Observer: j}.WithSealedFile(path, gcm(t, "key")))
		get(t, c, "db")
		settle()
		c.Close()
		failed := observed.Of[hook.SealedFileFailed](j)
		if data, err := os.ReadFile(path); string(data) != "of somebody else" || err != nil || len(failed) == 0 {
			t.Errorf("the file holds %q, %v; told: %v", data, err, failed)
		}
	})
}

func TestASnapshotIsOfNoUseWithAnotherKey(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		s := serving("db")
		s.fail(secret.ErrUnavailable)
		c := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "another")))
		if _, err := c.Get(t.Context(), ref("db")); !errors.Is(err, engine.ErrSealedFile) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheSnapshotShowsNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const id = "a-long-name" // which random bytes do not hold by chance
		data, err := os.ReadFile(snapshotOf(t, serving(id), id))
		if err != nil || bytes.Contains(data, []byte(id)) {
			t.Errorf("%v, %q", err, data)
		}
		cfg := engine.Config{}.WithSealedFile("/var/lib/app/secrets.sealed", gcm(t, "key"))
		if text := fmt.Sprintf("%+v %#v", cfg, cfg); strings.Contains(text, "gcm") || strings.Contains(text, "GCM") {
			t.Errorf("a Config prints as %s", text)
		}
	})
}

func TestASnapshotThatCantBeWrittenHarmsNoReader(t *testing.T) {
	virtual(t, func(t *testing.T) {
		j := &observed.Journal{}
		dir, path := removableDir(t)
		c := open(t, serving("db"), engine.Config{Observer: j}.WithSealedFile(path, gcm(t, "key")))
		remove(t, dir)
		get(t, c, "db")
		settle()
		failed := observed.Of[hook.SealedFileFailed](j)
		if len(failed) != 1 || !errors.Is(failed[0].Err, os.ErrNotExist) || !strings.Contains(failed[0].Err.Error(), path) {
			t.Errorf("events: %v", failed)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := c.Refresh(t.Context(), ref("db")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	})
}

func TestTheSnapshotIsWrittenOnceASecondAtMost(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := servingMany(1000)
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		c := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "key")))
		written := map[string]bool{} // no two are sealed to the same bytes
		for i := range 1000 {
			get(t, c, nameOf(i))
			time.Sleep(10 * time.Millisecond)
			sealed, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			written[string(sealed)] = true
		}
		if n := len(written); n < 9 || n > 11 {
			t.Errorf("%d writes in ten seconds", n)
		}
	})
}

func TestTheSnapshotKeepsWhatOthersWroteUpToTheNewestMaxSize(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("a", "b", "c")
		path := snapshotOf(t, s, "a")
		for _, id := range []string{"b", "c"} {
			time.Sleep(time.Second)
			c := open(t, s, engine.Config{MaxSize: 2}.WithSealedFile(path, gcm(t, "key")))
			get(t, c, id)
			c.Close()
		}
		s.fail(secret.ErrUnavailable)
		c := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "key")))
		for id, want := range map[string]bool{"a": false, "b": true, "c": true} {
			if _, err := c.Get(t.Context(), ref(id)); (err == nil) != want {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}

func TestTheSnapshotIsBoundToTheRef(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		c, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
		for _, other := range []secret.Ref{{ID: "db", Stage: "AWSPREVIOUS"}, {ID: "key"}, {ID: "db", VersionID: strings.Repeat("v", 32)}} {
			if _, err := c.Get(t.Context(), other); !errors.Is(err, secret.ErrUnavailable) {
				t.Errorf("%v: %v", other, err)
			}
		}
	})
}

func TestASnapshotOutlivesTheHookThatEncryptsTheMemory(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		cfg := engine.Config{Hook: failingFor("none")}.WithSealedFile(path, gcm(t, "key"))
		c := open(t, serving("db"), cfg)
		get(t, c, "db")
		c.Close()
		for _, h := range []hook.Hook{nil, failingFor("none")} {
			c, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{Hook: h})
			if v := get(t, c, "db"); v != "db v1" {
				t.Errorf("got %q", v)
			}
		}
		broken, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{Hook: failingFor("db")})
		if _, err := broken.Get(t.Context(), ref("db")); !errors.Is(err, engine.ErrHook) || !errors.Is(err, secret.ErrUnavailable) {
			t.Errorf("with a hook that fails: %v", err)
		}
	})
}

// A counting hook counts what it derives.
type countingHook struct{ derived map[string]int }

func (*countingHook) Put(_ context.Context, _ hook.Item, plain []byte) ([]byte, error) {
	return bytes.Clone(plain), nil
}

func (h *countingHook) Get(_ context.Context, item hook.Item, stored []byte) ([]byte, error) {
	h.derived[item.ID]++
	return bytes.Clone(stored), nil
}

// TestAWriteDerivesOnlyWhatTheFileDoesNotHave: each may be a call of KMS.
func TestAWriteDerivesOnlyWhatTheFileDoesNotHave(t *testing.T) {
	virtual(t, func(t *testing.T) {
		h, s := &countingHook{map[string]int{}}, serving("a", "b")
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		c := open(t, s, engine.Config{Hook: h}.WithSealedFile(path, gcm(t, "key")))
		look := func(id string) {
			c.Lookup(t.Context(), ref(id))
			time.Sleep(2 * time.Second)
		}
		look("a")
		look("b")
		look("missing") // is refused
		if diff := cmp.Diff(map[string]int{"a": 1, "b": 1}, h.derived); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		look("missing too")
		for _, id := range []string{"a", "b"} {
			after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
			wantGet(t, after, id, id+" v1")
		}
	})
}

// TestAnInvalidatedValueStaysInTheSealedFile as it does in memory, for StaleIfError to decide.
func TestAnInvalidatedValueStaysInTheSealedFile(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		c := open(t, serving("db"), engine.Config{}.WithSealedFile(path, gcm(t, "key")))
		get(t, c, "db")
		time.Sleep(2 * time.Second)
		if err := c.Invalidate(ref("db")); err != nil {
			t.Fatal(err)
		}
		c.Close()
		after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
		wantGet(t, after, "db", "db v1")
	})
}
