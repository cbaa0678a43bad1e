package source_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/env"
	"github.com/typedsecret/typedsecret/source/file"
	"github.com/typedsecret/typedsecret/source/static"
)

// local are the sources whose secrets have no versions, each with what gives the secret db a
// value.
func local(t *testing.T) map[string]func(t *testing.T) (secret.Source, func(string)) {
	inFile := func(name, format string, open func(path string) (secret.Source, error)) func(*testing.T) (secret.Source, func(string)) {
		return func(t *testing.T) (secret.Source, func(string)) {
			path := filepath.Join(t.TempDir(), name)
			put := func(value string) {
				if err := os.WriteFile(path+".new", fmt.Appendf(nil, format, value), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(path+".new", path); err != nil {
					t.Fatal(err)
				}
			}
			put("first")
			s, err := open(path)
			if err != nil {
				t.Fatal(err)
			}
			return s, put
		}
	}
	return map[string]func(*testing.T) (secret.Source, func(string)){
		"env": func(t *testing.T) (secret.Source, func(string)) {
			return env.New("LOCAL_"), func(value string) { t.Setenv("LOCAL_DB", value) }
		},
		"static": inFile("dev.json", `{"db":%q}`, func(path string) (secret.Source, error) { return static.Open(path) }),
		"file":   inFile("db", "%s", func(path string) (secret.Source, error) { return file.New(filepath.Dir(path)) }),
	}
}

// TestAVersionChangesWhenTheBytesDo, though nothing but the bytes says so.
func TestAVersionChangesWhenTheBytesDo(t *testing.T) {
	for name, open := range local(t) {
		t.Run(name, func(t *testing.T) {
			s, put := open(t)
			seen := map[string]bool{}
			last, lastVersion := "", ""
			for _, value := range []string{"one", "one", "two", "two", "one", "three", "three"} {
				put(value)
				for range 2 {
					v, err := s.Fetch(t.Context(), secret.Ref{ID: "db"})
					if v.Payload.Reveal() != value || v.VersionID == "" || err != nil {
						t.Fatalf("%q of the version %q, %v", v.Payload.Reveal(), v.VersionID, err)
					}
					if isNew := !seen[v.VersionID]; isNew != (value != last) || value == last && v.VersionID != lastVersion {
						t.Errorf("from %s to %s the version went from %q to %q", last, value, lastVersion, v.VersionID)
					}
					last, lastVersion = value, v.VersionID
					seen[lastVersion] = true
				}
			}
			again, putAgain := open(t)
			putAgain("four")
			v, err := again.Fetch(t.Context(), secret.Ref{ID: "db"})
			if err != nil || seen[v.VersionID] {
				t.Errorf("another Source has the version %q too, %v", v.VersionID, err)
			}
		})
	}
}

// reversing is a hook that stores a payload in another form.
type reversing struct{}

func (reversing) Put(_ context.Context, _ hook.Item, plain []byte) ([]byte, error) {
	return reversed(plain), nil
}

func (reversing) Get(_ context.Context, _ hook.Item, stored []byte) ([]byte, error) {
	return reversed(stored), nil
}

func reversed(b []byte) []byte {
	b = slices.Clone(b)
	slices.Reverse(b)
	return b
}

// TestARefreshOfTheSameBytesIsNoChange to those who watch under a hook, where the version alone
// says so.
func TestARefreshOfTheSameBytesIsNoChange(t *testing.T) {
	for name, open := range local(t) {
		t.Run(name, func(t *testing.T) {
			s, put := open(t)
			put("same")
			synctest.Test(t, func(t *testing.T) {
				c, err := cache.New(s, cache.Config{Hook: reversing{}, MinRefreshInterval: -1})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				db := typedsecret.New[string]("db", typedsecret.WithCache(c))
				ctx, cancel := context.WithCancel(t.Context())
				var yielded []string
				watching := make(chan struct{})
				go func() {
					defer close(watching)
					for v, err := range db.Watch(ctx) {
						if err == nil {
							yielded = append(yielded, v)
						}
					}
				}()
				for _, value := range []string{"same", "same", "same", "another", "another"} {
					if value == "another" {
						put(value)
					}
					if v, err := db.Refresh(t.Context()); v != value || err != nil {
						t.Errorf("%q, %v", v, err)
					}
					synctest.Wait()
				}
				cancel()
				<-watching
				if diff := cmp.Diff([]string{"same", "another"}, yielded); diff != "" {
					t.Errorf("Watch yields (-want +got):\n%s", diff)
				}
			})
		})
	}
}
