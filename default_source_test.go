package typedsecret_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/source"
)

func TestTheDefaultCacheReadsFromTheSourceThatTheEnvironmentNames(t *testing.T) {
	typedsecret.SetDefault(nil)
	t.Cleanup(func() { typedsecret.SetDefault(nil) })
	handle := typedsecret.New[fiveFields]("prod/db")

	t.Setenv(source.Variable, "vault:kv")
	if _, err := handle.Get(t.Context()); !errors.Is(err, typedsecret.ErrInvalidConfig) || !strings.Contains(err.Error(), "static:dev.json") {
		t.Errorf("an unknown source: %v", err)
	}
	path := filepath.Join(t.TempDir(), "dev.json")
	if err := os.WriteFile(path, []byte(`{"prod/db":`+rdsSecret+`}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(source.Variable, "static:"+path)
	if creds, err := handle.Get(t.Context()); creds.Port != 5432 || err != nil {
		t.Errorf("%v, %v", creds, err)
	}
}

// TestTheEnvironmentNamesNoSourceOnceTheProgramSetACache is what SECURITY.md advises to
// programs that forbid the variable.
func TestTheEnvironmentNamesNoSourceOnceTheProgramSetACache(t *testing.T) {
	planted := filepath.Join(t.TempDir(), "planted.json")
	if err := os.WriteFile(planted, []byte(`{"k":"planted"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	declaredBefore := typedsecret.New[string]("k")
	for name, setting := range map[string]string{"another source": "static:" + planted, "no source": "vault:kv"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(source.Variable, setting)
			c := open(t, storing("k", "ours"), cache.Config{})
			setDefault(t, c)
			if got, err := typedsecret.Default(t.Context()); got != c || err != nil {
				t.Errorf("Default: %v, %v", got, err)
			}
			if err := typedsecret.Preload(t.Context(), typedsecret.New[string]("k")); err != nil {
				t.Errorf("Preload: %v", err)
			}
			wantOurs(t, declaredBefore)
			wantOurs(t, typedsecret.New[string]("k"))
		})
		t.Run(name+", WithCache", func(t *testing.T) {
			t.Setenv(source.Variable, setting)
			setDefault(t, nil)
			wantOurs(t, typedsecret.New[string]("k", typedsecret.WithCache(open(t, storing("k", "ours"), cache.Config{}))))
		})
	}
}

// wantOurs reads a handle in each way that there is.
func wantOurs(t *testing.T, handle *typedsecret.Secret[string]) {
	t.Helper()
	for name, read := range map[string]func(context.Context) (string, error){
		"Get":     handle.Get,
		"Refresh": handle.Refresh,
		"Do": func(ctx context.Context) (got string, err error) {
			err = handle.Do(ctx, func(_ context.Context, value string) error { got = value; return nil })
			return got, err
		},
		"Watch": func(ctx context.Context) (string, error) {
			for value, err := range handle.Watch(ctx) {
				return value, err
			}
			return "", errors.New("no value")
		},
	} {
		if got, err := read(t.Context()); got != "ours" || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
