// Package outage tests what readers get while a source hangs.
package outage_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/failover"
)

// A hangingStore returns its store's values until hang is called. From then on a fetch
// hangs until its context ends.
type hangingStore struct {
	*handletest.Store
	hung chan struct{}
}

func thatHangs(s *handletest.Store) *hangingStore {
	return &hangingStore{Store: s, hung: make(chan struct{})}
}

func (h *hangingStore) hang() { close(h.hung) }

func (h *hangingStore) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	select {
	case <-h.hung:
		<-ctx.Done()
		return secret.Value{}, ctx.Err()
	default:
		return h.Store.Fetch(ctx, ref)
	}
}

// readersOf returns all the ways in which a program may read a stale value.
func readersOf(with typedsecret.Option) map[string]func(context.Context) (string, error) {
	secret, byID := typedsecret.New[string]("db", with), typedsecret.NewByID[string](with)
	invalidated := typedsecret.New[string]("db", with)
	return map[string]func(context.Context) (string, error){
		"Get": secret.Get,
		"GetWithInfo": func(ctx context.Context) (string, error) {
			value, info, err := secret.GetWithInfo(ctx)
			if err == nil && info.Age > time.Hour && (!info.Stale || info.RefreshErr == nil) {
				err = errors.New("Info does not say that the value is stale, and why")
			}
			return value, err
		},
		"Do": func(ctx context.Context) (value string, err error) {
			err = secret.Do(ctx, func(_ context.Context, v string) error { value = v; return nil })
			return value, err
		},
		"ByID": func(ctx context.Context) (string, error) { return byID.Get(ctx, "db") },
		"Get after Invalidate": func(ctx context.Context) (string, error) {
			if err := invalidated.Invalidate(ctx); err != nil {
				return "", err
			}
			return invalidated.Get(ctx)
		},
		"Preload": func(ctx context.Context) (string, error) {
			if err := typedsecret.Preload(ctx, secret); err != nil {
				return "", err
			}
			return secret.Get(ctx)
		},
	}
}

// readThrough reads again and again while an outage lasts, with a pause between reads. Each
// read must return the last good value within the longest wait and within the reader's
// deadline.
func readThrough(t *testing.T, read func(context.Context) (string, error), lasts, pause, deadline time.Duration) {
	t.Helper()
	var reads, failed int
	var longest time.Duration
	for began := time.Now(); time.Since(began) < lasts; time.Sleep(pause) {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		asked := time.Now()
		value, err := read(ctx)
		longest = max(longest, time.Since(asked))
		cancel()
		reads++
		if err != nil || value != "good" {
			if failed++; failed == 1 {
				t.Logf("the first that failed: %q, %v", value, err)
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d reads failed", failed, reads)
	}
	if longest > cache.DefaultMaxRefreshWait {
		t.Errorf("a read took %v", longest)
	}
}

func TestAHangingOutageCostsNoReaderItsDeadline(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 15 * time.Second, time.Minute, 20 * time.Minute} {
		for name := range readersOf(nil) {
			t.Run(name+" each "+every.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					source := thatHangs(handletest.Storing("db", "good"))
					c := handletest.Open(t, source, cache.Config{})
					read := readersOf(typedsecret.WithCache(c))[name]
					if _, err := read(t.Context()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(3 * time.Minute)
					source.hang()
					readThrough(t, read, 2*time.Hour, every, 2*time.Second)
				})
			})
		}
	}
}

// TestAReaderOfAHangingSourceKeepsMostOfItsTime: it needs the rest of its time to use the
// value.
func TestAReaderOfAHangingSourceKeepsMostOfItsTime(t *testing.T) {
	for name := range readersOf(nil) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := thatHangs(handletest.Storing("db", "good"))
				read := readersOf(typedsecret.WithCache(handletest.Open(t, source, cache.Config{})))[name]
				if _, err := read(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Hour)
				source.hang()
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				most := 100 * time.Millisecond
				if name == "Preload" {
					most += 200 * time.Millisecond / 3 // the second Get waits too
				}
				asked := time.Now()
				value, err := read(ctx)
				if took := time.Since(asked); err != nil || value != "good" || took > most {
					t.Errorf("%q, %v after %v", value, err, took)
				}
			})
		})
	}
}

func TestOverFailoverAHangingRegionCostsNoReaderItsDeadline(t *testing.T) {
	for name := range readersOf(nil) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				primary := thatHangs(handletest.Storing("db", "good"))
				source, err := failover.New(
					failover.Region{Name: "eu-west-1", Source: primary},
					failover.Region{Name: "eu-central-1", Source: handletest.Storing("db", "good")})
				if err != nil {
					t.Fatal(err)
				}
				read := readersOf(typedsecret.WithCache(handletest.Open(t, source, cache.Config{})))[name]
				if _, err := read(t.Context()); err != nil {
					t.Fatal(err)
				}
				primary.hang()
				readThrough(t, read, 5*time.Hour, time.Minute, time.Second)
			})
		})
	}
}

func sealerOf(t *testing.T) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

// TestAStartInAHangingOutageReadsTheSealedFile: the readers get its values within their
// deadlines.
func TestAStartInAHangingOutageReadsTheSealedFile(t *testing.T) {
	for name := range readersOf(nil) {
		if name == "GetWithInfo" {
			continue // only after an hour does it check more than Get
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := cache.Config{}.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), sealerOf(t))
				source := thatHangs(handletest.Storing("db", "good"))
				before := handletest.Open(t, source, cfg)
				if _, err := before.Get(t.Context(), secret.Ref{ID: "db"}); err != nil {
					t.Fatal(err)
				}
				before.Close()
				source.hang()
				read := readersOf(typedsecret.WithCache(handletest.Open(t, source, cfg)))[name]
				readThrough(t, read, 10*time.Minute, 5*time.Second, time.Second)
			})
		})
	}
}
