package typedsecret_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// A stuck hook does not return before its context is done.
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
		if _, err := handle.Refresh(t.Context()); !errors.Is(err, secret.ErrHook) {
			t.Errorf("Refresh: %v", err)
		}
		wantGet(t, handle, 1)
		if _, info, _ := handle.GetWithInfo(t.Context()); info.VersionID != "v1" || !errors.Is(info.DecodeErr, secret.ErrHook) {
			t.Errorf("info: %+v", info)
		}
		h.refused.Store("")
		wantGet(t, handle, 2)
	})
}

// slowToGiveUp is a Hook whose Get returns some time after its context is done.
type slowToGiveUp struct {
	stuck
	ended *atomic.Bool
}

func (h slowToGiveUp) Get(ctx context.Context, item hook.Item, b []byte) ([]byte, error) {
	<-ctx.Done()
	time.Sleep(time.Second)
	h.ended.Store(true)
	return nil, ctx.Err()
}

func TestCloseWaitsForADecodingWithoutReaders(t *testing.T) {
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

// hanging is a hook whose first Get returns at once. Each later Get returns when its
// context ends.
type hanging struct{ gets atomic.Int64 }

func (*hanging) Put(_ context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return bytes.Clone(b), nil
}

func (h *hanging) Get(ctx context.Context, _ hook.Item, b []byte) ([]byte, error) {
	if h.gets.Add(1) > 1 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return bytes.Clone(b), nil
}

func TestAnEndingContextEndsTheWaitForAHookOfAWarmValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, storing("k", "1"), cache.Config{Hook: &hanging{}})
		handle := typedsecret.New[int]("k", typedsecret.WithCache(c))
		wantGet(t, handle, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := handle.Get(ctx)
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// through is a hook that stores bytes as they are.
type through struct{}

func (through) Put(_ context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return bytes.Clone(b), nil
}

func (through) Get(_ context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return bytes.Clone(b), nil
}

func TestAPanicOfTheCodecIsNotRepeatedForEachReaderWithAHook(t *testing.T) {
	source, cfg := storing("k", "1"), eager
	cfg.Hook = through{}
	c := counting(codec.JSON{})
	panics := 0
	c.before = func(data []byte) {
		if string(data) == "2" {
			panics++
			panic("no 2")
		}
	}
	handle := typedsecret.New[int]("k", typedsecret.WithCache(open(t, source, cfg)), typedsecret.WithCodec(c))
	wantGet(t, handle, 1)
	source.put("k", "2")
	handle.Refresh(t.Context())
	for range 10 {
		wantGet(t, handle, 1)
	}
	if panics != 1 {
		t.Errorf("the codec was called %d times for the version at which it panics", panics)
	}
}

// callsOf is a Hook that counts the calls of Get for each version.
type callsOf struct {
	moody
	mu   sync.Mutex // guards gets
	gets map[string]int
}

func (h *callsOf) Get(_ context.Context, item hook.Item, b []byte) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gets[item.VersionID]++
	return bytes.Clone(b), nil
}

func (h *callsOf) want(t testing.TB, n int) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gets["v1"] != n {
		t.Errorf("the hook's Get was called %d times, want %d", h.gets["v1"], n)
	}
}

// TestTheFirstReadOfAVersionCallsTheHookOnce, since each call may be a request to KMS.
func TestTheFirstReadOfAVersionCallsTheHookOnce(t *testing.T) {
	for name, read := range map[string]func(context.Context, typedsecret.Option) (string, error){
		"Get": func(ctx context.Context, with typedsecret.Option) (string, error) {
			return typedsecret.New[string]("db", with).Get(ctx)
		},
		"GetWithInfo": func(ctx context.Context, with typedsecret.Option) (string, error) {
			v, _, err := typedsecret.New[string]("db", with).GetWithInfo(ctx)
			return v, err
		},
		"Refresh": func(ctx context.Context, with typedsecret.Option) (string, error) {
			return typedsecret.New[string]("db", with).Refresh(ctx)
		},
		"ByID": func(ctx context.Context, with typedsecret.Option) (string, error) {
			return typedsecret.NewByID[string](with).Get(ctx, "db")
		},
		"Do": func(ctx context.Context, with typedsecret.Option) (got string, err error) {
			err = typedsecret.New[string]("db", with).Do(ctx, func(_ context.Context, v string) error { got = v; return nil })
			return got, err
		},
		"Watch": func(ctx context.Context, with typedsecret.Option) (string, error) {
			for v, err := range typedsecret.New[string]("db", with).Watch(ctx) {
				return v, err
			}
			return "", errors.New("Watch ended")
		},
		"Preload": func(ctx context.Context, with typedsecret.Option) (string, error) {
			return "one", typedsecret.Preload(ctx, typedsecret.New[string]("db", with))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &callsOf{gets: map[string]int{}}
				c := open(t, storing("db", "one"), cache.Config{Hook: h})
				if v, err := read(t.Context(), typedsecret.WithCache(c)); v != "one" || err != nil {
					t.Errorf("%q, %v", v, err)
				}
				h.want(t, 1)
			})
		})
	}
}

// TestEachReadWithAHookDerivesAValueOfItsOwn, also the second one.
func TestEachReadWithAHookDerivesAValueOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &callsOf{gets: map[string]int{}}
		c := open(t, storing("db", "one"), cache.Config{Hook: h})
		handle := typedsecret.New[[]byte]("db", typedsecret.WithCache(c))
		var readers sync.WaitGroup
		for range 10 {
			readers.Go(func() {
				v, err := handle.Get(t.Context())
				if string(v) != "one" || err != nil {
					t.Errorf("%q, %v", v, err)
				}
				clear(v) // the reader owns the value
			})
		}
		readers.Wait()
		h.want(t, 10)
	})
}

// TestAFirstReaderThatGivesUpLeavesNoValueBehind: the next reader derives its own value.
func TestAFirstReaderThatGivesUpLeavesNoValueBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &callsOf{gets: map[string]int{}}
		c := open(t, storing("db", "one"), cache.Config{Hook: h})
		handle := typedsecret.New[string]("db", typedsecret.WithCache(c))
		if _, err := (*engine.Cache)(c).Lookup(t.Context(), secret.Ref{ID: "db"}); err != nil {
			t.Fatal(err)
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = handle.Get(done)
		synctest.Wait()
		wantGet(t, handle, "one")
		h.want(t, 2)
	})
}

// TestAFirstReaderThatGivesUpHarmsNoOther: a reader that waits for the same version derives
// it, and no event reports a version that does not decode.
func TestAFirstReaderThatGivesUpHarmsNoOther(t *testing.T) {
	for name, isKnown := range map[string]bool{"first version": false, "second version": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, h, events := storing("db", "one"), &hanging{}, &observed.Journal{}
				cfg := eager
				cfg.Hook, cfg.Observer = h, events
				handle := typedsecret.New[string]("db", typedsecret.WithCache(open(t, source, cfg)))
				want := "one"
				if isKnown {
					wantGet(t, handle, want)
					want = "two"
					source.put("db", want)
				}
				h.gets.Store(1) // makes the next Get hang
				short, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				read := handle.Get
				if isKnown {
					read = handle.Refresh
				}
				var readers sync.WaitGroup
				readers.Go(func() {
					if _, err := read(short); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("the first reader got %v", err)
					}
				})
				synctest.Wait()
				h.gets.Store(-100)
				for range 3 {
					readers.Go(func() {
						start := time.Now()
						wantGet(t, handle, want)
						if took := time.Since(start); took != time.Second {
							t.Errorf("it took %v", took)
						}
					})
				}
				readers.Wait()
				if told := observed.Of[hook.DecodeFailed](events); len(told) != 0 {
					t.Errorf("the observer got %v", told)
				}
			})
		})
	}
}
