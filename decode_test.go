package typedsecret_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

func TestVersionIsDecodedOncePerHandle(t *testing.T) {
	source := storing("k", "1")
	c := open(t, source, eager)
	one, two := counting(codec.JSON{}), counting(codec.JSON{})
	handle := typedsecret.New[int]("k", typedsecret.WithCache(c), typedsecret.WithCodec(one))
	other := typedsecret.New[int]("k", typedsecret.WithCache(c), typedsecret.WithCodec(two))
	byID := typedsecret.NewByID[int](typedsecret.WithCache(c), typedsecret.WithCodec(two))
	read := func(want int) {
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for range 10 {
					v, err := handle.Get(t.Context())
					w, errOther := other.Get(t.Context())
					x, errByID := byID.Get(t.Context(), "k")
					if v != want || w != want || x != want || err != nil || errOther != nil || errByID != nil {
						t.Errorf("Get: %v %v %v, %v %v %v", v, w, x, err, errOther, errByID)
					}
				}
			})
		}
		wg.Wait()
	}
	read(1)
	one.want(t, 1)
	two.want(t, 2)

	for range 5 { // each refresh brings the same version
		wantRefresh(t, handle, 1)
		if err := other.Invalidate(t.Context()); err != nil {
			t.Fatal(err)
		}
		read(1)
	}
	one.want(t, 1)
	two.want(t, 2)

	source.put("k", "2")
	wantRefresh(t, handle, 2)
	read(2)
	one.want(t, 2)
	two.want(t, 4)
}

// TestUndecodableVersionIsDecodedOnce, although it is read again and again.
func TestUndecodableVersionIsDecodedOnce(t *testing.T) {
	source := storing("k", "none")
	events := &observed.Journal{}
	cfg := eager
	cfg.Observer = events
	c := open(t, source, cfg)
	decodes := counting(codec.JSON{})
	handle := typedsecret.New[int]("k", typedsecret.WithCache(c), typedsecret.WithCodec(decodes))
	byID := typedsecret.NewByID[int](typedsecret.WithCache(c), typedsecret.WithCodec(decodes))
	for range 5 {
		_, errGet := handle.Get(t.Context())
		_, errRefresh := handle.Refresh(t.Context())
		_, info, errInfo := handle.GetWithInfo(t.Context())
		_, errByID := byID.Get(t.Context(), "k")
		_, errByIDRefresh := byID.Refresh(t.Context(), "k")
		for _, err := range []error{errGet, errRefresh, errInfo, info.DecodeErr, errByID, errByIDRefresh} {
			if !errors.Is(err, codec.ErrSyntax) || !strings.Contains(err.Error(), "k@AWSCURRENT: version v1: ") {
				t.Fatalf("an undecodable version: %v", err)
			}
		}
		if info.UndecodableVersionID != "v1" {
			t.Errorf("the rejected version is %q", info.UndecodableVersionID)
		}
	}
	decodes.want(t, 2)
	if got := observed.Of[hook.DecodeFailed](events); len(got) != 2 {
		t.Errorf("%d DecodeFailed events for two handles", len(got))
	}

	source.put("k", "7")
	wantRefresh(t, handle, 7)
	wantGet(t, handle, 7)
	decodes.want(t, 3)
}

type port int

func (p port) Validate() error {
	if p == 666 {
		panic("of number " + fmt.Sprint(int(p)))
	}
	if p < 1 || p > 65535 {
		return fmt.Errorf("%d is no port", int(p))
	}
	return nil
}

// TestRefusedVersionLeavesTheLastGoodInPlace: Get goes on, Info and one event report the
// failure, Refresh fails, and the next good version replaces the old one.
func TestRefusedVersionLeavesTheLastGoodInPlace(t *testing.T) {
	for name, row := range map[string]struct {
		bad  string
		want error
	}{
		"no JSON":             {"none", codec.ErrSyntax},
		"not valid":           {"70000", codec.ErrInvalid},
		"Validate that panic": {"666", typedsecret.ErrPanic},
	} {
		t.Run(name, func(t *testing.T) {
			source, events := storing("k", "1"), &observed.Journal{}
			cfg := eager
			cfg.Observer = events
			c := typedsecret.WithCache(open(t, source, cfg))
			handle, byID := typedsecret.New[port]("k", c), typedsecret.NewByID[port](c)
			decodedAfresh := typedsecret.New[*port]("k", c)
			wantGet(t, handle, 1)
			wantGet(t, decodedAfresh, new(port(1)))
			must[port](t)(byID.Get(t.Context(), "k"))

			source.put("k", row.bad)
			for range 3 {
				if _, err := handle.Refresh(t.Context()); !errors.Is(err, row.want) {
					t.Errorf("Refresh: %v", err)
				}
				if _, err := byID.Refresh(t.Context(), "k"); !errors.Is(err, row.want) {
					t.Errorf("ByID.Refresh: %v", err)
				}
				wantGet(t, handle, 1)
				wantGet(t, decodedAfresh, new(port(1)))
				if got := must[port](t)(byID.Get(t.Context(), "k")); got != 1 {
					t.Errorf("ByID.Get = %v", got)
				}
			}
			_, info, err := handle.GetWithInfo(t.Context())
			_, infoByID, errByID := byID.GetWithInfo(t.Context(), "k")
			if err != nil || errByID != nil {
				t.Fatal(err, errByID)
			}
			for _, info := range []typedsecret.Info{info, infoByID} {
				if info.VersionID != "v1" || info.UndecodableVersionID != "v2" || !errors.Is(info.DecodeErr, row.want) ||
					info.Stale || info.RefreshErr != nil {
					t.Errorf("Info is %+v", info)
				}
			}
			failed := observed.Of[hook.DecodeFailed](events)
			want := hook.DecodeFailed{Secret: hook.Secret{ID: "k", Stage: "AWSCURRENT", VersionID: "v2"}}
			if diff := cmp.Diff([]hook.DecodeFailed{want, want, want}, failed, cmpopts.IgnoreFields(want, "Err")); diff != "" {
				t.Errorf("events of three handles (-want +got):\n%s", diff)
			}
			for _, e := range failed {
				if !errors.Is(e.Err, row.want) {
					t.Errorf("the event tells %v", e.Err)
				}
			}

			source.put("k", "3")
			wantRefresh(t, handle, 3)
			wantGet(t, handle, 3)
			_, info, _ = handle.GetWithInfo(t.Context())
			if info.VersionID != "v3" || info.UndecodableVersionID != "" || info.DecodeErr != nil {
				t.Errorf("after a good version, Info is %+v", info)
			}
		})
	}
}

func TestRefusedVersionIsReplacedWithoutAForcedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "1")
		handle := typedsecret.New[port]("k", typedsecret.WithCache(open(t, source, cache.Config{TTL: time.Hour})))
		wantGet(t, handle, 1)
		source.put("k", "none")
		time.Sleep(time.Hour)
		wantGet(t, handle, 1)
		source.put("k", "3")
		time.Sleep(time.Hour)
		wantGet(t, handle, 3)
	})
}

// TestObserverMayReadTheHandleThatFailed: no reader waits for the observer of a
// DecodeFailed, so the observer itself may be a reader.
func TestObserverMayReadTheHandleThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handle *typedsecret.Secret[int]
		source, seen := storing("k", "5"), 0
		cfg := eager
		cfg.Observer = hook.ObserverFunc(func(ctx context.Context, e hook.Event) {
			if _, ok := e.(hook.DecodeFailed); ok {
				seen = must[int](t)(handle.Get(ctx))
			}
		})
		handle = typedsecret.New[int]("k", typedsecret.WithCache(open(t, source, cfg)))
		wantGet(t, handle, 5)
		source.put("k", "none")
		if _, err := handle.Refresh(t.Context()); !errors.Is(err, codec.ErrSyntax) {
			t.Errorf("Refresh: %v", err)
		}
		if seen != 5 {
			t.Errorf("the observer read %d", seen)
		}
	})
}

// rising is a source whose versions are 1, 2, 3, …
type rising struct{ n atomic.Int64 }

func (r *rising) Fetch(context.Context, secret.Ref) (secret.Value, error) {
	n := strconv.FormatInt(r.n.Add(1), 10)
	return secret.Value{Payload: secret.StringPayload(n), VersionID: n}, nil
}

// TestNoOlderVersionAfterANewer: each goroutine sees rising versions, while many refresh.
func TestNoOlderVersionAfterANewer(t *testing.T) {
	c := open(t, &rising{}, eager)
	decodes := counting(codec.JSON{})
	var mu sync.Mutex
	var decoded []string
	decodes.before = func(data []byte) {
		mu.Lock()
		decoded = append(decoded, string(data))
		mu.Unlock()
		runtime.Gosched()
	}
	handle := typedsecret.New[int]("k", typedsecret.WithCache(c), typedsecret.WithCodec(decodes))
	var newest atomic.Int64 // the newest version that any goroutine has seen
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for range 300 {
				before := newest.Load()
				read := handle.Get
				if i%4 == 0 {
					read = handle.Refresh
				}
				v, err := read(t.Context())
				if err != nil || int64(v) < before {
					t.Errorf("read %d, %v after somebody had read %d", v, err, before)
					return
				}
				for {
					n := newest.Load()
					if n >= int64(v) || newest.CompareAndSwap(n, int64(v)) {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(decoded)
	if n := len(decoded); len(slices.Compact(decoded)) != n {
		t.Errorf("of %d decodings, some were of one version", n)
	}
}

func TestPanicsWhileDecodingAreErrors(t *testing.T) {
	for name, handle := range map[string]func(...typedsecret.Option) (any, error){
		"codec": func(opts ...typedsecret.Option) (any, error) {
			boom := &counter{codec: codec.JSON{}, before: func([]byte) { panic("boom") }}
			return typedsecret.New[int]("k", append(opts, typedsecret.WithCodec(boom))...).Get(t.Context())
		},
		"Validate": func(opts ...typedsecret.Option) (any, error) {
			return typedsecret.New[port]("k", opts...).Get(t.Context())
		},
		"UnmarshalJSON": func(opts ...typedsecret.Option) (any, error) {
			return typedsecret.New[boomJSON]("k", opts...).Get(t.Context())
		},
		"Clone": func(opts ...typedsecret.Option) (any, error) {
			return typedsecret.New[boomClone]("k", opts...).Get(t.Context())
		},
		"a codec's Shared": func(opts ...typedsecret.Option) (any, error) {
			return typedsecret.New[int]("k", append(opts, typedsecret.WithCodec(boomShared{}))...).Get(t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			with := typedsecret.WithCache(open(t, storing("k", "666"), cache.Config{}))
			_, err := handle(with)
			failed, ok := errors.AsType[*typedsecret.Error](err)
			if !ok || failed.Ref.ID != "k" || !errors.Is(err, typedsecret.ErrPanic) {
				t.Errorf("Get: %v", err)
			}
		})
	}
}

type boomJSON int

func (*boomJSON) UnmarshalJSON([]byte) error { panic("boom") }

type boomClone struct{ Inner *string }

func (*boomClone) UnmarshalText([]byte) error { return nil }
func (boomClone) Clone() boomClone            { panic("boom") }

type boomShared struct{ codec.JSON }

func (boomShared) Decode([]byte, any) error { panic("boom") }
func (boomShared) Shared() bool             { panic("boom") }

// TestGoexitInACodecDoesNotPoisonTheHandle: a t.Fatal in a test's codec ends a goroutine.
// The readers that waited get an error, and the next Get decodes.
func TestGoexitInACodecDoesNotPoisonTheHandle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exits := true
		decodes := counting(codec.JSON{})
		decodes.before = func([]byte) {
			time.Sleep(time.Second) // lets other readers begin to wait
			if exits {
				exits = false
				runtime.Goexit()
			}
		}
		with := typedsecret.WithCache(open(t, storing("k", "5"), cache.Config{}))
		handle := typedsecret.New[int]("k", with, typedsecret.WithCodec(decodes))
		var failed atomic.Int64
		for range 10 {
			go func() {
				_, err := handle.Get(t.Context())
				if _, ok := errors.AsType[*typedsecret.Error](err); !ok || !strings.Contains(err.Error(), "broken off") {
					t.Errorf("Get: %v", err)
				}
				failed.Add(1)
			}()
		}
		synctest.Wait()
		time.Sleep(2 * time.Second)
		if failed.Load() != 9 {
			t.Errorf("%d of 10 got the error, all but the one that ended should", failed.Load())
		}
		wantGet(t, handle, 5)
		decodes.want(t, 2)
	})
}

// TestCancelledCallerDoesNotWaitForTheDecoding of another caller, and does not harm it.
func TestCancelledCallerDoesNotWaitForTheDecoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		decodes := counting(codec.JSON{})
		decodes.before = func([]byte) { time.Sleep(5 * time.Second) } // less than FetchTimeout
		with := typedsecret.WithCache(open(t, storing("k", "5"), cache.Config{}))
		handle := typedsecret.New[int]("k", with, typedsecret.WithCodec(decodes))
		var others sync.WaitGroup
		for range 3 {
			others.Go(func() { wantGet(t, handle, 5) })
		}
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := handle.Get(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		others.Wait()
		decodes.want(t, 1)
	})
}
