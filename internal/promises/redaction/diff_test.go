package redaction_test

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// TestDiffsShowNoSecret lets go-cmp compare two values of a type that differ in the secret
// alone, with unexported fields included.
func TestDiffsShowNoSecret(t *testing.T) {
	other := strings.ToLower(hidden) + "2"
	everything := cmp.Exporter(func(reflect.Type) bool { return true })
	for name, build := range map[string]func(t *testing.T, hidden string) any{
		"Secret": func(t *testing.T, hidden string) any {
			handle := typedsecret.New[string]("k", typedsecret.WithCache(handletest.Open(t, handletest.Storing("k", hidden), cache.Config{})))
			readAll(t, handle)
			return handle
		},
		"Secret in a struct": func(t *testing.T, hidden string) any {
			handle := typedsecret.New[[]byte]("k", typedsecret.WithCache(handletest.Open(t, handletest.Storing("k", hidden), cache.Config{})))
			readAll(t, handle)
			return struct{ handle *typedsecret.Secret[[]byte] }{handle}
		},
		"ByID": func(t *testing.T, hidden string) any {
			byID := typedsecret.NewByID[string](typedsecret.WithCache(handletest.Open(t, handletest.Storing("k", hidden), cache.Config{})))
			handletest.Must[string](t)(byID.Get(t.Context(), "k"))
			return byID
		},
		"Cache": func(t *testing.T, hidden string) any {
			c := handletest.Open(t, handletest.Storing("k", hidden), cache.Config{})
			handletest.Must[secret.Value](t)(c.Get(t.Context(), secret.Ref{ID: "k"}))
			return c
		},
		"Snapshot": func(t *testing.T, hidden string) any {
			s, err := (*engine.Cache)(handletest.Open(t, handletest.Storing("k", hidden), cache.Config{})).Lookup(t.Context(), secret.Ref{ID: "k"})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		"Value": func(t *testing.T, hidden string) any {
			return handletest.Must[secret.Value](t)(handletest.Open(t, handletest.Storing("k", hidden), cache.Config{}).Get(t.Context(), secret.Ref{ID: "k"}))
		},
		"Payload": func(t *testing.T, hidden string) any { return secret.BinaryPayload([]byte(hidden)) },
		"Source": func(t *testing.T, hidden string) any {
			server := secrettest.New(t)
			server.Seed(t, "k", hidden)
			source, err := awssm.New(handletest.Client(server))
			if err != nil {
				t.Fatal(err)
			}
			handletest.Must[secret.Value](t)(source.Fetch(t.Context(), secret.Ref{ID: "k"}))
			return source
		},
		"Secret WithClient": func(t *testing.T, hidden string) any {
			server := secrettest.New(t)
			server.Seed(t, "k", hidden)
			handle := typedsecret.New[string]("k", typedsecret.WithClient(handletest.Client(server)))
			readAll(t, handle)
			return handle
		},
		"Server": func(t *testing.T, hidden string) any {
			server := secrettest.New(t)
			server.Seed(t, "k", hidden)
			return server
		},
		"error of decoding": func(t *testing.T, hidden string) any {
			events := &observed.Journal{}
			handle := typedsecret.New[password]("k",
				typedsecret.WithCache(handletest.Open(t, handletest.Storing("k", `{"user":"`+hidden), cache.Config{Observer: events})))
			_, err := handle.Get(t.Context())
			return []any{err, observed.Of[hook.DecodeFailed](events)}
		},
		"error of a key": func(t *testing.T, hidden string) any {
			_, err := codec.Decode[password](codec.JSON{Strict: true}, []byte(`{"user":"`+hidden+`"}`))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			still(t, func(t *testing.T) {
				one, two := build(t, hidden), build(t, other)
				synctest.Wait()
				all := []string{
					guarded(func() string { return cmp.Diff(one, two) }),
					guarded(func() string { return cmp.Diff(one, two, everything) }),
					guarded(func() string { return cmp.Diff([]any{one, one}, []any{two}, everything) }),
				}
				for _, secret := range []string{hidden, other} {
					if leak := searchForms(all, secret); leak != "" {
						t.Error(leak)
					}
				}
			})
		})
	}
}
