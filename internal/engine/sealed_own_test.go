package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// TestALookIntoTheSealedFileIsNoFetchThatTheUserAskedFor: it asks the source nothing, so it does not
// lengthen the delay between the fetches that the user's own Refresh and Invalidate ask for.
func TestALookIntoTheSealedFileIsNoFetchThatTheUserAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.sealed")
	virtual(t, func(t *testing.T) {
		s := serving("a", "b", "db")
		c := open(t, s, engine.Config{Backoff: every(10 * time.Minute)}.WithSealedFile(path, gcm(t, "key")))
		s.fail(secret.ErrUnavailable)
		wantErr(t, c, "a", secret.ErrUnavailable)
		wantErr(t, c, "b", secret.ErrUnavailable) // from now on the source is down
		if err := c.Invalidate(ref("db")); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := c.Get(short, ref("db")); err == nil {
			t.Error("there was a value")
		}
		if n := s.countOf()["db"]; n != 0 {
			t.Errorf("the source was asked %d times", n)
		}
		s.mend()
		s.failFor("db", secret.ErrAccessDenied)
		time.Sleep(5 * time.Second)
		wantErr(t, c, "db", secret.ErrAccessDenied)
		time.Sleep(time.Second + time.Millisecond) // the delay after one refusal
		if _, err := c.Refresh(t.Context(), ref("db")); !errors.Is(err, secret.ErrAccessDenied) {
			t.Error(err)
		}
		if n := s.countOf()["db"]; n != 2 {
			t.Errorf("the source was asked %d times, want 2: the Refresh was held back", n)
		}
	})
}

// TestARefreshWaitsForTheProbeAlsoAfterALookIntoTheSealedFile: another reader's look, drawn out by a slow
// hook, does not ask the source. So it is no answer to a Refresh.
func TestARefreshWaitsForTheProbeAlsoAfterALookIntoTheSealedFile(t *testing.T) {
	path := snapshotOf(t, serving("db"), "db")
	for name, kept := range map[string]string{"has the value": "db", "has no value": "other"} {
		t.Run("the file "+name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("a", "b", "db", "other")
				s.fail(secret.ErrUnavailable)
				slow := slowPut(func() { time.Sleep(100 * time.Millisecond) })
				c := open(t, s, engine.Config{Hook: slow}.WithSealedFile(path, gcm(t, "key")))
				wantErr(t, c, "a", secret.ErrUnavailable)
				wantErr(t, c, "b", secret.ErrUnavailable) // from now on the source is down
				go c.Get(t.Context(), ref(kept))
				settle()
				s.mend()
				if v, err := c.Refresh(t.Context(), ref(kept)); err != nil || v.Payload.Reveal() != kept+" v1" {
					t.Errorf("Refresh = %q, %v", v.Payload.Reveal(), err)
				}
			})
		})
	}
}
