package typedsecret_test

import (
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
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/status"
)

func TestReadySaysWhichHandlesAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		server.Seed(t, "a", "1")
		server.Seed(t, "b", "x")
		set := typedsecret.Set{Options: []typedsecret.Option{typedsecret.WithCache(c)}}
		a := typedsecret.New[int]("a", typedsecret.WithSet(&set))
		typedsecret.New[int]("b", typedsecret.WithSet(&set))
		typedsecret.New[int]("never", typedsecret.WithSet(&set))
		if _, err := a.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = set.Preload(t.Context())
		calls := server.Calls()
		err := set.Ready(0)
		for _, says := range []string{"secret b@AWSCURRENT: not ready: no version decodes", "secret never: not ready: it was never read"} {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%q is not in %v", says, err)
			}
		}
		if strings.Contains(err.Error(), "secret a") || server.Calls() != calls {
			t.Errorf("%d calls; %v", server.Calls()-calls, err)
		}
	})
}

func TestReadyInAnOutageUpToTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		server.Seed(t, "a", "1")
		set := typedsecret.Set{Options: []typedsecret.Option{typedsecret.WithCache(c)}}
		a := typedsecret.New[int]("a", typedsecret.WithSet(&set))
		if err := set.Preload(t.Context()); err != nil {
			t.Fatal(err)
		}
		server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
		time.Sleep(2 * time.Hour)
		if _, err := a.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(set.Ready(0), set.Ready(3*time.Hour)); err != nil {
			t.Error(err)
		}
		err := set.Ready(90 * time.Minute)
		if !errors.Is(err, typedsecret.ErrUnavailable) || !strings.Contains(err.Error(), "its value is 2h0m") {
			t.Errorf("too old: %v", err)
		}
		for bound, want := range map[time.Duration]int{0: http.StatusOK, time.Minute: http.StatusServiceUnavailable} {
			w := httptest.NewRecorder()
			set.ReadyHandler(bound).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			if w.Code != want {
				t.Errorf("%v: %d %s", bound, w.Code, w.Body)
			}
		}
	})
}

// TestTheStatusFollowsASecret through its life, by the cache and by the handle.
func TestTheStatusFollowsASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t, cache.Config{NoRefreshAhead: true})
		handle := typedsecret.New[int]("a", typedsecret.WithCache(c))
		want := func(when string, state status.State, check func(h status.Handle) bool) {
			t.Helper()
			h := handle.Status()
			if h.State != state || !check(h) {
				t.Errorf("%s: %+v", when, h)
			}
			for _, s := range c.Status().Secrets {
				if s.ID == "a" && s.State != state {
					t.Errorf("%s, by the cache: %+v", when, s)
				}
			}
		}
		want("new", status.Absent, func(h status.Handle) bool { return h.Type == "int" && h.ID == "a" && !h.Decoded })
		_, _ = handle.Get(t.Context())
		want("missing", status.Refused, func(h status.Handle) bool {
			return h.Class == "not_found" && h.Failures == 1 && h.NextFetch.After(time.Now())
		})
		server.Seed(t, "a", "1")
		time.Sleep(time.Minute)
		_, _ = handle.Get(t.Context())
		want("there", status.Fresh, func(h status.Handle) bool {
			return h.Error == "" && h.Decoded && h.Version == h.DecodedVersion && h.HasHandle && h.Fetched.Equal(time.Now()) && h.NextFetch.Equal(time.Now().Add(time.Hour))
		})
		server.Rotate(t, "a", "x")
		_, _ = handle.Refresh(t.Context())
		want("undecodable", status.Fresh, func(h status.Handle) bool {
			return h.UndecodableVersion == h.Version && h.DecodedVersion != h.Version && strings.Contains(h.DecodeError, "int")
		})
		server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
		time.Sleep(2 * time.Hour)
		_, _ = handle.Get(t.Context())
		want("outage", status.Stale, func(h status.Handle) bool {
			return h.Class == "unavailable" && h.AgeSeconds > 7000 && h.Since.Equal(h.Fetched.Add(time.Hour))
		})
		s := c.Status()
		if s.Fetches < 4 || s.Source != "*awssm.Source" || len(s.Secrets) != 1 || s.MaxSize != 1024 {
			t.Errorf("%+v", s)
		}
		c.Close()
		if s := c.Status(); !s.Closed || len(s.Secrets) != 0 {
			t.Errorf("closed: %+v", s)
		}
	})
}

func TestTheStatusAsJSONHoldsNoSecret(t *testing.T) {
	const hidden = "hunter2-Tr0ub4dor"
	server, c := secrettest.NewCache(t)
	server.Seed(t, "a", `{"password":"`+hidden+`","port":"`+hidden+`"}`)
	var set typedsecret.Set
	handle := typedsecret.New[struct {
		Password string `json:"password"`
		Port     int    `json:"port"`
	}]("a", typedsecret.WithCache(c), typedsecret.WithSet(&set))
	_, _ = handle.Get(t.Context())
	text, err := json.Marshal([]any{c.Status(), set.Status(), handle.Status()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(hidden) - 3 {
		if strings.Contains(string(text), hidden[i:i+4]) {
			t.Fatalf("%q is in %s", hidden[i:i+4], text)
		}
	}
	if !strings.Contains(string(text), `"undecodable_version":`) || !strings.Contains(string(text), `"state":"fresh"`) {
		t.Errorf("%s", text)
	}
	if s := (&typedsecret.Secret[int]{}).Status(); s.Misuse == "" {
		t.Errorf("%+v", s)
	}
	if s := (*cache.Cache)(nil).Status(); !s.Closed {
		t.Errorf("%+v", s)
	}
}
