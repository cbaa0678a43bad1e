package typedsecret_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
)

// slowly makes a codec that takes a second for one payload, two for another.
func slowly(one, two string) *counter {
	c := counting(codec.JSON{})
	c.before = func(data []byte) {
		switch string(data) {
		case one:
			time.Sleep(time.Second)
		case two:
			time.Sleep(2 * time.Second)
		}
	}
	return c
}

func TestAGoodVersionThatDecodesSlowlySurvivesABadOneThatFollows(t *testing.T) {
	t.Run("first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source := storing("k", "1")
			handle := typedsecret.New[int]("k",
				typedsecret.WithCache(open(t, source, eager)), typedsecret.WithCodec(slowly("1", "")))
			go handle.Get(t.Context())
			synctest.Wait()
			source.put("k", "no JSON")
			if _, err := handle.Refresh(t.Context()); err == nil {
				t.Error("the bad version was taken")
			}
			time.Sleep(2 * time.Second)
			wantGet(t, handle, 1)
			if _, info, _ := handle.GetWithInfo(t.Context()); info.VersionID != "v1" || info.RejectedVersionID != "v2" || info.DecodeErr == nil {
				t.Errorf("info: %+v", info)
			}
		})
	})
	t.Run("second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source := storing("k", "0")
			handle := typedsecret.New[int]("k",
				typedsecret.WithCache(open(t, source, eager)), typedsecret.WithCodec(slowly("1", "no JSON")))
			wantGet(t, handle, 0)
			source.put("k", "1")
			go handle.Refresh(t.Context())
			synctest.Wait()
			source.put("k", "no JSON")
			time.Sleep(time.Nanosecond)
			go handle.Refresh(t.Context())
			time.Sleep(time.Minute)
			wantGet(t, handle, 1)
		})
	})
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
		slow := cache.SourceFunc(func(ctx context.Context, _ cache.Ref) (cache.Value, error) {
			<-ctx.Done()
			return cache.Value{}, ctx.Err()
		})
		old := open(t, slow, cache.Config{})
		setDefault(t, old)
		handle, byID := typedsecret.New[int]("k"), typedsecret.NewByID[int]()
		for name, read := range map[string]func() (int, error){
			"Secret.Get":     func() (int, error) { return handle.Get(t.Context()) },
			"Secret.Refresh": func() (int, error) { return handle.Refresh(t.Context()) },
			"ByID.Get":       func() (int, error) { return byID.Get(t.Context(), "k") },
			"ByID.Refresh":   func() (int, error) { return byID.Refresh(t.Context(), "k") },
		} {
			go func() {
				if v, err := read(); v != 2 || err != nil {
					t.Errorf("%s: %v, %v", name, v, err)
				}
			}()
		}
		synctest.Wait()
		typedsecret.SetDefault(open(t, storing("k", "2"), cache.Config{}))
		old.Close()
		synctest.Wait()
	})
}

func TestACodecThatPanickedIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		codec := counting(codec.JSON{})
		codec.before = func([]byte) {
			if broken.Load() {
				panic("not ready")
			}
		}
		source := storing("k", "1")
		events := &journal{}
		cfg := eager
		cfg.Observer = events
		handle := typedsecret.New[int]("k", typedsecret.WithCache(open(t, source, cfg)), typedsecret.WithCodec(codec))
		broken.Store(true)
		for range 3 {
			if _, err := handle.Get(t.Context()); !errors.Is(err, typedsecret.ErrPanic) {
				t.Errorf("got %v", err)
			}
		}
		broken.Store(false)
		wantGet(t, handle, 1)

		broken.Store(true)
		source.put("k", "2")
		if _, err := handle.Refresh(t.Context()); !errors.Is(err, typedsecret.ErrPanic) {
			t.Errorf("got %v", err)
		}
		wantGet(t, handle, 1)
		broken.Store(false)
		time.Sleep(time.Nanosecond)
		wantRefresh(t, handle, 2) // of the same version
		if n := len(eventsOf[hook.DecodeFailed](events)); n != 2 {
			t.Errorf("%d events for two versions", n)
		}
	})
}

// A stuck hook gives nothing back before its context is done.
type stuck struct{ put, get bool }

func (h stuck) Put(ctx context.Context, _ hook.Item, b []byte) ([]byte, error) {
	if h.put {
		<-ctx.Done()
	}
	return bytes.Clone(b), ctx.Err()
}

func (h stuck) Get(ctx context.Context, _ hook.Item, b []byte) ([]byte, error) {
	if h.get {
		<-ctx.Done()
	}
	return bytes.Clone(b), ctx.Err()
}

func TestAHookThatHangsHoldsNobodyUpForLong(t *testing.T) {
	for name, hanging := range map[string]hook.Hook{"Put": stuck{put: true}, "Get": stuck{get: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, storing("k", "1"), cache.Config{Hook: hanging})
				handle := typedsecret.New[int]("k", typedsecret.WithCache(c))
				start := time.Now()
				short, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := handle.Get(short)
				if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
					t.Errorf("after %v: %v", took, err)
				}
				start = time.Now()
				_, err = handle.Get(t.Context())
				if took := time.Since(start); err == nil || took > cache.DefaultFetchTimeout {
					t.Errorf("after %v: %v", took, err)
				}
				start = time.Now()
				c.Close()
				if took := time.Since(start); took != 0 {
					t.Errorf("Close took %v", took)
				}
			})
		})
	}
}

func TestAnInvalidatedValueThatWasEvictedIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("a", "1", "b", "1")
		cfg := eager
		cfg.MaxSize = 1
		with := typedsecret.WithCache(open(t, source, cfg))
		a, b := typedsecret.New[int]("a", with), typedsecret.New[int]("b", with)
		wantGet(t, a, 1)
		wantGet(t, b, 1) // evicts a
		if err := a.Invalidate(t.Context()); err != nil {
			t.Fatal(err)
		}
		source.fail(cache.ErrUnavailable)
		v, info, err := a.GetWithInfo(t.Context())
		if v != 1 || err != nil || !info.Stale {
			t.Errorf("got %v, stale %v, %v", v, info.Stale, err)
		}
		source.fail(nil)
		source.put("a", "2")
		time.Sleep(time.Second)
		a.Get(t.Context())
		synctest.Wait()
		wantGet(t, a, 2)
	})
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
	// A wrong ID is told before a client is built for it.
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	if _, err := typedsecret.NewByID[int]().Get(t.Context(), ""); !errors.Is(err, typedsecret.ErrInvalidRef) {
		t.Errorf("Get without an ID: %v", err)
	}
}

func TestALongIDIsShownInPart(t *testing.T) {
	err := typedsecret.New[int](strings.Repeat("x", 3000)).Err()
	if err == nil || len(err.Error()) > 400 || !strings.Contains(err.Error(), "3000 characters") {
		t.Errorf("got %v", err)
	}
}

// nilable is an interface, so null is what it may be decoded from.
type nilable interface{ Clone() nilable }

func TestACloneOfNothingIsNothing(t *testing.T) {
	handle := typedsecret.New[nilable]("k",
		typedsecret.WithCache(open(t, storing("k", "x"), cache.Config{})),
		typedsecret.WithCodec(codec.Func(func([]byte) (nilable, error) { return nil, nil })))
	for range 2 {
		if v, err := handle.Get(t.Context()); v != nil || err != nil {
			t.Errorf("got %v, %v", v, err)
		}
	}
}

// TestAnOldValueThatAHandleKeptIsNotFreshAfterANewerWasSeen by another handle, both
// evicted since.
func TestAnOldValueThatAHandleKeptIsNotFreshAfterANewerWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("a", "1", "b", "1")
		cfg := eager
		cfg.MaxSize = 1
		with := typedsecret.WithCache(open(t, source, cfg))
		one, two, other := typedsecret.New[int]("a", with), typedsecret.New[int]("a", with), typedsecret.New[int]("b", with)
		wantGet(t, one, 1)
		wantGet(t, other, 1)
		source.put("a", "2")
		wantGet(t, two, 2)
		wantGet(t, other, 1)
		source.fail(cache.ErrUnavailable)
		if v, info, err := one.GetWithInfo(t.Context()); v != 1 || err != nil || !info.Stale {
			t.Errorf("got %v, stale %v, %v", v, info.Stale, err)
		}
		source.fail(nil)
		time.Sleep(time.Second)
		one.Get(t.Context())
		synctest.Wait()
		wantGet(t, one, 2)
	})
}

func TestEachCachesObserverIsToldOfAVersionThatDoesNotDecode(t *testing.T) {
	handle := typedsecret.New[int]("k")
	for range 2 {
		events := &journal{}
		setDefault(t, open(t, storing("k", "no JSON"), cache.Config{Observer: events}))
		for range 2 {
			if _, err := handle.Get(t.Context()); err == nil {
				t.Error("no error")
			}
		}
		if n := len(eventsOf[hook.DecodeFailed](events)); n != 1 {
			t.Errorf("told %d times", n)
		}
	}
}

func TestWhatACodecDidNotDeclareSharedIsDecodedForEach(t *testing.T) {
	handle := typedsecret.New[[]*x509.Certificate]("k",
		typedsecret.WithCache(open(t, storing("k", "x"), cache.Config{})),
		typedsecret.WithCodec(codec.Func(func([]byte) ([]*x509.Certificate, error) {
			return []*x509.Certificate{{DNSNames: []string{"good"}}}, nil
		})))
	must[[]*x509.Certificate](t)(handle.Get(t.Context()))[0].DNSNames[0] = "evil"
	if got := must[[]*x509.Certificate](t)(handle.Get(t.Context())); got[0].DNSNames[0] != "good" {
		t.Error("what an earlier caller did is seen")
	}
}

// moody is a Hook whose Get fails for one version.
type moody struct{ refused atomic.Value }

func (h *moody) Put(_ context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return bytes.Clone(b), nil
}

func (h *moody) Get(_ context.Context, item hook.Item, b []byte) ([]byte, error) {
	if item.VersionID == h.refused.Load() {
		return nil, errors.New("no key")
	}
	return bytes.Clone(b), nil
}

func TestAHookThatFailsForANewVersionLeavesTheLastGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, h := storing("k", "1"), &moody{}
		cfg := eager
		cfg.Hook = h
		handle := typedsecret.New[int]("k", typedsecret.WithCache(open(t, source, cfg)))
		wantGet(t, handle, 1)
		source.put("k", "2")
		h.refused.Store("v2")
		if _, err := handle.Refresh(t.Context()); !errors.Is(err, cache.ErrHook) {
			t.Errorf("Refresh: %v", err)
		}
		wantGet(t, handle, 1)
		if _, info, _ := handle.GetWithInfo(t.Context()); info.VersionID != "v1" || !errors.Is(info.DecodeErr, cache.ErrHook) {
			t.Errorf("info: %+v", info)
		}
		h.refused.Store("")
		wantGet(t, handle, 2)
	})
}

// slowToGiveUp is a Hook whose Get goes on for a while after its context is done.
type slowToGiveUp struct {
	stuck
	ended *atomic.Bool
}

func (h slowToGiveUp) Get(ctx context.Context, item hook.Item, b []byte) ([]byte, error) {
	<-ctx.Done()
	time.Sleep(time.Minute)
	h.ended.Store(true)
	return nil, ctx.Err()
}

func TestCloseWaitsForADecodingThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Bool
		c := open(t, storing("k", "1"), cache.Config{Hook: slowToGiveUp{ended: &ended}})
		handle := typedsecret.New[int]("k", typedsecret.WithCache(c))
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := handle.Get(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		c.Close()
		if !ended.Load() {
			t.Error("the hook is still running")
		}
	})
}

func TestCloseEndsADecodingThatWaitsForTheHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, storing("k", "1"), cache.Config{Hook: stuck{get: true}})
		handle := typedsecret.New[int]("k", typedsecret.WithCache(c))
		start := time.Now()
		go func() {
			time.Sleep(time.Second)
			c.Close()
		}()
		_, err := handle.Get(t.Context())
		if took := time.Since(start); !errors.Is(err, cache.ErrClosed) || took != time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
