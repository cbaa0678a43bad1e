package typedsecret_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

func TestByIDReadsASecretForEachTenant(t *testing.T) {
	server, c := secrettest.NewCache(t)
	for i := range 20 {
		server.Seed(t, fmt.Sprint("tenant/", i), fmt.Sprint(i))
	}
	decodes := counting(codec.JSON{})
	keys := typedsecret.NewByID[int](typedsecret.WithCache(c), typedsecret.WithCodec(decodes))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 20 {
				if got := must[int](t)(keys.Get(t.Context(), fmt.Sprint("tenant/", i))); got != i {
					t.Errorf("tenant %d got %d", i, got)
				}
			}
		})
	}
	wg.Wait()
	decodes.want(t, 20)
	if got := server.Calls(); got != 20 {
		t.Errorf("%d calls, want 20", got)
	}

	server.Rotate(t, "tenant/7", "77")
	if got := must[int](t)(keys.Refresh(t.Context(), "tenant/7")); got != 77 {
		t.Errorf("Refresh = %d", got)
	}
	got, info, err := keys.GetWithInfo(t.Context(), "tenant/7")
	if got != 77 || err != nil || info.ID != "tenant/7" || info.Name != "tenant/7" || len(info.Stages) != 1 {
		t.Errorf("GetWithInfo: %d, %+v, %v", got, info, err)
	}
	if got := must[int](t)(keys.Get(t.Context(), "tenant/8")); got != 8 {
		t.Errorf("another tenant got %d", got)
	}
}

func TestByIDInvalidateMakesTheNextGetFetch(t *testing.T) {
	source := storing("k", "1")
	keys := typedsecret.NewByID[int](typedsecret.WithCache(open(t, source, cache.Config{})))
	must[int](t)(keys.Get(t.Context(), "k"))
	source.put("k", "2")
	if err := keys.Invalidate(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if got := must[int](t)(keys.Get(t.Context(), "k")); got != 2 {
		t.Errorf("Get = %d", got)
	}
	if err := keys.Invalidate(t.Context(), "unknown"); err != nil {
		t.Errorf("what isn't cached: %v", err)
	}
}

func TestByIDsOfOneCacheDoNotMix(t *testing.T) {
	with := typedsecret.WithCache(open(t, storing("k", "5"), cache.Config{}))
	numbers, texts, more := typedsecret.NewByID[int](with), typedsecret.NewByID[string](with), typedsecret.NewByID[int](with)
	for range 3 {
		n, s, m := must[int](t)(numbers.Get(t.Context(), "k")), must[string](t)(texts.Get(t.Context(), "k")), must[int](t)(more.Get(t.Context(), "k"))
		if n != 5 || s != "5" || m != 5 {
			t.Fatal(n, s, m)
		}
	}
}

func TestByIDTellsWhichSecretIsUnknown(t *testing.T) {
	keys := typedsecret.NewByID[int](typedsecret.WithCache(open(t, storing("k", "5"), cache.Config{})))
	must[int](t)(keys.Get(t.Context(), "k"))
	_, err := keys.Get(t.Context(), "tenant/0")
	_, info, errInfo := keys.GetWithInfo(t.Context(), "tenant/0")
	for _, err := range []error{err, errInfo} {
		failed, ok := errors.AsType[*typedsecret.Error](err)
		if !ok || failed.Ref.ID != "tenant/0" || !errors.Is(err, typedsecret.ErrNotFound) || info.ID != "" {
			t.Errorf("Get: %v", err)
		}
	}
}

// TestDecodedIsEvictedWithItsBytes, since the cache holds the decoded values of a ByID.
func TestDecodedIsEvictedWithItsBytes(t *testing.T) {
	source := storing("a", "1", "b", "2")
	decodes := counting(codec.JSON{})
	keys := typedsecret.NewByID[int](typedsecret.WithCache(open(t, source, cache.Config{MaxSize: 1})), typedsecret.WithCodec(decodes))
	for range 3 {
		must[int](t)(keys.Get(t.Context(), "a"))
		must[int](t)(keys.Get(t.Context(), "b"))
	}
	decodes.want(t, 6)
	source.fail(secret.ErrUnavailable)
	if got := must[int](t)(keys.Get(t.Context(), "b")); got != 2 {
		t.Errorf("Get(b) = %d", got)
	}
	if _, err := keys.Get(t.Context(), "a"); !errors.Is(err, typedsecret.ErrUnavailable) {
		t.Errorf("Get(a): %v", err)
	}
}

// TestASecretThatAHandleNamesIsNotEvicted: MaxSize bounds only the secrets that are read by
// ID.
func TestASecretThatAHandleNamesIsNotEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing()
		c := open(t, source, cache.Config{MaxSize: 3, TTL: time.Hour, NoRefreshAhead: true})
		decodes := counting(codec.JSON{})
		handles := make([]*typedsecret.Secret[int], 10)
		for i := range handles {
			source.put(fmt.Sprint(i), fmt.Sprint(i))
			handles[i] = typedsecret.New[int](fmt.Sprint(i), typedsecret.WithCache(c), typedsecret.WithCodec(decodes))
		}
		byID := typedsecret.NewByID[int](typedsecret.WithCache(c))
		for range 3 {
			for i, handle := range handles {
				wantGet(t, handle, i)
			}
			for i := range 20 {
				source.put(fmt.Sprint("tenant", i), fmt.Sprint(i))
				must[int](t)(byID.Get(t.Context(), fmt.Sprint("tenant", i)))
				if want := min(i+1, 3); c.Len() < want || c.Len() > 3 {
					t.Fatalf("%d are kept of what is read by ID", c.Len())
				}
			}
			runtime.GC()
		}
		if n := source.fetches("0"); n != 1 {
			t.Errorf("fetched %d times", n)
		}
		must[int](t)(byID.Get(t.Context(), "0"))
		if n := source.fetches("0"); n != 1 {
			t.Errorf("fetched anew by ID, though a handle names it")
		}
		decodes.want(t, 10)
		source.fail(secret.ErrUnavailable)
		time.Sleep(time.Hour)
		for i, handle := range handles {
			wantGet(t, handle, i)
			if _, info, err := handle.GetWithInfo(t.Context()); err != nil || !info.Stale {
				t.Errorf("Info in the outage: %+v, %v", info, err)
			}
		}
		runtime.KeepAlive(handles)
	})
}

// TestASecretWhoseHandleIsGoneIsKeptAsOneReadByID: a new handle for each read costs no
// fetch, until MaxSize other secrets were read.
func TestASecretWhoseHandleIsGoneIsKeptAsOneReadByID(t *testing.T) {
	source := storing("0", "0")
	c := open(t, source, cache.Config{MaxSize: 3})
	read := func() {
		must[int](t)(typedsecret.New[int]("0", typedsecret.WithCache(c)).Get(t.Context()))
		runtime.GC()
	}
	for range 3 {
		read()
	}
	if n := source.fetches("0"); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	byID := typedsecret.NewByID[int](typedsecret.WithCache(c))
	for i := range 10 {
		source.put(fmt.Sprint("tenant", i), "1")
		must[int](t)(byID.Get(t.Context(), fmt.Sprint("tenant", i)))
	}
	runtime.GC()
	read()
	if n := source.fetches("0"); n != 2 {
		t.Errorf("fetched %d times after it was evicted", n)
	}
}

func TestByIDTellsWrongOptionsAtOnce(t *testing.T) {
	typedsecret.SetDefault(nil)
	for name, opt := range map[string]typedsecret.Option{
		"stage":      typedsecret.WithStage("\n"),
		"version ID": typedsecret.WithVersionID("1"),
	} {
		byID := typedsecret.NewByID[int](opt)
		if err := byID.Err(); !errors.Is(err, typedsecret.ErrInvalidRef) {
			t.Errorf("%s: Err is %v", name, err)
		}
		if _, err := byID.Get(t.Context(), "k"); !errors.Is(err, typedsecret.ErrInvalidRef) {
			t.Errorf("%s: Get is %v", name, err)
		}
	}
	if err := typedsecret.NewByID[int]().Err(); err != nil {
		t.Error(err)
	}
	// A wrong ID is an error before a client is built for it.
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	if _, err := typedsecret.NewByID[int]().Get(t.Context(), ""); !errors.Is(err, typedsecret.ErrInvalidRef) {
		t.Errorf("Get without an ID: %v", err)
	}
}

func TestByIDMakesHandles(t *testing.T) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "tenant/1", "a")
	byID := typedsecret.NewByID[string](typedsecret.WithCache(c), typedsecret.WithRetryBudget(0))
	handle := byID.Secret("tenant/1")
	if err := typedsecret.Preload(t.Context(), handle); err != nil {
		t.Fatal(err)
	}
	if v, err := handle.Get(t.Context()); v != "a" || err != nil || handle.ID() != "tenant/1" {
		t.Errorf("%q, %v", v, err)
	}
	if v, err := byID.Get(t.Context(), "tenant/1"); v != "a" || err != nil || server.Calls() != 1 {
		t.Errorf("%q, %v, %d calls", v, err, server.Calls())
	}
	for _, id := range []string{"", "arn:x", "a\n"} {
		if err := byID.Secret(id).Err(); !errors.Is(err, typedsecret.ErrInvalidRef) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := (&typedsecret.ByID[string]{}).Secret("x").Err(); !errors.Is(err, typedsecret.ErrZeroHandle) {
		t.Error(err)
	}
}
