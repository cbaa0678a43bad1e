package engine_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// fileHas reports whether the sealed file at path holds a payload.
func fileHas(t *testing.T, path, payload string) bool {
	t.Helper()
	return strings.Contains(unsealed(t, path), base64.StdEncoding.EncodeToString([]byte(payload)))
}

// unsealed returns what the sealed file at path holds.
func unsealed(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const header, nonce = 18, 12
	plain, err := gcm(t, "key").Open(nil, data[header:header+nonce], data[header+nonce:], data[:header])
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// refuse has a process read a secret of the file at path whose source says err, and end.
func refuse(t *testing.T, path, id string, err error) {
	t.Helper()
	s := serving()
	s.fail(err)
	c := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "key")))
	wantErr(t, c, id, err)
	settle()
	c.Close()
}

func TestWhatTheSourceSaysIsGoneLeavesTheSealedFile(t *testing.T) {
	for _, gone := range []error{secret.ErrNotFound, secret.ErrDeleted} {
		for name, row := range map[string]struct {
			held    bool // the process that gets the refusal has the value
			ids     []string
			hook    hook.Hook
			keyless *keyless // loses its key before
		}{
			"of a process that held the value":        {held: true, ids: []string{"db", "key"}},
			"of one that never held it":               {ids: []string{"db", "key"}},
			"the last value, held":                    {held: true, ids: []string{"db"}},
			"the last value, not held":                {ids: []string{"db"}},
			"of a process whose hook encrypts":        {held: true, ids: []string{"db", "key"}, hook: failingFor("none")},
			"of a process whose hook can't derive it": {held: true, ids: []string{"db", "key"}, keyless: &keyless{}},
		} {
			t.Run(fmt.Sprint(gone, " ", name), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					path := snapshotOf(t, serving("db", "key"), row.ids...)
					s := serving("db", "key")
					h := row.hook
					if row.keyless != nil {
						h = row.keyless
					}
					c := open(t, s, engine.Config{Hook: h}.WithSealedFile(path, gcm(t, "key")))
					if row.held {
						c.Get(t.Context(), ref("db"))
					}
					time.Sleep(2 * time.Second)
					if row.keyless != nil {
						row.keyless.lost.Store(true)
					}
					s.fail(fmt.Errorf("%w, it says", gone))
					c.Refresh(t.Context(), ref("db"))
					settle()
					if fileHas(t, path, "db v1") {
						t.Error("the file holds the value")
					}
					if len(row.ids) == 2 && !fileHas(t, path, "key v1") {
						t.Error("the file lost another value")
					}
					c.Close()
					after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
					_, err := after.Get(t.Context(), ref("db"))
					if !errors.Is(err, secret.ErrUnavailable) || errors.Is(err, gone) || !strings.Contains(err.Error(), "the source said at 2000-01-01T00:00:02Z: "+gone.Error()) {
						t.Errorf("a start in an outage: %v", err)
					}
				})
			})
		}
	}
}

// refusals are those after which the sealed file keeps the value.
var refusals = map[string][]error{
	"denied":                       {secret.ErrAccessDenied},
	"undecryptable":                {secret.ErrDecryption},
	"denied the use of the key":    {secret.ErrAccessDenied, secret.ErrDecryption},
	"refused as malformed":         {secret.ErrInvalidRequest},
	"denied here, not found there": {secret.ErrAccessDenied, secret.ErrNotFound},
}

func joined(errs []error) error {
	err := errs[0]
	for _, other := range errs[1:] {
		err = fmt.Errorf("%w, %w", err, other)
	}
	return err
}

func TestWhatTheSourceRefusedIsMarkedInTheSealedFile(t *testing.T) {
	for name, refusal := range refusals {
		for _, outage := range []error{secret.ErrUnavailable, secret.ErrTimeout, secret.ErrThrottled} {
			t.Run(fmt.Sprint(name, ", then ", outage), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					path := snapshotOf(t, serving("db", "key"), "db", "key")
					time.Sleep(time.Minute)
					refuse(t, path, "db", joined(refusal))
					time.Sleep(time.Minute)
					var told error
					stale := func(err error, _ time.Duration) bool { told = err; return true }
					j := &observed.Journal{}
					c, s := startInOutage(t, path, outage, engine.Config{StaleIfError: stale, Observer: j, Backoff: every(time.Second)})
					snap, err := c.Lookup(t.Context(), ref("db"))
					if err != nil {
						t.Fatal(err)
					}
					served := observed.Of[hook.ServedStale](j)
					if len(served) != 1 {
						t.Fatalf("events: %v", served)
					}
					for what, err := range map[string]error{"StaleIfError": told, "RefreshErr": snap.RefreshError(), "ServedStale": served[0].Err} {
						for _, want := range append(refusal, outage) {
							if !errors.Is(err, want) {
								t.Errorf("%s got %v, want %v in it", what, err, want)
							}
						}
						if err == nil || !strings.Contains(err.Error(), "the sealed file remembers that the source refused this secret at 2000-01-01T00:01:00Z: ") {
							t.Errorf("%s got %v", what, err)
						}
					}
					told = nil
					get(t, c, "key")
					if !errors.Is(told, outage) || errors.Is(told, refusal[0]) {
						t.Errorf("of a secret that was not refused, StaleIfError got %v", told)
					}
					time.Sleep(2 * time.Second) // the next try fails too
					get(t, c, "db")
					settle()
					if get(t, c, "db"); !errors.Is(told, refusal[0]) {
						t.Errorf("after the next try StaleIfError got %v", told)
					}
					s.mend()
					for range 3 { // each is a probe's delay
						time.Sleep(6 * time.Second)
						get(t, c, "db")
						settle()
					}
					c.Close()
					after, _ := startInOutage(t, path, outage, engine.Config{StaleIfError: stale})
					if get(t, after, "db"); !errors.Is(told, outage) || errors.Is(told, refusal[0]) {
						t.Errorf("after a success StaleIfError got %v", told)
					}
				})
			})
		}
	}
}

// A slip in IAM may last a minute, and all processes see it.
func TestARefusalOfAllEmptiesNoSealedFile(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := servingMany(100)
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		c := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "key")))
		for i := range 100 {
			get(t, c, nameOf(i))
		}
		s.fail(secret.ErrAccessDenied)
		for i := range 100 {
			c.Refresh(t.Context(), ref(nameOf(i)))
		}
		c.Close()
		after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
		for i := range 100 {
			wantGet(t, after, nameOf(i), nameOf(i)+" v1")
		}
	})
}

func TestAStaleIfErrorThatRefusesWhatWasDeniedSaysWhy(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		refuse(t, path, "db", secret.ErrAccessDenied)
		allowed := func(err error, _ time.Duration) bool { return !errors.Is(err, secret.ErrAccessDenied) }
		c, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{StaleIfError: allowed})
		_, err := c.Get(t.Context(), ref("db"))
		wantInDocument(t, path, err)
		want := "secret db@AWSCURRENT: service unavailable; the sealed file remembers that the source refused this secret at " +
			"2000-01-01T00:00:00Z: access denied; StaleIfError refuses the last good value"
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// TestARefusalIsRememberedInMemoryAsInTheSealedFile: a process that goes on is told what one
// that starts is told.
func TestARefusalIsRememberedInMemoryAsInTheSealedFile(t *testing.T) {
	for _, refusal := range []error{secret.ErrAccessDenied, secret.ErrDecryption, secret.ErrInvalidRequest, secret.ErrNotFound, secret.ErrDeleted} {
		t.Run(refusal.Error(), func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				var told error
				stale := func(err error, _ time.Duration) bool { told = err; return true }
				s := serving("db")
				c := open(t, s, engine.Config{StaleIfError: stale, Backoff: every(time.Second)})
				get(t, c, "db")
				s.fail(refusal)
				c.Invalidate(ref("db"))
				get(t, c, "db")
				s.fail(secret.ErrUnavailable)
				time.Sleep(2 * time.Second)
				get(t, c, "db")
				settle()
				get(t, c, "db")
				if !errors.Is(told, secret.ErrUnavailable) || !errors.Is(told, refusal) ||
					!strings.Contains(told.Error(), "before that, at 2000-01-01T00:00:00Z, the source refused this secret: ") {
					t.Errorf("StaleIfError got %v", told)
				}
				s.mend()
				time.Sleep(2 * time.Second)
				get(t, c, "db")
				settle()
				s.fail(secret.ErrUnavailable)
				time.Sleep(2 * time.Second)
				c.Invalidate(ref("db"))
				if get(t, c, "db"); !errors.Is(told, secret.ErrUnavailable) || errors.Is(told, refusal) {
					t.Errorf("after a success StaleIfError got %v", told)
				}
			})
		})
	}
}

func TestASecretThatWasGoneComesBackToTheSealedFile(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		time.Sleep(time.Minute)
		s := serving("db")
		s.fail(secret.ErrDeleted)
		c := open(t, s, engine.Config{Backoff: every(time.Second)}.WithSealedFile(path, gcm(t, "key")))
		wantErr(t, c, "db", secret.ErrDeleted)
		s.mend()
		s.rotate("db", "v2")
		time.Sleep(2 * time.Second)
		wantGet(t, c, "db", "db v2")
		c.Close()
		after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
		wantGet(t, after, "db", "db v2")
	})
}

// TestARefusalThatCouldNotBeWrittenIsWrittenLater also if an outage came in between.
func TestARefusalThatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db", "key"), "db", "key")
		s := serving("db", "key")
		c := open(t, s, engine.Config{Backoff: every(time.Second)}.WithSealedFile(path, gcm(t, "key")))
		dir := filepath.Dir(path)
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // where a directory should be
			t.Fatal(err)
		}
		s.fail(secret.ErrNotFound)
		wantErr(t, c, "db", secret.ErrNotFound)
		settle()
		s.fail(secret.ErrUnavailable)
		time.Sleep(2 * time.Second)
		wantErr(t, c, "db", secret.ErrUnavailable)
		if err := errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		wantErr(t, c, "db", secret.ErrUnavailable) // though the file has it still
		c.Close()
		if fileHas(t, path, "db v1") || !fileHas(t, path, "key v1") {
			t.Error("the refusal is not in the file")
		}
	})
}

// TestWhatSaysNothingNewIsNotWritten: an outage of IAM that lasts for days is no reason to
// wear out a disk, nor are IDs that never existed.
func TestWhatSaysNothingNewIsNotWritten(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		s := serving("db")
		c := open(t, s, engine.Config{Backoff: every(time.Second)}.WithSealedFile(path, gcm(t, "key")))
		s.fail(secret.ErrAccessDenied)
		written := map[string]bool{}
		for range 60 {
			c.Get(t.Context(), ref("db"))
			settle()
			sealed, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			written[string(sealed)] = true
			time.Sleep(time.Second)
		}
		if len(written) > 2 {
			t.Errorf("%d writes in a minute of refusals", len(written))
		}
		before := unsealed(t, path)
		s.mend()
		for i := range 100 {
			wantErr(t, c, nameOf(i), secret.ErrNotFound)
			time.Sleep(100 * time.Millisecond)
		}
		if after := unsealed(t, path); after != before {
			t.Error("IDs that never existed are in the file")
		}
	})
}

// TestARefusalOutlivesTheSealedFile: a process that was told writes it again.
func TestARefusalOutlivesTheSealedFile(t *testing.T) {
	for name, row := range map[string]struct {
		said error
		want bool
	}{
		"gone":   {secret.ErrNotFound, false},
		"denied": {secret.ErrAccessDenied, true},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db", "key")
				path := filepath.Join(t.TempDir(), "secrets.sealed")
				c := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "key")))
				get(t, c, "db")
				time.Sleep(2 * time.Second)
				s.fail(row.said)
				c.Refresh(t.Context(), ref("db"))
				time.Sleep(2 * time.Second)
				remove(t, path)
				s.mend()
				get(t, c, "key")
				c.Close()
				var told error
				after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{
					StaleIfError: func(err error, _ time.Duration) bool { told = err; return true },
				})
				_, err := after.Get(t.Context(), ref("db"))
				if (err == nil) != row.want || row.want && !errors.Is(told, row.said) {
					t.Errorf("%v; StaleIfError got %v", err, told)
				}
			})
		})
	}
}
