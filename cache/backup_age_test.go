package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/cache"
)

func TestAValueThatAHandleKeptIsNewerThanTheSnapshot(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db", "key")
		path := snapshotOf(t, s, "db")
		s.rotate("db", "v2")
		c := open(t, s, cache.Config{MaxSize: 1}.WithSnapshot(path, gcm(t, "key")))
		last, err := c.Lookup(t.Context(), ref("db"), nil)
		if err != nil {
			t.Fatal(err)
		}
		get(t, c, "key") // evicts db
		settle()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		old := snapshotOf(t, serving("db"), "db") // v1
		if err := os.Rename(old, path); err != nil {
			t.Fatal(err)
		}
		s.fail(cache.ErrUnavailable)
		snap, err := c.Lookup(t.Context(), ref("db"), last)
		if err != nil || snap.VersionID() != "v2" {
			t.Errorf("%v, %v", snap, err)
		}
	})
}

// What is in the snapshot may be newer than what another handle kept.
func TestAnOlderValueThatAHandleKeptDoesNotReplaceTheSnapshots(t *testing.T) {
	for name, own := range map[string]bool{"which this cache wrote": true, "which another one wrote": false} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s, k := serving("db", "key"), &clock{}
				path := filepath.Join(t.TempDir(), "secrets.sealed")
				cfg := k.config(cache.Config{MaxSize: 1, Backoff: every(time.Second)}.WithSnapshot(path, gcm(t, "key")))
				c := open(t, s, cfg)
				older := snapshot(t, c, "db")
				get(t, c, "key") // evicts db
				settle()
				time.Sleep(time.Minute)
				s.rotate("db", "v2")
				if own {
					k.set(-time.Hour) // its date is the earlier one
					get(t, c, "db")
					settle()
					get(t, c, "key")
				} else {
					other := open(t, s, cfg)
					get(t, other, "db")
					other.Close()
				}
				s.fail(cache.ErrUnavailable)
				newer, err := c.Lookup(t.Context(), ref("db"), nil)
				if err != nil || newer.VersionID() != "v2" {
					t.Fatalf("%v, %v", newer, err)
				}
				for range 3 {
					c.Lookup(t.Context(), ref("db"), older)
					if got, err := c.Lookup(t.Context(), ref("db"), newer); err != nil || got.VersionID() != "v2" {
						t.Errorf("after v2: %v, %v", got, err)
					}
					time.Sleep(time.Second)
				}
			})
		})
	}
}

func TestWithSnapshotRefusesWhatCanBeNoFile(t *testing.T) {
	for name, cfg := range map[string]cache.Config{
		"no path":   cache.Config{}.WithSnapshot("", gcm(t, "key")),
		"no sealer": cache.Config{}.WithSnapshot("secrets.sealed", nil),
	} {
		if _, err := cache.New(serving(), cfg); !errors.Is(err, cache.ErrInvalidConfig) || !strings.Contains(err.Error(), "WithSnapshot") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhenTheClockWasSetTheSnapshotHasTheLaterValue(t *testing.T) {
	for name, forth := range map[string]time.Duration{"back": 0, "back and forth": 2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s, k := serving("db"), &clock{}
				path := filepath.Join(t.TempDir(), "secrets.sealed")
				c := open(t, s, k.config(cache.Config{}.WithSnapshot(path, gcm(t, "key"))))
				get(t, c, "db")
				settle() // it is written, and nothing is for a second
				time.Sleep(time.Minute)
				get(t, c, "db")
				k.set(-time.Hour)
				s.rotate("db", "v2")
				refresh(t, c, "db", "db v2")
				k.set(forth)
				c.Close()
				restarted, _ := startInOutage(t, path, cache.ErrUnavailable, cache.Config{})
				wantGet(t, restarted, "db", "db v2")
			})
		})
	}
}

func TestAFailureFromBeforeTheTTLOfTheSnapshotsValueIsNoTryToRefreshIt(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		time.Sleep(time.Hour - 3*time.Second)
		c, s := startInOutage(t, path, cache.ErrUnavailable, cache.Config{TTL: time.Hour, Backoff: every(2 * time.Second)})
		wantGet(t, c, "db", "db v1")
		s.mend()
		s.rotate("db", "v2")
		time.Sleep(4 * time.Second)
		wantGet(t, c, "db", "db v2")
	})
}

// What is from the future for all is not newer because the writer has it.
func TestAfterTheClockWasSetBackAnOlderValueReplacesNoNewerOneInTheSnapshot(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db", "key"), &clock{}
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		cfg := k.config(cache.Config{}.WithSnapshot(path, gcm(t, "key")))
		older, newer := open(t, s, cfg), open(t, s, cfg)
		get(t, older, "db")
		settle()
		time.Sleep(10 * time.Minute)
		s.rotate("db", "v2")
		get(t, newer, "db")
		newer.Close()
		k.set(-time.Hour)
		get(t, older, "key") // so it writes
		older.Close()
		restarted, _ := startInOutage(t, path, cache.ErrUnavailable, cache.Config{})
		wantGet(t, restarted, "db", "db v2")
	})
}

func TestTheAgeOfWhatACacheWroteItselfIsKnownThoughTheClockWasSetBack(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db", "key"), &clock{}
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		cfg := cache.Config{MaxSize: 1, StaleIfError: func(_ error, age time.Duration) bool { return age < time.Hour }}
		c := open(t, s, k.config(cfg.WithSnapshot(path, gcm(t, "key"))))
		key := snapshot(t, c, "key")
		get(t, c, "db")
		time.Sleep(time.Second) // it is in the file
		s.fail(cache.ErrUnavailable)
		if _, err := c.Lookup(t.Context(), ref("key"), key); err != nil { // evicts db
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		k.set(-2 * time.Hour)
		wantErr(t, c, "db", cache.ErrUnavailable)
	})
}
