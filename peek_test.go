package typedsecret_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

func TestPeekTellsWhatThereIsAndFetchesNothing(t *testing.T) {
	server := secrettest.New(t)
	server.Seed(t, "db", `{"n":1}`)
	type number struct {
		N    int    `json:"n"`
		Tags []byte `json:"tags,omitempty"`
	}
	c := over(t, server, cache.Config{MinRefreshInterval: -1})
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
	if v, info, ok := handle.Peek(); !ok || v.N != 1 || info.DecodeErr == nil || info.RejectedVersionID == "" {
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
	server := secrettest.New(t)
	server.Seed(t, "db", "v")
	setDefault(t, over(t, server, cache.Config{}))
	handle := typedsecret.New[string]("db")
	if _, err := handle.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	typedsecret.SetDefault(over(t, server, cache.Config{}))
	if _, _, ok := handle.Peek(); ok {
		t.Error("the value is of the cache before")
	}
}

func TestPeekGivesNoPlaintextOfAHookedCache(t *testing.T) {
	server := secrettest.New(t)
	server.Seed(t, "db", "v")
	h := &callsOf{gets: map[string]int{}}
	handle := typedsecret.New[string]("db", typedsecret.WithCache(over(t, server, cache.Config{Hook: h})))
	if _, err := handle.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	gets := maps.Clone(h.gets)
	if v, info, ok := handle.Peek(); ok || v != "" || info.VersionID == "" || !maps.Equal(h.gets, gets) {
		t.Errorf("%q, %+v, %v", v, info, ok)
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

func TestIsTransient(t *testing.T) {
	for err, want := range map[error]bool{
		nil:                        false,
		typedsecret.ErrUnavailable: true, typedsecret.ErrThrottled: true, typedsecret.ErrTimeout: true, typedsecret.ErrHook: true,
		typedsecret.ErrNotFound: false, typedsecret.ErrAccessDenied: false, typedsecret.ErrClosed: false, typedsecret.ErrPanic: false,
		&typedsecret.Error{Err: typedsecret.ErrThrottled}:                true,
		errors.Join(typedsecret.ErrNotFound, typedsecret.ErrUnavailable): true,
	} {
		if typedsecret.IsTransient(err) != want {
			t.Errorf("%v", err)
		}
	}
}
