package typedsecret_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
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
			if _, info, _ := handle.GetWithInfo(t.Context()); info.VersionID != "v1" || info.UndecodableVersionID != "v2" || info.DecodeErr == nil {
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

func TestACodecThatPanickedIsCalledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		codec := counting(codec.JSON{})
		codec.before = func([]byte) {
			if broken.Load() {
				panic("not ready")
			}
		}
		source := storing("k", "1")
		events := &observed.Journal{}
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
		wantRefresh(t, handle, 2) // brings the same version
		if n := len(observed.Of[hook.DecodeFailed](events)); n != 2 {
			t.Errorf("%d events for two versions", n)
		}
	})
}

func TestAVersionIsDecodedOnceAlsoIfItIsRefreshedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := slowly("1", "")
		held := open(t, storing("k", "1"), eager)
		handle := typedsecret.New[int]("k", typedsecret.WithCache(held), typedsecret.WithCodec(c))
		go handle.Get(t.Context())
		synctest.Wait()
		if _, err := held.Refresh(t.Context(), secret.Ref{ID: "k"}); err != nil {
			t.Fatal(err)
		}
		wantGet(t, handle, 1)
		c.want(t, 1)
	})
}

// TestAHandleNeverReturnsAnOlderVersion: handles and readers by ID read several secrets.
// The cache has room for one secret read by ID, and the source fails now and then.
func TestAHandleNeverReturnsAnOlderVersion(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 11))
				ids := []string{"a", "b", "c"}
				source := storing("a", "1", "b", "1", "c", "1")
				c := open(t, source, cache.Config{MaxSize: 1, TTL: time.Minute, MinRefreshInterval: -1})
				with := typedsecret.WithCache(c)
				type reader struct {
					id, name string
					get, ask func(context.Context) (int, error)
					returned int
				}
				var readers []*reader
				byID := typedsecret.NewByID[int](with)
				for _, id := range ids {
					for n := range 3 {
						s := typedsecret.New[int](id, with)
						readers = append(readers, &reader{id: id, name: fmt.Sprint("handle ", n), get: s.Get, ask: s.Refresh})
					}
					readers = append(readers, &reader{
						id: id, name: "by ID",
						get: func(ctx context.Context) (int, error) { return byID.Get(ctx, id) },
						ask: func(ctx context.Context) (int, error) { return byID.Refresh(ctx, id) },
					})
				}
				for version := 1; version < 2000; {
					r := readers[rng.IntN(len(readers))]
					read := r.get
					switch rng.IntN(12) {
					case 0:
						version++
						source.put(ids[rng.IntN(len(ids))], strconv.Itoa(version))
					case 1:
						source.fail([]error{nil, secret.ErrUnavailable, secret.ErrAccessDenied}[rng.IntN(3)])
					case 2:
						time.Sleep(time.Duration(rng.Int64N(int64(2 * time.Minute))))
					case 3:
						if err := c.Invalidate(secret.Ref{ID: r.id}); err != nil {
							t.Fatal(err)
						}
					case 4:
						read = r.ask
					}
					got, err := read(t.Context())
					if err != nil {
						continue
					}
					if got < r.returned {
						t.Fatalf("%s of %s returned %d, after %d", r.name, r.id, got, r.returned)
					}
					r.returned = got
				}
			})
		})
	}
}

func TestPeekReturnsWhatThereIsAndFetchesNothing(t *testing.T) {
	server, c := secrettest.NewCache(t, cache.Config{MinRefreshInterval: -1})
	server.Seed(t, "db", `{"n":1}`)
	type number struct {
		N    int    `json:"n"`
		Tags []byte `json:"tags,omitempty"`
	}
	handle := typedsecret.New[number]("db", typedsecret.WithCache(c))
	if v, info, ok := handle.Peek(); ok || v.N != 0 || info.ID != "db" || server.Calls() != 0 {
		t.Errorf("before the first read: %v, %+v, %v, %d calls", v, info, ok, server.Calls())
	}
	if _, err := handle.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls := server.Calls()
	if v, info, ok := handle.Peek(); !ok || v.N != 1 || info.VersionID == "" || info.Stale {
		t.Errorf("after it: %v, %+v, %v", v, info, ok)
	}
	server.Rotate(t, "db", `{"n":"x"}`)
	if _, err := handle.Refresh(t.Context()); err == nil {
		t.Fatal("a bad version was taken")
	}
	calls++
	if v, info, ok := handle.Peek(); !ok || v.N != 1 || info.DecodeErr == nil || info.UndecodableVersionID == "" {
		t.Errorf("after a bad rotation: %v, %+v, %v", v, info, ok)
	}
	if err := handle.Invalidate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, info, ok := handle.Peek(); !ok || v.N != 1 || !info.Stale {
		t.Errorf("invalidated: %v, %+v, %v", v, info, ok)
	}
	if server.Calls() != calls {
		t.Errorf("%d calls, want %d", server.Calls(), calls)
	}
	c.Close()
	if _, _, ok := handle.Peek(); !ok {
		t.Error("after Close what was decoded is still there")
	}
	if _, _, ok := (&typedsecret.Secret[number]{}).Peek(); ok {
		t.Error("a zero handle has a value")
	}
}

func TestPeekShowsNothingOfAnotherDefaultCache(t *testing.T) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "db", "v")
	setDefault(t, c)
	handle := typedsecret.New[string]("db")
	if _, err := handle.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, other := secrettest.NewCache(t)
	typedsecret.SetDefault(other)
	if _, _, ok := handle.Peek(); ok {
		t.Error("the value is of the cache before")
	}
}

func TestPeekGivesNoPlaintextOfAHookedCache(t *testing.T) {
	h := &callsOf{gets: map[string]int{}}
	server, c := secrettest.NewCache(t, cache.Config{Hook: h})
	server.Seed(t, "db", "v")
	handle := typedsecret.New[string]("db", typedsecret.WithCache(c))
	if _, err := handle.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	gets := maps.Clone(h.gets)
	if v, info, ok := handle.Peek(); ok || v != "" || info.VersionID == "" || !maps.Equal(h.gets, gets) {
		t.Errorf("%q, %+v, %v", v, info, ok)
	}
}

// ownReader is a T whose Validate does what the test wants.
type ownReader string

var validateOwnReader func() error

func (ownReader) Validate() error { return validateOwnReader() }

// TestAValidateThatReadsItsOwnHandleEnds: it waits for a decoding that waits for it.
func TestAValidateThatReadsItsOwnHandleEnds(t *testing.T) {
	for name, refresh := range map[string]bool{"at the first read": false, "at a refresh": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := storing("k", "v1")
				c := open(t, store, eager)
				handle := typedsecret.New[ownReader]("k", typedsecret.WithCache(c))
				validateOwnReader = func() error { return nil }
				if refresh {
					wantGet(t, handle, "v1")
				}
				var inner error
				validateOwnReader = func() error {
					_, inner = handle.Get(context.Background()) // without a deadline
					return inner
				}
				store.Put("k", "v2")
				began := time.Now()
				_, err := handle.Refresh(t.Context())
				if took := time.Since(began); took != cache.DefaultFetchTimeout {
					t.Errorf("Refresh took %v", took)
				}
				for what, err := range map[string]error{"Validate": inner, "the reader": err} {
					if err == nil || !strings.Contains(err.Error(), "does Validate, the codec or the hook read its own handle?") {
						t.Errorf("the error that %s gets: %v", what, err)
					}
				}
				if !errors.Is(inner, typedsecret.ErrTimeout) || !errors.Is(err, codec.ErrInvalid) {
					t.Errorf("they are %v and %v", inner, err)
				}
			})
		})
	}
}

// TestInfoAndEventsTellTheirErrors, by the secret that they are about, and in JSON too.
func TestInfoAndEventsTellTheirErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, events := storing("prod/db", "5"), &observed.Journal{}
		c := open(t, store, cache.Config{Observer: events, MinRefreshInterval: -1})
		handle := typedsecret.New[int]("prod/db", typedsecret.WithCache(c))
		wantGet(t, handle, 5)
		store.Put("prod/db", "no number")
		if _, err := handle.Refresh(t.Context()); err == nil {
			t.Error("no error")
		}
		store.Fail(errors.New("no route to host"))
		if err := handle.Invalidate(t.Context()); err != nil {
			t.Error(err)
		}
		_, info, err := handle.GetWithInfo(t.Context())
		if err != nil || info.RefreshErr == nil || info.DecodeErr == nil {
			t.Fatalf("%+v, %v", info, err)
		}
		text, err := json.Marshal(info)
		var fields map[string]any
		if err := errors.Join(err, json.Unmarshal(text, &fields)); err != nil {
			t.Fatal(err)
		}
		for _, f := range reflect.VisibleFields(reflect.TypeFor[typedsecret.Info]()) {
			if _, has := fields[f.Name]; !has {
				t.Errorf("%s lacks %s", text, f.Name)
			}
		}
		if fields["RefreshErr"] != info.RefreshErr.Error() || fields["DecodeErr"] != info.DecodeErr.Error() {
			t.Errorf("the errors are lost: %s", text)
		}
		if text := fmt.Sprintf("%+v", info); !strings.Contains(text, "no route to host") || !strings.Contains(text, "no number") && !strings.Contains(text, "decoding int") {
			t.Errorf("it prints as %s", text)
		}
		if text, err := json.Marshal(info.RefreshErr); err != nil || !strings.Contains(string(text), "no route to host") {
			t.Errorf("the error marshals as %s, %v", text, err)
		}
		told := 0
		for _, r := range events.Records() {
			for _, err := range []error{asEvent[hook.FetchFailed](r.Event).Err, asEvent[hook.ServedStale](r.Event).Err, asEvent[hook.DecodeFailed](r.Event).Err} {
				if err != nil {
					told++
					if !strings.HasPrefix(err.Error(), "secret prod/db@AWSCURRENT: ") {
						t.Errorf("a %T does not name the secret: %v", r.Event, err)
					}
				}
			}
		}
		if told != 3 {
			t.Errorf("%d errors in events, want 3", told)
		}
	})
}

func asEvent[E hook.Event](e hook.Event) (found E) {
	found, _ = e.(E)
	return found
}
