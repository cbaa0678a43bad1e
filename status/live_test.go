package status_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/status"
)

// regions is a source whose backends are named by the first part of an ID. A backend that is in
// down can't answer.
type regions struct{ down map[string]bool }

func (*regions) Backend(ref secret.Ref) string {
	name, _, _ := strings.Cut(ref.ID, "/")
	return name
}

func (r *regions) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	if strings.HasSuffix(ref.ID, "slow") {
		<-ctx.Done()
		return secret.Value{}, ctx.Err()
	}
	if r.down[r.Backend(ref)] {
		return secret.Value{}, secret.ErrUnavailable
	}
	return secret.Value{Payload: secret.StringPayload("1"), VersionID: "v1"}, nil
}

func newCache(t *testing.T, source secret.Source, cfg cache.Config) *cache.Cache {
	t.Helper()
	c, err := cache.New(source, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestEachBackendHasItsHealth: one goes down and comes back, and the other stays up.
func TestEachBackendHasItsHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &regions{down: map[string]bool{}}
		c := newCache(t, source, cache.Config{})
		get := func(id string) { _, _ = c.Get(t.Context(), secret.Ref{ID: id}) }
		backend := func(name string) status.Backend {
			t.Helper()
			for _, b := range c.Status().Backends {
				if b.Name == name {
					return b
				}
			}
			t.Fatalf("no backend %q in %+v", name, c.Status().Backends)
			return status.Backend{}
		}
		if b := backend(""); b != (status.Backend{}) {
			t.Errorf("before the first request: %+v", b)
		}
		get("eu/a")
		began := time.Now()
		if b := backend("eu"); b != (status.Backend{Name: "eu", Answered: began}) || len(c.Status().Backends) != 1 {
			t.Errorf("up: %+v", c.Status().Backends)
		}

		if s := c.Status().Secrets; len(s) != 1 || s[0].Backend != "eu" {
			t.Errorf("%+v", s)
		}

		time.Sleep(time.Minute)
		source.down["us"] = true
		get("us/a")
		if b := backend("us"); b.Down || !b.Since.IsZero() {
			t.Errorf("after one failure: %+v", b)
		}
		get("us/b")
		went := time.Now()
		b := backend("us")
		if !b.Down || !b.Since.Equal(went) || b.Class != "unavailable" || b.Error != "service unavailable" || !b.Answered.IsZero() {
			t.Errorf("down: %+v", b)
		}
		if b := backend("eu"); b.Down || c.Status().DownBackends() != 1 {
			t.Errorf("the other: %+v", b)
		}

		time.Sleep(time.Minute)
		source.down["us"] = false
		get("us/a")
		if b := backend("us"); b.Down || !b.Since.Equal(time.Now()) || !b.Answered.Equal(time.Now()) || b.Error != "" || b.Class != "" {
			t.Errorf("back: %+v", b)
		}

		for _, id := range []string{"eu/slow", "us/slow", "us/1/slow"} {
			go get(id)
		}
		synctest.Wait()
		if eu, us := backend("eu"), backend("us"); eu.Requests != 1 || us.Requests+us.Queued != 2 || c.Status().Requests != eu.Requests+us.Requests {
			t.Errorf("under way: %+v, %+v", eu, us)
		}
	})
}

// TestAnOutageIsSeenBeforeASecretIsStale: the health says it, and so does each secret.
func TestAnOutageIsSeenBeforeASecretIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		refs := []secret.Ref{{ID: "a"}, {ID: "b"}}
		for _, ref := range refs {
			server.Seed(t, ref.ID, "1")
			if _, err := c.Get(t.Context(), ref); err != nil {
				t.Fatal(err)
			}
		}
		server.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})
		time.Sleep(time.Minute)
		for _, ref := range refs {
			_, _ = c.Refresh(t.Context(), ref)
		}
		failed := time.Now()
		time.Sleep(10 * time.Second)
		s := c.Status()
		if len(s.Backends) != 1 || !s.Backends[0].Down {
			t.Errorf("%+v", s.Backends)
		}
		for _, one := range s.Secrets {
			if one.State != status.Fresh || one.FailingSince.IsZero() || one.FailingSince.After(failed) {
				t.Errorf("%+v", one)
			}
		}
	})
}

// TestAnInvalidatedValueIsStaleSinceThen and not since it was fetched.
func TestAnInvalidatedValueIsStaleSinceThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		server.Seed(t, "a", "1")
		ref := secret.Ref{ID: "a"}
		if _, err := c.Get(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := c.Invalidate(ref); err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		want := func(when string) {
			t.Helper()
			if s := c.Status().Secrets[0]; s.State != status.Stale || !s.Since.Equal(at) {
				t.Errorf("%s: %s since %v, want %v", when, s.State, s.Since, at)
			}
		}
		time.Sleep(time.Second)
		want("before a fetch")
		server.Fail(t, secrettest.Fault{Effect: secrettest.AccessDenied(), Latency: time.Second})
		go c.Get(t.Context(), ref)
		synctest.Wait()
		want("while it is fetched")
		time.Sleep(time.Minute)
		at = at.Add(2 * time.Second) // when the fetch failed: the cache remembers no more
		want("after a refusal")
	})
}

// TestAClosedCacheIsSeen in the status of its handles, whether or not they were read, and by
// whoever asks whether they are ready.
func TestAClosedCacheIsSeen(t *testing.T) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "a", "1")
	set := typedsecret.Set{Options: []typedsecret.Option{typedsecret.WithCache(c)}}
	read := typedsecret.New[int]("a", typedsecret.WithSet(&set))
	typedsecret.New[int]("never", typedsecret.WithSet(&set))
	if _, err := read.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	handles := set.Status()
	for i, id := range []string{"a", "never"} {
		want := status.Handle{Type: "int", Secret: status.Secret{ID: id, State: status.Closed}}
		got := handles[i]
		got.Stage = ""
		if a, b := toJSON(t, got), toJSON(t, want); a != b {
			t.Errorf("%s, want %s", a, b)
		}
	}
	if err := set.Ready(0); !errors.Is(err, typedsecret.ErrClosed) || strings.Count(err.Error(), "not ready") != 2 {
		t.Errorf("ready: %v", err)
	}
	w := httptest.NewRecorder()
	set.ReadyHandler(0).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestAClosedDefaultCacheIsSeen until the next read builds another.
func TestAClosedDefaultCacheIsSeen(t *testing.T) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "a", "1")
	typedsecret.SetDefault(c)
	defer typedsecret.SetDefault(nil)
	handle := typedsecret.New[int]("a")
	if _, err := handle.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if s := handle.Status(); s.State != status.Closed {
		t.Errorf("%+v", s)
	}
	if err := typedsecret.CloseDefault(); err != nil {
		t.Error(err)
	}
	if s := handle.Status(); s.State != status.Absent || s.Decoded {
		t.Errorf("without a default cache: %+v", s)
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A speechless error panics when it is asked what it says, as one over a nil pointer does.
type speechless struct{ _ int }

func (speechless) Error() string { panic("Xk7qWz1mPv9t") }

type speechlessSource struct{}

func (speechlessSource) Fetch(context.Context, secret.Ref) (secret.Value, error) {
	return secret.Value{}, speechless{}
}

// TestAnErrorThatPanicsIsNoPanicOfStatus, which a collector of metrics calls on its own.
func TestAnErrorThatPanicsIsNoPanicOfStatus(t *testing.T) {
	c := newCache(t, speechlessSource{}, cache.Config{})
	_, _ = c.Get(t.Context(), secret.Ref{ID: "a"})
	s := c.Status().Secrets
	if len(s) != 1 || !strings.Contains(s[0].Error, "panic in the source") || strings.Contains(s[0].Error, "Xk7q") || s[0].Class == "" {
		t.Errorf("%+v", s)
	}
}
