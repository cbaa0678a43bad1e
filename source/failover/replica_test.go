package failover_test

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/failover"
)

func TestAReplicaThatLagsIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		old, now := time.Now().Add(-time.Hour), time.Now()
		first.set(func() { first.created = now })
		second.set(func() { second.created = old })
		fetch := func() (secret.Value, error) { return source.Fetch(t.Context(), secret.Ref{ID: "db"}) }
		if _, err := fetch(); err != nil {
			t.Error(err)
		}
		first.set(func() { first.err = secret.ErrUnavailable })
		if _, err := fetch(); !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "the replica lags") {
			t.Errorf("got %v", err)
		}
		second.set(func() { second.created = now })
		if v, err := fetch(); err != nil || v.Replica != "b" {
			t.Errorf("%+v, %v", v, err)
		}
		first.set(func() { first.err, first.created = nil, old }) // the label was moved back
		time.Sleep(1500 * time.Millisecond)
		if v, err := fetch(); err != nil || v.Replica != "" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// A bad rotation that was rolled back must not come again from a replica.
func TestAReplicaBringsNoVersionBackThatWasReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		read := func(version string, age time.Duration) {
			first.set(func() { first.version, first.created = version, time.Now().Add(-age) })
			if v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); err != nil || v.VersionID != version {
				t.Errorf("%+v, %v", v, err)
			}
		}
		read("good", 2*time.Hour)
		read("bad", time.Hour)
		read("good", 2*time.Hour) // its label was moved back
		first.set(func() { first.err = secret.ErrUnavailable })
		for _, step := range []struct {
			version string
			age     time.Duration
			refused bool
		}{
			{"bad", time.Hour, true},
			{"bad", 0, true}, // as one that was replicated just now
			{"good", 2 * time.Hour, false},
			{"good", 0, false},
			{"good", 3 * time.Hour, false},
			{"older", 4 * time.Hour, true},
			{"newer", 0, false},
			{"good", 0, true},
			{"bad", 0, true},
		} {
			second.set(func() { second.version, second.created = step.version, time.Now().Add(-step.age) })
			v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
			switch {
			case step.refused && (!errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "the replica lags")):
				t.Errorf("%s of %v ago: %+v, %v", step.version, step.age, v, err)
			case !step.refused && (err != nil || v.VersionID != step.version):
				t.Errorf("%s of %v ago: %+v, %v", step.version, step.age, v, err)
			}
		}
		if v, err := source.Fetch(t.Context(), secret.Ref{ID: "other"}); err != nil || v.VersionID != "bad" {
			t.Errorf("another secret: %+v, %v", v, err)
		}
	})
}

// lacking are what a replica may say of a secret that the primary has.
var lacking = []error{secret.ErrNotFound, secret.ErrDeleted, secret.ErrAccessDenied, secret.ErrDecryption, errors.New("strange")}

func TestWhatAReplicaLacksIsNotMissing(t *testing.T) {
	for _, lacks := range lacking {
		t.Run(lacks.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second, third := &scripted{}, &scripted{err: lacks}, &scripted{err: secret.ErrUnavailable}
				source := open(t, failover.Region{Name: "a", Source: first}, failover.Region{Name: "b", Source: second}, failover.Region{Name: "c", Source: third})
				first.set(func() { first.err = secret.ErrUnavailable })
				for range 10 { // from some on, the primary is left out
					_, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
					if !errors.Is(err, secret.ErrUnavailable) || errors.Is(err, lacks) || !strings.Contains(err.Error(), lacks.Error()) {
						t.Errorf("got %v", err)
					}
					for _, one := range fetchMany(t.Context(), t, source, "db", "other") {
						if !errors.Is(one.err, secret.ErrUnavailable) || errors.Is(one.err, lacks) || !strings.Contains(one.err.Error(), lacks.Error()) {
							t.Errorf("of many: %v", one.err)
						}
					}
				}
				third.set(func() { third.err = nil })
				if v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); err != nil || v.Replica != "c" {
					t.Errorf("%+v, %v: the next replica has it", v, err)
				}
				third.set(func() { third.err = secret.ErrNotFound })
				first.set(func() { first.err = nil })
				if v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); err != nil || v.Replica != "" {
					t.Errorf("%+v, %v: the primary has it, though it was left out", v, err)
				}
			})
		})
	}
}

func TestAReplicaThatLacksASecretLeavesTheCacheWithWhatItHas(t *testing.T) {
	for _, lacks := range lacking {
		t.Run(lacks.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				block, err := aes.NewCipher(make([]byte, 32))
				if err != nil {
					t.Fatal(err)
				}
				sealer, err := cipher.NewGCM(block)
				if err != nil {
					t.Fatal(err)
				}
				cfg := cache.Config{TTL: time.Minute}.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), sealer)
				first, second, source := two(t)
				first.set(func() { first.version = "v1" })
				for _, name := range []string{"that was running", "that starts in the outage"} {
					c, err := cache.New(source, cfg)
					if err != nil {
						t.Fatal(err)
					}
					for i := range 10 { // from some on, the primary is left out
						if v, err := c.Get(t.Context(), secret.Ref{ID: "db"}); err != nil || v.VersionID != "v1" {
							t.Errorf("in a process %s: %+v, %v", name, v, err)
						}
						if i == 0 {
							first.set(func() { first.err = secret.ErrUnavailable })
							second.set(func() { second.err = lacks })
						}
						time.Sleep(time.Minute)
					}
					c.Close()
					for range 3 { // as other secrets are fetched
						source.Fetch(t.Context(), secret.Ref{ID: "other"})
					}
				}
			})
		})
	}
}
