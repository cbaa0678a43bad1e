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
