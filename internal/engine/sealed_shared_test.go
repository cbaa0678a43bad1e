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

// TestOfProcessesThatShareASealedFileTheLaterKnowledgeCounts, whoever writes last.
func TestOfProcessesThatShareASealedFileTheLaterKnowledgeCounts(t *testing.T) {
	for name, gone := range map[string]error{"gone": secret.ErrNotFound, "deleted": secret.ErrDeleted} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db", "key")
				cfg := engine.Config{Backoff: every(time.Second)}.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), gcm(t, "key"))
				start := func() *engine.Cache { return open(t, s, cfg) }
				holder, other := start(), start()
				has := func(when string, want bool) {
					t.Helper()
					s.fail(secret.ErrUnavailable)
					defer s.mend()
					c := start()
					defer c.Close()
					if _, err := c.Get(t.Context(), ref("db")); (err == nil) != want {
						t.Errorf("%s: %v", when, err)
					}
				}
				get(t, holder, "db")
				time.Sleep(2 * time.Second)
				s.fail(gone)
				wantErr(t, other, "db", gone)
				time.Sleep(2 * time.Second)
				has("after one was told that it is gone", false)
				get(t, holder, "key") // writes, and holds db still
				time.Sleep(2 * time.Second)
				has("after the holder of an older value wrote", false)
				if _, err := holder.Refresh(t.Context(), ref("db")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
				has("after it was fetched again", true)
				get(t, other, "key") // writes, and remembers that db was gone
				time.Sleep(2 * time.Second)
				has("after the one that was told wrote again", true)
			})
		})
	}
}

// TestAMarkInASharedSealedFileIsClearedByALaterSuccessOnly, whoever writes last.
func TestAMarkInASharedSealedFileIsClearedByALaterSuccessOnly(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db", "key")
		cfg := engine.Config{Backoff: every(time.Second)}.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), gcm(t, "key"))
		holder, other := open(t, s, cfg), open(t, s, cfg)
		marked := func(when string, want bool) {
			t.Helper()
			s.fail(secret.ErrUnavailable)
			defer s.mend()
			var told error
			asking := cfg
			asking.StaleIfError = func(err error, _ time.Duration) bool { told = err; return true }
			c := open(t, s, asking)
			defer c.Close()
			if get(t, c, "db"); errors.Is(told, secret.ErrAccessDenied) != want {
				t.Errorf("%s: StaleIfError got %v", when, told)
			}
		}
		get(t, holder, "db")
		time.Sleep(2 * time.Second)
		s.fail(secret.ErrAccessDenied)
		wantErr(t, other, "db", secret.ErrAccessDenied)
		time.Sleep(2 * time.Second)
		marked("after a refusal", true)
		get(t, holder, "key")
		time.Sleep(2 * time.Second)
		marked("after the holder of an older value wrote", true)
		if _, err := holder.Refresh(t.Context(), ref("db")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		marked("after a success", false)
		get(t, other, "key")
		time.Sleep(2 * time.Second)
		marked("after the one that was refused wrote again", false)
	})
}

// TestTheClockThatWasSetBackUndoesNoSuccess: of what one process learnt, the order is known.
func TestTheClockThatWasSetBackUndoesNoSuccess(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db"), &clock{}
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		c := open(t, s, k.config(engine.Config{Backoff: every(time.Second)}.WithSealedFile(path, gcm(t, "key"))))
		get(t, c, "db")
		time.Sleep(2 * time.Second)
		s.fail(secret.ErrNotFound)
		c.Refresh(t.Context(), ref("db"))
		time.Sleep(2 * time.Second)
		k.set(-time.Hour)
		s.mend()
		s.rotate("db", "v2")
		refresh(t, c, "db", "db v2")
		k.set(time.Hour)
		c.Close()
		after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
		wantGet(t, after, "db", "db v2")
	})
}

// TestWhatNobodyFetchesForNinetyDaysLeavesTheSealedFile, unless a process holds it.
func TestWhatNobodyFetchesForNinetyDaysLeavesTheSealedFile(t *testing.T) {
	const day = 24 * time.Hour
	virtual(t, func(t *testing.T) {
		s := serving("forgotten", "held", "used")
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		cfg := engine.Config{}.WithSealedFile(path, gcm(t, "key"))
		first, holder := open(t, s, cfg), open(t, s, cfg)
		get(t, first, "forgotten")
		first.Close()
		get(t, holder, "held")
		time.Sleep(90*day - time.Minute)
		get(t, holder, "used")
		time.Sleep(2 * time.Second)
		if !fileHas(t, path, "forgotten v1") {
			t.Error("a value that is younger than 90 days is not in the file")
		}
		time.Sleep(time.Minute)
		holder.Refresh(t.Context(), ref("used"))
		time.Sleep(2 * time.Second)
		for payload, want := range map[string]bool{"forgotten v1": false, "held v1": true, "used v1": true} {
			if fileHas(t, path, payload) != want {
				t.Errorf("%s: in the file %v, want %v", payload, !want, want)
			}
		}
	})
}

// aliased serves a secret under its name and its ARN.
type aliased struct{ *service }

const arnOfDB = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-a1b2c3"

func (a aliased) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	v, err := a.service.Fetch(ctx, ref)
	if ref.ID == "db" || ref.ID == arnOfDB {
		v.ARN = arnOfDB
	}
	return v, err
}

// TestADeletionIsOneOfTheSecretAsAWhole: what Secrets Manager says of a secret that is
// marked for deletion holds for all its versions, under each spelling of its ID.
func TestADeletionIsOneOfTheSecretAsAWhole(t *testing.T) {
	current, previous, byARN, other := ref("db"), secret.Ref{ID: "db", Stage: "AWSPREVIOUS"}, ref(arnOfDB), ref("key")
	all := []secret.Ref{current, previous, byARN, other}
	for name, row := range map[string]struct {
		said  error
		asked secret.Ref
		stay  []secret.Ref
	}{
		"deleted, by name":  {secret.ErrDeleted, current, []secret.Ref{other}},
		"deleted, by ARN":   {secret.ErrDeleted, byARN, []secret.Ref{other}},
		"deleted, by stage": {secret.ErrDeleted, previous, []secret.Ref{other}},
		// A stage may be missing while others are there.
		"not found": {secret.ErrNotFound, previous, []secret.Ref{current, byARN, other}},
	} {
		for who, holds := range map[string]bool{"said to who holds them": true, "said to another process": false} {
			t.Run(name+", "+who, func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					path := filepath.Join(t.TempDir(), "secrets.sealed")
					cfg := engine.Config{}.WithSealedFile(path, gcm(t, "key"))
					s := serving("db", arnOfDB, "key")
					read := func(c *engine.Cache) {
						for _, r := range all {
							if _, err := c.Get(t.Context(), r); err != nil {
								t.Fatal(err)
							}
						}
					}
					first, c := open(t, aliased{s}, cfg), open(t, aliased{s}, cfg)
					read(first)
					first.Close()
					if holds {
						read(c)
						time.Sleep(2 * time.Second)
					}
					s.fail(row.said)
					c.Refresh(t.Context(), row.asked)
					settle()
					s.mend()
					c.Get(t.Context(), other) // and another write does not bring them back
					c.Close()
					s.fail(secret.ErrUnavailable)
					after := open(t, aliased{s}, cfg)
					for _, r := range all {
						_, err := after.Get(t.Context(), r)
						want := false
						for _, stays := range row.stay {
							want = want || stays == r
						}
						if (err == nil) != want {
							t.Errorf("%v: %v", r, err)
						}
					}
				})
			})
		}
	}
}

// TestADeletionIsRememberedUnderTheNameThatItWasSaidOf, also if the file has others only.
func TestADeletionIsRememberedUnderTheNameThatItWasSaidOf(t *testing.T) {
	virtual(t, func(t *testing.T) {
		previous := secret.Ref{ID: "db", Stage: "AWSPREVIOUS"}
		s := serving("db", "key")
		cfg := engine.Config{}.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), gcm(t, "key"))
		holder, other := open(t, s, cfg), open(t, s, cfg)
		if _, err := holder.Get(t.Context(), previous); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		s.fail(secret.ErrDeleted)
		wantErr(t, other, "db", secret.ErrDeleted)
		time.Sleep(2 * time.Second)
		s.mend()
		get(t, holder, "key") // writes, and holds the older version still
		holder.Close()
		s.fail(secret.ErrUnavailable)
		after := open(t, s, cfg)
		if v, err := after.Get(t.Context(), previous); err == nil {
			t.Errorf("version %s is there", v.VersionID)
		}
	})
}
