package engine_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// The wait may be over before the fetch has begun, in a goroutine of its own.
func TestWithoutMaxRefreshWaitAStartGivesTheValuesOfTheSealedFile(t *testing.T) {
	for range 10 {
		virtual(t, func(t *testing.T) {
			path := snapshotOf(t, serving("db"), "db")
			s := serving("db")
			s.hang()
			c := open(t, s, engine.Config{MaxRefreshWait: -1}.WithSealedFile(path, gcm(t, "key")))
			if waited := took(func() { wantGet(t, c, "db", "db v1") }); waited != 0 {
				t.Errorf("waited %v", waited)
			}
			settle()
			wantCalls(t, s, 1)
		})
	}
}

// One reader may find the value in the moment in which another sees that there is none.
func TestAllReadersOfAStartGetTheValueOfTheSealedFileAtTheSameTime(t *testing.T) {
	for range 20 {
		virtual(t, func(t *testing.T) {
			path := snapshotOf(t, serving("db"), "db")
			s := serving("db")
			s.hang()
			c := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "key")))
			var readers sync.WaitGroup
			for range 200 {
				readers.Go(func() {
					if waited := took(func() { wantGet(t, c, "db", "db v1") }); waited != time.Second {
						t.Errorf("waited %v", waited)
					}
				})
			}
			readers.Wait()
		})
	}
}

// In an outage that hangs, StaleIfError learns of the refusal as in one that fails: before the
// first fetch has ended, and after that.
func TestAHangingOutageTellsOfTheRefusalThatTheFileRemembers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.sealed")
	virtual(t, func(t *testing.T) {
		s := serving("db")
		before := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "key")))
		get(t, before, "db")
		s.fail(secret.ErrAccessDenied)
		before.Refresh(t.Context(), ref("db"))
		before.Close()
		s.hang()
		var asked []error
		c := open(t, s, engine.Config{StaleIfError: func(err error, _ time.Duration) bool {
			asked = append(asked, err)
			return true
		}}.WithSealedFile(path, gcm(t, "key")))
		for range 2 {
			wantGet(t, c, "db", "db v1")
			time.Sleep(10 * time.Second) // the fetch has failed
		}
		if len(asked) != 2 {
			t.Fatalf("StaleIfError was asked about %v", asked)
		}
		for _, err := range asked {
			if !errors.Is(err, secret.ErrTimeout) || !errors.Is(err, secret.ErrAccessDenied) {
				t.Errorf("StaleIfError got %v", err)
			}
		}
	})
}

// The first fetch takes so long that a look into the sealed file follows, which finds nothing. A reader
// with time left still waits for the fetch after Invalidate, and does not get the invalidated value.
func TestAReaderWaitsForTheNextFetchAlsoAfterALookIntoTheFile(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.take(1500 * time.Millisecond)
		c := open(t, s, engine.Config{}.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), gcm(t, "key")))
		var readers sync.WaitGroup
		readers.Go(func() { get(t, c, "db") })
		time.Sleep(1200 * time.Millisecond)
		readers.Go(func() { wantGet(t, c, "db", "db v2") }) // asks the file at once, as the first reader did
		time.Sleep(100 * time.Millisecond)
		c.Invalidate(ref("db"))
		time.Sleep(100 * time.Millisecond)
		s.take(time.Millisecond)
		s.rotate("db", "v2")
		readers.Wait()
	})
}
