package typedsecret_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

func TestHandlesFollowSetDefaultAtOnce(t *testing.T) {
	first := open(t, storing("k", "first"), cache.Config{})
	second := open(t, storing("k", "second"), cache.Config{})
	setDefault(t, first)
	handle, byID := typedsecret.New[string]("k"), typedsecret.NewByID[string]()
	makeBusy(t, handle)
	makeBusy(t, typedsecret.New[string]("k"))
	must[string](t)(byID.Get(t.Context(), "k"))

	typedsecret.SetDefault(second)
	// This handle is still read from the first cache.
	makeBusy(t, typedsecret.New[string]("k", typedsecret.WithCache(first)))
	wantGet(t, handle, "second")
	if got := must[string](t)(byID.Get(t.Context(), "k")); got != "second" {
		t.Errorf("ByID.Get = %q", got)
	}

	typedsecret.SetDefault(first)
	wantGet(t, handle, "first")
}

// TestSetDefaultLeavesNothingOfTheCacheBefore: tests may give each case a cache of its own
// and read it through package variables.
func TestSetDefaultLeavesNothingOfTheCacheBefore(t *testing.T) {
	setDefault(t, open(t, storing("k", "5"), cache.Config{}))
	handle := typedsecret.New[int]("k")
	wantGet(t, handle, 5)

	setDefault(t, open(t, storing("k", "no number"), cache.Config{}))
	if v, err := handle.Get(t.Context()); !errors.Is(err, codec.ErrSyntax) {
		t.Errorf("Get = %d, %v: the last good value is another cache's", v, err)
	}
}

// TestSetDefaultWithHookEndsKeeping: a version that was decoded for the former cache is not
// kept when the new cache has a hook.
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

func TestAVersionThatDoesNotDecodeIsReportedToEachCachesObserver(t *testing.T) {
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

// TestAWatchLearnsOfADefaultCacheThatAnotherBuilt, although the watcher's own tries have
// become rare after many failures.
func TestAWatchLearnsOfADefaultCacheThatAnotherBuilt(t *testing.T) {
	nowhere(t)
	synctest.Test(t, func(t *testing.T) {
		setDefault(t, nil)
		w := watch(typedsecret.New[string]("k").Watch(t.Context()))
		time.Sleep(24 * time.Hour)
		t.Setenv("AWS_REGION", "eu-west-1")
		t.Setenv("AWS_ACCESS_KEY_ID", "id")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
		t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1") // nothing listens there
		c := must[*cache.Cache](t)(typedsecret.Default(t.Context()))
		defer c.Close()
		time.Sleep(2 * cache.DefaultFetchTimeout)
		if errs := w.failures(); !errors.Is(errs[len(errs)-1], typedsecret.ErrUnavailable) {
			t.Errorf("last was %v; want a fetch to have been tried", errs[len(errs)-1])
		}
	})
}

// TestAfterSetDefaultNobodyWaitsForTheCacheBefore: the next Get goes to the new cache,
// although another Get still waits for the hook of the old one.
func TestAfterSetDefaultNobodyWaitsForTheCacheBefore(t *testing.T) {
	for _, closed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			before := open(t, storing("k", "1"), cache.Config{Hook: stuck{get: true}})
			setDefault(t, before)
			handle := typedsecret.New[int]("k")
			go handle.Get(context.Background())
			synctest.Wait() // the Get waits for the hook
			typedsecret.SetDefault(open(t, storing("k", "1"), cache.Config{}))
			if closed {
				go before.Close()
			}
			start := time.Now()
			v, err := handle.Get(t.Context())
			if took := time.Since(start); v != 1 || err != nil || took > 0 {
				t.Errorf("closed %v: after %v: %v, %v", closed, took, v, err)
			}
			time.Sleep(time.Minute)
		})
	}
}

func TestAWatchFollowsSetDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := storing("k", "one"), storing("k", "one")
		old := open(t, first, hourly)
		setDefault(t, old)
		w := watch(typedsecret.New[string]("k").Watch(t.Context()))
		w.want(t, "one")
		typedsecret.SetDefault(open(t, second, hourly))
		w.want(t) // nothing, since version and bytes are the same
		first.put("k", "old")
		second.put("k", "new")
		old.Refresh(t.Context(), secret.Ref{ID: "k"})
		w.want(t)
		time.Sleep(time.Hour)
		w.want(t, "new")
		typedsecret.SetDefault(old)
		w.want(t, "old")
		old.Close() // a closed default cache may still be replaced
		w.want(t, "error")
		time.Sleep(24 * time.Hour)
		w.want(t)
		typedsecret.SetDefault(open(t, storing("k", "last"), hourly))
		w.want(t, "last")
	})
}

func TestADefaultCacheThatCannotBeBuiltIsTriedAgain(t *testing.T) {
	nowhere(t)
	start := time.Now() // real time
	synctest.Test(t, func(t *testing.T) {
		setDefault(t, nil)
		w := watch(typedsecret.New[string]("k").Watch(t.Context()))
		w.want(t, "error")
		time.Sleep(24 * time.Hour)
		if n := len(w.failures()); n < 24 || n > 200 {
			t.Errorf("%d tries in a day", n)
		}
		w.forget()
		typedsecret.SetDefault(open(t, storing("k", "one"), hourly))
		w.want(t, "one")
	})
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("a virtual day took %v", took)
	}
}
