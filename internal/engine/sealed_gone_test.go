package engine_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// TestWhatIsGoneStaysOutOfTheSealedFileWhateverIsSaidAfterIt: a refusal of another kind does
// not say that the secret exists, and no value from before may come back.
func TestWhatIsGoneStaysOutOfTheSealedFileWhateverIsSaidAfterIt(t *testing.T) {
	for _, gone := range []error{secret.ErrNotFound, secret.ErrDeleted} {
		for _, then := range []error{secret.ErrAccessDenied, secret.ErrDecryption, secret.ErrInvalidRequest} {
			for name, row := range map[string]struct {
				held      bool          // the process that gets the refusals has the value
				between   time.Duration // the two refusals
				mayVanish bool          // the file is lost and written anew
			}{
				"held, before the next write":     {held: true, between: 100 * time.Millisecond},
				"held, after a write":             {held: true, between: 2 * time.Second},
				"held, and the file is lost":      {held: true, between: 2 * time.Second, mayVanish: true},
				"not held, before the next write": {between: 100 * time.Millisecond},
				"not held, after a write":         {between: 2 * time.Second},
			} {
				t.Run(fmt.Sprint(gone, ", then ", then, ", ", name), func(t *testing.T) {
					virtual(t, func(t *testing.T) {
						path := snapshotOf(t, serving("db", "key"), "db", "key")
						s := serving("db", "key", "other")
						c := open(t, s, engine.Config{Backoff: every(10 * time.Millisecond), MinRefreshInterval: -1}.WithSealedFile(path, gcm(t, "key")))
						if row.held {
							get(t, c, "db")
						}
						get(t, c, "other") // the next write is a second away
						settle()
						for _, said := range []error{gone, then, secret.ErrUnavailable, then} {
							s.fail(said)
							c.Refresh(t.Context(), ref("db"))
							time.Sleep(row.between)
						}
						if row.mayVanish {
							remove(t, path)
							s.mend()
							refresh(t, c, "other", "other v1")
						}
						c.Close()
						if fileHas(t, path, "db v1") {
							t.Error("the file has the value")
						}
						if !row.mayVanish && !fileHas(t, path, "key v1") {
							t.Error("the file lost another value")
						}
					})
				})
			}
		}
	}
}

// TestWhatIsGoneIsNotReadFromTheSealedFile, whether or not the file was written since.
func TestWhatIsGoneIsNotReadFromTheSealedFile(t *testing.T) {
	for name, between := range map[string]time.Duration{"before the next write": 20 * time.Millisecond, "after a write": 2 * time.Second} {
		for who, isOther := range map[string]bool{"by the process that was told": false, "by another": true} {
			t.Run(name+", "+who, func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					path := snapshotOf(t, serving("db"), "db")
					s := serving("db", "key")
					cfg := engine.Config{Backoff: every(10 * time.Millisecond)}.WithSealedFile(path, gcm(t, "key"))
					c := open(t, s, cfg)
					told := c
					if isOther {
						told = open(t, s, cfg)
					} else {
						get(t, c, "key") // the next write is a second away
					}
					settle()
					s.fail(secret.ErrNotFound)
					wantErr(t, told, "db", secret.ErrNotFound)
					for _, said := range []error{secret.ErrAccessDenied, secret.ErrUnavailable} {
						time.Sleep(between)
						s.fail(said)
						wantErr(t, c, "db", said)
					}
				})
			})
		}
	}
}

// TestADeletionThatADenialFollowsIsOneOfTheSecretAsAWhole also if the file has other versions
// only.
func TestADeletionThatADenialFollowsIsOneOfTheSecretAsAWhole(t *testing.T) {
	virtual(t, func(t *testing.T) {
		previous := secret.Ref{ID: "db", Stage: "AWSPREVIOUS"}
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		cfg := engine.Config{Backoff: every(10 * time.Millisecond)}.WithSealedFile(path, gcm(t, "key"))
		s := serving("db", "key")
		first := open(t, s, cfg)
		if _, err := first.Get(t.Context(), previous); err != nil {
			t.Fatal(err)
		}
		first.Close()
		c := open(t, s, cfg)
		get(t, c, "key") // the next write is a second away
		settle()
		for _, said := range []error{secret.ErrDeleted, secret.ErrAccessDenied} {
			s.fail(said)
			wantErr(t, c, "db", said)
			time.Sleep(20 * time.Millisecond)
		}
		c.Close()
		if fileHas(t, path, "db v1") {
			t.Error("the file has the value")
		}
	})
}

// TestWhoWasToldThatItIsGoneMayWriteLater than another process that was denied the secret
// after that.
func TestWhoWasToldThatItIsGoneMayWriteLater(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		s := serving("db", "key")
		cfg := engine.Config{}.WithSealedFile(path, gcm(t, "key"))
		told, denied := open(t, s, cfg), open(t, s, cfg)
		get(t, told, "key") // its next write is a second away
		settle()
		for _, row := range []struct {
			c    *engine.Cache
			said error
		}{{told, secret.ErrNotFound}, {denied, secret.ErrAccessDenied}} {
			s.fail(row.said)
			wantErr(t, row.c, "db", row.said)
			time.Sleep(100 * time.Millisecond)
		}
		denied.Close()
		told.Close()
		if fileHas(t, path, "db v1") {
			t.Error("the file has the value")
		}
	})
}

// TestWhatAnotherProcessFetchedAfterItWasGoneIsDenied, and stays in the sealed file: a process
// that got both refusals does not take the secret for gone.
func TestWhatAnotherProcessFetchedAfterItWasGoneIsDenied(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		s := serving("db", "key")
		cfg := engine.Config{Backoff: every(10 * time.Millisecond), MinRefreshInterval: -1}.WithSealedFile(path, gcm(t, "key"))
		told, other := open(t, s, cfg), open(t, s, cfg)
		get(t, told, "db")
		settle()
		s.fail(secret.ErrNotFound)
		told.Refresh(t.Context(), ref("db"))
		time.Sleep(100 * time.Millisecond)
		s.mend()
		s.rotate("db", "v2")
		wantGet(t, other, "db", "db v2")
		time.Sleep(100 * time.Millisecond)
		s.fail(secret.ErrAccessDenied)
		told.Refresh(t.Context(), ref("db"))
		time.Sleep(100 * time.Millisecond)
		other.Close()
		told.Close()
		var err error
		after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{
			StaleIfError: func(told error, _ time.Duration) bool { err = told; return true },
		})
		if wantGet(t, after, "db", "db v2"); !errors.Is(err, secret.ErrAccessDenied) || errors.Is(err, secret.ErrNotFound) {
			t.Errorf("StaleIfError got %v", err)
		}
	})
}

// TestAValueFromTheSealedFileThatIsNewerThanARefusalIsNotRefused.
func TestAValueFromTheSealedFileThatIsNewerThanARefusalIsNotRefused(t *testing.T) {
	for _, said := range []error{secret.ErrNotFound, secret.ErrAccessDenied} {
		t.Run(said.Error(), func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				path := snapshotOf(t, serving("db"), "db")
				s := serving("db")
				cfg := engine.Config{Backoff: every(10 * time.Millisecond)}.WithSealedFile(path, gcm(t, "key"))
				other := open(t, s, cfg)
				var err error
				cfg.StaleIfError = func(told error, _ time.Duration) bool { err = told; return true }
				c := open(t, s, cfg)
				s.fail(said)
				wantErr(t, c, "db", said)
				time.Sleep(2 * time.Second)
				s.mend()
				s.rotate("db", "v2")
				wantGet(t, other, "db", "db v2")
				other.Close()
				s.fail(secret.ErrUnavailable)
				if wantGet(t, c, "db", "db v2"); !errors.Is(err, secret.ErrUnavailable) || errors.Is(err, said) {
					t.Errorf("StaleIfError got %v", err)
				}
			})
		})
	}
}

// TestWhatTheFileSaysInAnOutageThatHangsReplacesWhatWasKnownBefore: another process may have
// been refused the secret since, or have fetched it.
func TestWhatTheFileSaysInAnOutageThatHangsReplacesWhatWasKnownBefore(t *testing.T) {
	for name, row := range map[string]struct {
		before, since error // that this process gets, and then the other one; nil: the value
	}{
		"another was refused the secret": {secret.ErrUnavailable, secret.ErrAccessDenied},
		"another has fetched the secret": {secret.ErrAccessDenied, nil},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db")
				var told error
				cfg := engine.Config{Backoff: every(10 * time.Millisecond), MinRefreshInterval: -1}.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), gcm(t, "key"))
				other := open(t, s, cfg)
				cfg.StaleIfError = func(err error, _ time.Duration) bool { told = err; return true }
				c := open(t, s, cfg)
				s.fail(row.before)
				wantErr(t, c, "db", row.before)
				s.mend()
				get(t, other, "db")
				time.Sleep(2 * time.Second)
				s.fail(row.since)
				other.Refresh(t.Context(), ref("db"))
				other.Close()
				s.mend()
				s.hang()
				for _, when := range []string{"while the fetch hangs", "after it timed out"} {
					wantGet(t, c, "db", "db v1")
					denied := row.since != nil
					if errors.Is(told, secret.ErrAccessDenied) != denied {
						t.Errorf("%s StaleIfError got %v", when, told)
					}
					time.Sleep(10 * time.Second)
				}
			})
		})
	}
}

// TestASmallSealedFileRemembersEachSecretThatIsGone: another process may hold its value.
func TestASmallSealedFileRemembersEachSecretThatIsGone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("a", "b", "other")
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		cfg := engine.Config{}.WithSealedFile(path, gcm(t, "key"))
		small := cfg
		small.MaxSize = 1
		holder, told := open(t, s, cfg), open(t, s, small)
		get(t, holder, "a")
		get(t, holder, "b")
		time.Sleep(2 * time.Second)
		s.fail(secret.ErrNotFound)
		for _, id := range []string{"a", "b"} {
			wantErr(t, told, id, secret.ErrNotFound)
			time.Sleep(2 * time.Second)
		}
		s.mend()
		get(t, holder, "other") // writes
		holder.Close()
		for _, id := range []string{"a", "b"} {
			if fileHas(t, path, id+" v1") {
				t.Errorf("the file has the value of %s", id)
			}
		}
	})
}
