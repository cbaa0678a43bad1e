package typedsecret_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/version"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source"
)

// nowhere clears the environment variables that the default cache and the SDK read.
func nowhere(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "TYPEDSECRET_") {
			t.Setenv(name, "") // so that it is restored
			os.Unsetenv(name)
		}
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", empty)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", empty)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestDefaultCacheIsBuiltFromTheEnvironment(t *testing.T) {
	setDefault(t, nil)
	server := secrettest.New(t)
	server.Seed(t, "prod/key", "k-1")
	server.Setenv(t)
	wantGet(t, typedsecret.New[string]("prod/key"), "k-1")
	if got := server.Calls(); got != 1 {
		t.Errorf("%d calls for one secret, want 1", got)
	}
}

func TestFailedBuildOfTheDefaultCacheIsTriedAgain(t *testing.T) {
	setDefault(t, nil)
	nowhere(t)
	handle := typedsecret.New[string]("prod/key")
	_, err := handle.Get(t.Context())
	var failed *typedsecret.Error
	if !errors.As(err, &failed) || failed.Ref.ID != "prod/key" || !strings.Contains(err.Error(), "region") {
		t.Fatalf("without a region: %v", err)
	}

	server := secrettest.New(t)
	server.Seed(t, "prod/key", "k-1")
	server.Setenv(t)
	wantGet(t, handle, "k-1")
}

func TestConcurrentFirstGetsBuildOneCache(t *testing.T) {
	setDefault(t, nil)
	server := secrettest.New(t)
	server.Seed(t, "prod/key", "k-1")
	server.Setenv(t)
	caches := make([]*cache.Cache, 32)
	var wg sync.WaitGroup
	for i := range caches {
		wg.Go(func() {
			wantGet(t, typedsecret.New[string]("prod/key"), "k-1")
			caches[i], _ = typedsecret.Default(t.Context())
		})
	}
	wg.Wait()
	for _, c := range caches {
		if c == nil || c != caches[0] {
			t.Fatal("not all got the same cache")
		}
	}
	if got := server.Calls(); got != 1 {
		t.Errorf("%d calls, want 1", got)
	}
}

func TestDefaultTakesNoContextForBackground(t *testing.T) {
	setDefault(t, nil)
	server := secrettest.New(t)
	server.Setenv(t)
	//lint:ignore SA1012 that is what is tested
	if c, err := typedsecret.Default(nil); c == nil || err != nil {
		t.Errorf("Default(nil): %v, %v", c, err)
	}
}

// TestEndOfTheContextEndsTheWaitForTheDefaultCache: the error says both that the context
// ended and why.
func TestEndOfTheContextEndsTheWaitForTheDefaultCache(t *testing.T) {
	setDefault(t, nil)
	nowhere(t)
	t.Setenv("AWS_REGION", "us-east-1")
	why := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	// The cache that is still being built must not become that of a later test.
	defer func() { must[*cache.Cache](t)(typedsecret.Default(context.Background())) }()
	// The caller may see the end or the result first, by chance.
	for range 100 {
		typedsecret.SetDefault(nil)
		if _, err := typedsecret.Default(ctx); err != nil {
			if !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
				t.Fatal(err)
			}
			return
		}
	}
	t.Error("the wait never ended with the context")
}

func TestHandlesOfOneClientShareACache(t *testing.T) {
	server := secrettest.New(t)
	server.Seed(t, "k", "value")
	sdk, other := client(server), client(server)
	for _, handle := range []*typedsecret.Secret[string]{
		typedsecret.New[string]("k", typedsecret.WithClient(sdk)),
		typedsecret.New[string]("k", typedsecret.WithClient(sdk)),
		typedsecret.New[string]("k", typedsecret.WithClient(other)),
	} {
		wantGet(t, handle, "value")
	}
	byID := typedsecret.NewByID[string](typedsecret.WithClient(sdk))
	must[string](t)(byID.Get(t.Context(), "k"))
	if got := server.Calls("GetSecretValue"); got != 2 {
		t.Errorf("two clients made %d calls, want 2", got)
	}
}

// TestClientWithoutRegionIsAnError before any request.
func TestClientWithoutRegionIsAnError(t *testing.T) {
	handle := typedsecret.New[string]("k", typedsecret.WithClient(secretsmanager.New(secretsmanager.Options{})))
	start := time.Now()
	_, err := handle.Get(t.Context())
	if err == nil || !strings.Contains(err.Error(), "region") || time.Since(start) > 5*time.Second {
		t.Errorf("Get: %v", err)
	}
}

func TestUserAgentNamesTheLibraryBesideTheSDK(t *testing.T) {
	server := secrettest.New(t)
	server.Seed(t, "k", "value")
	wantGet(t, typedsecret.New[string]("k", typedsecret.WithClient(client(server))), "value")
	agent := server.Requests()[0].UserAgent
	for _, want := range []string{"typedsecret/" + version.Of(), "aws-sdk-go-v2/"} {
		if !strings.Contains(agent, want) {
			t.Errorf("the user agent %q lacks %q", agent, want)
		}
	}
}

func TestTheDefaultCacheReadsFromTheSourceThatTheEnvironmentNames(t *testing.T) {
	typedsecret.SetDefault(nil)
	t.Cleanup(func() { typedsecret.SetDefault(nil) })
	handle := typedsecret.New[DBCreds]("prod/db")

	t.Setenv(source.Variable, "vault:kv")
	if _, err := handle.Get(t.Context()); !errors.Is(err, typedsecret.ErrInvalidConfig) || !strings.Contains(err.Error(), "static:dev.json") {
		t.Errorf("an unknown source: %v", err)
	}
	path := filepath.Join(t.TempDir(), "dev.json")
	if err := os.WriteFile(path, []byte(`{"prod/db":`+credsV1JSON+`}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(source.Variable, "static:"+path)
	if creds, err := handle.Get(t.Context()); creds.Port != 5432 || err != nil {
		t.Errorf("%v, %v", creds, err)
	}
}

func TestTheDefaultCacheHasTheTTLThatTheEnvironmentNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for setting, want := range map[string]string{"?ttl=10s": "two", "": "one"} {
		t.Setenv(source.Variable, "file:"+filepath.Dir(path)+setting)
		synctest.Test(t, func(t *testing.T) {
			setDefault(t, nil)
			defer typedsecret.CloseDefault()
			handle := typedsecret.New[string]("db")
			write("one")
			if got, err := handle.Get(t.Context()); got != "one" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			write("two")
			time.Sleep(11 * time.Second)
			if got, err := handle.Get(t.Context()); got != want || err != nil {
				t.Errorf("with %q: after 11 s %q, %v, want %q", setting, got, err, want)
			}
		})
	}
}

// TestTheEnvironmentNamesNoSourceOnceTheProgramSetACache, as SECURITY.md promises to
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

// wantOurs reads a handle in each possible way, and checks that the program's cache
// answers.
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

func TestCloseDefaultClosesAndForgets(t *testing.T) {
	server := secrettest.New(t)
	server.Seed(t, "db", "v")
	server.Setenv(t)
	setDefault(t, nil)
	handle := typedsecret.New[string]("db")
	for range 2 {
		if v, err := handle.Get(t.Context()); v != "v" || err != nil {
			t.Fatalf("%q, %v", v, err)
		}
		c, err := typedsecret.Default(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := typedsecret.CloseDefault(); err != nil {
			t.Error(err)
		}
		if err := c.Invalidate(secret.Ref{ID: "db"}); !errors.Is(err, typedsecret.ErrClosed) {
			t.Errorf("the cache is open: %v", err)
		}
	}
	if err := typedsecret.CloseDefault(); err != nil {
		t.Errorf("none: %v", err)
	}
}
