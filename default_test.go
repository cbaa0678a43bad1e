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
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/internal/version"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// nowhere clears the environment of all that the default cache and the SDK read.
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

// TestEndOfTheContextEndsTheWaitForTheDefaultCache says both that it ended and why.
func TestEndOfTheContextEndsTheWaitForTheDefaultCache(t *testing.T) {
	setDefault(t, nil)
	nowhere(t)
	t.Setenv("AWS_REGION", "us-east-1")
	why := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	// The cache that is still being built must not become that of a later test.
	defer func() { must[*cache.Cache](t)(typedsecret.Default(context.Background())) }()
	// Which of the two is seen first, the end or the result, is left to chance.
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

func TestHandlesFollowSetDefaultAtOnce(t *testing.T) {
	first := open(t, storing("k", "first"), cache.Config{})
	second := open(t, storing("k", "second"), cache.Config{})
	setDefault(t, first)
	handle, byID := typedsecret.New[string]("k"), typedsecret.NewByID[string]()
	makeBusy(t, handle)
	makeBusy(t, typedsecret.New[string]("k"))
	must[string](t)(byID.Get(t.Context(), "k"))

	typedsecret.SetDefault(second)
	// Somebody goes on to read from the first cache.
	makeBusy(t, typedsecret.New[string]("k", typedsecret.WithCache(first)))
	wantGet(t, handle, "second")
	if got := must[string](t)(byID.Get(t.Context(), "k")); got != "second" {
		t.Errorf("ByID.Get = %q", got)
	}

	typedsecret.SetDefault(first)
	wantGet(t, handle, "first")
}

// TestSetDefaultLeavesNothingOfTheCacheBefore is for tests that give each case a
// cache of its own and read it through the package's variables.
func TestSetDefaultLeavesNothingOfTheCacheBefore(t *testing.T) {
	setDefault(t, open(t, storing("k", "5"), cache.Config{}))
	handle := typedsecret.New[int]("k")
	wantGet(t, handle, 5)

	setDefault(t, open(t, storing("k", "no number"), cache.Config{}))
	if v, err := handle.Get(t.Context()); !errors.Is(err, codec.ErrSyntax) {
		t.Errorf("Get = %d, %v: the last good value is another cache's", v, err)
	}
}

// TestSetDefaultWithHookEndsKeeping: a version that was decoded in the clear under
// the cache before is not kept for the one with a hook.
func TestSetDefaultWithHookEndsKeeping(t *testing.T) {
	source := storing("k", "5")
	setDefault(t, open(t, source, cache.Config{}))
	decodes := counting(codec.JSON{})
	handle := typedsecret.New[int]("k", typedsecret.WithCodec(decodes))
	wantGet(t, handle, 5)

	setDefault(t, open(t, source, cache.Config{Hook: flip{}}))
	before := decodes.calls.Load()
	wantGet(t, handle, 5)
	wantGet(t, handle, 5)
	if n := decodes.calls.Load() - before; n < 2 {
		t.Errorf("two Gets decoded %d times, so the plaintext is kept", n)
	}
}

// flip is a hook that stores the bytes inverted.
type flip struct{}

func (flip) Put(_ context.Context, _ hook.Item, secret []byte) ([]byte, error) {
	return inverted(secret), nil
}

func (flip) Get(_ context.Context, _ hook.Item, stored []byte) ([]byte, error) {
	return inverted(stored), nil
}

func inverted(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = ^b[i]
	}
	return out
}

func TestConcurrentSetDefaultAndGet(t *testing.T) {
	caches := []*cache.Cache{
		open(t, storing("k", "0"), cache.Config{}),
		open(t, storing("k", "1"), cache.Config{}),
	}
	setDefault(t, caches[0])
	handle := typedsecret.New[int]("k")
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					must[int](t)(handle.Get(t.Context()))
				}
			}
		})
	}
	for i := range 2000 {
		typedsecret.SetDefault(caches[i%2])
		wantGet(t, handle, i%2)
	}
	close(done)
	readers.Wait()
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

// TestClientWithoutRegionIsAnError rather than a request to nowhere.
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

func TestADecodingForTheCacheBeforeDoesNotDisplaceWhatTheNewOneBrought(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		setDefault(t, open(t, storing("k", "1"), cache.Config{}))
		handle := typedsecret.New[int]("k", typedsecret.WithCodec(slowly("1", "")))
		go handle.Get(t.Context())
		synctest.Wait()
		source := storing("k", "2")
		typedsecret.SetDefault(open(t, source, eager))
		wantGet(t, handle, 2)
		source.put("k", "no JSON")
		if _, err := handle.Refresh(t.Context()); err == nil {
			t.Error("the bad version was taken")
		}
		time.Sleep(2 * time.Second)
		wantGet(t, handle, 2)
	})
}

func TestReadersOfACacheThatIsReplacedAndClosedGetTheNewOnesValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := secret.SourceFunc(func(ctx context.Context, _ secret.Ref) (secret.Value, error) {
			<-ctx.Done()
			return secret.Value{}, ctx.Err()
		})
		old := open(t, slow, cache.Config{})
		setDefault(t, old)
		handle, byID := typedsecret.New[int]("k"), typedsecret.NewByID[int]()
		var readers sync.WaitGroup
		for name, read := range map[string]func() (int, error){
			"Secret.Get":     func() (int, error) { return handle.Get(t.Context()) },
			"Secret.Refresh": func() (int, error) { return handle.Refresh(t.Context()) },
			"ByID.Get":       func() (int, error) { return byID.Get(t.Context(), "k") },
			"ByID.Refresh":   func() (int, error) { return byID.Refresh(t.Context(), "k") },
		} {
			readers.Go(func() {
				if v, err := read(); v != 2 || err != nil {
					t.Errorf("%s: %v, %v", name, v, err)
				}
			})
		}
		synctest.Wait()
		typedsecret.SetDefault(open(t, storing("k", "2"), cache.Config{}))
		old.Close()
		readers.Wait()
	})
}

func TestEachCachesObserverIsToldOfAVersionThatDoesNotDecode(t *testing.T) {
	handle := typedsecret.New[int]("k")
	for range 2 {
		events := &observed.Journal{}
		setDefault(t, open(t, storing("k", "no JSON"), cache.Config{Observer: events}))
		for range 2 {
			if _, err := handle.Get(t.Context()); err == nil {
				t.Error("no error")
			}
		}
		if n := len(observed.Of[hook.DecodeFailed](events)); n != 1 {
			t.Errorf("told %d times", n)
		}
	}
}

// TestAWatchLearnsOfADefaultCacheThatAnotherBuilt, although its own tries have failed for
// so long that they have become rare.
func TestAWatchLearnsOfADefaultCacheThatAnotherBuilt(t *testing.T) {
	nowhere(t)
	synctest.Test(t, func(t *testing.T) {
		setDefault(t, nil)
		w := watch(typedsecret.New[string]("k").Watch(t.Context()))
		time.Sleep(24 * time.Hour)
		t.Setenv("AWS_REGION", "eu-west-1")
		t.Setenv("AWS_ACCESS_KEY_ID", "id")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
		t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1") // where nobody listens
		c := must[*cache.Cache](t)(typedsecret.Default(t.Context()))
		defer c.Close()
		time.Sleep(2 * cache.DefaultFetchTimeout)
		if errs := w.failures(); !errors.Is(errs[len(errs)-1], typedsecret.ErrUnavailable) {
			t.Errorf("last was %v; want a fetch to have been tried", errs[len(errs)-1])
		}
	})
}
