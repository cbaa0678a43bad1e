package engine_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

func TestWithSealedFileRefusesWhatCanBeNoFile(t *testing.T) {
	for name, cfg := range map[string]engine.Config{
		"no path":   engine.Config{}.WithSealedFile("", gcm(t, "key")),
		"no sealer": engine.Config{}.WithSealedFile("secrets.sealed", nil),
	} {
		if _, err := engine.New(serving(), cfg); !errors.Is(err, engine.ErrInvalidConfig) || !strings.Contains(err.Error(), "WithSealedFile") {
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
				c := open(t, s, k.config(engine.Config{}.WithSealedFile(path, gcm(t, "key"))))
				get(t, c, "db")
				settle() // it is written, and nothing is for a second
				time.Sleep(time.Minute)
				get(t, c, "db")
				k.set(-time.Hour)
				s.rotate("db", "v2")
				refresh(t, c, "db", "db v2")
				k.set(forth)
				c.Close()
				restarted, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
				wantGet(t, restarted, "db", "db v2")
			})
		})
	}
}

func TestAFailureFromBeforeTheTTLOfTheSnapshotsValueIsNoTryToRefreshIt(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		time.Sleep(time.Hour - 3*time.Second)
		c, s := startInOutage(t, path, secret.ErrUnavailable, engine.Config{TTL: time.Hour, Backoff: every(2 * time.Second)})
		wantGet(t, c, "db", "db v1")
		s.mend()
		s.rotate("db", "v2")
		time.Sleep(4 * time.Second)
		wantGet(t, c, "db", "db v2")
	})
}

// A value that is from the future for all is not newer because the writer has it.
func TestAfterTheClockWasSetBackAnOlderValueReplacesNoNewerOneInTheSnapshot(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db", "key"), &clock{}
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		cfg := k.config(engine.Config{}.WithSealedFile(path, gcm(t, "key")))
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
		restarted, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
		wantGet(t, restarted, "db", "db v2")
	})
}
