package agent_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/agent"
)

func TestAForcedFetchGoesPastTheAgentsCache(t *testing.T) {
	for _, old := range []bool{false, true} {
		a := newAgent(t)
		if old {
			a.lacks = []string{"refreshNow"}
		}
		a.upstream.Seed(t, "db", "one")
		source := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")})
		c, err := cache.New(source, cache.Config{MinRefreshInterval: -1})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if v, err := c.Get(t.Context(), secret.Ref{ID: "db"}); v.Payload.Reveal() != "one" || err != nil {
			t.Errorf("%q, %v", v.Payload.Reveal(), err)
		}
		a.upstream.Rotate(t, "db", "two")
		if v, err := source.Fetch(t.Context(), secret.Ref{ID: "db", Stage: cache.DefaultStage}); v.Payload.Reveal() != "one" || err != nil {
			t.Errorf("a fetch that is not forced: %q, %v", v.Payload.Reveal(), err)
		}
		want, requests := "two", int64(4)
		if old {
			want, requests = "one", 5 // one of them refused
		}
		for range 2 {
			if v, err := c.Refresh(t.Context(), secret.Ref{ID: "db"}); v.Payload.Reveal() != want || err != nil {
				t.Errorf("old %v: %q, %v", old, v.Payload.Reveal(), err)
			}
		}
		if n := a.requests.Load(); n != requests {
			t.Errorf("old %v: %d requests, want %d", old, n, requests)
		}
	}
}

func TestAHandleGetsWhatTheAgentsCacheHasNotYet(t *testing.T) {
	type login struct {
		Password string `json:"password"`
	}
	a := newAgent(t)
	a.upstream.Seed(t, "db", `{"password":"one"}`)
	c, err := cache.New(open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")}), cache.Config{MinRefreshInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	db := typedsecret.New[login]("db", typedsecret.WithCache(c))
	if v, err := db.Get(t.Context()); v.Password != "one" || err != nil {
		t.Errorf("Get: %q, %v", v.Password, err)
	}
	a.upstream.Rotate(t, "db", `{"password":"two"}`)
	if v, err := db.Refresh(t.Context()); v.Password != "two" || err != nil {
		t.Errorf("Refresh: %q, %v", v.Password, err)
	}
	a.upstream.Rotate(t, "db", `{"password":"three"}`)
	var tried []string
	err = db.Do(t.Context(), func(_ context.Context, v login) error {
		if tried = append(tried, v.Password); v.Password != "three" {
			return typedsecret.Rejected(errors.New("login failed"))
		}
		return nil
	})
	if diff := cmp.Diff([]string{"two", "three"}, tried); diff != "" || err != nil {
		t.Errorf("Do: %v, -want +got:\n%s", err, diff)
	}
}

// TestTheStagesMoveTogetherOverTheAgent, which keeps a copy of each: so the fetch of the other
// stage has to go past them.
func TestTheStagesMoveTogetherOverTheAgent(t *testing.T) {
	a := newAgent(t)
	a.upstream.Seed(t, "signing", "k1")
	a.upstream.Rotate(t, "signing", "k2")
	c, err := cache.New(open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")}), cache.Config{MinRefreshInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	current := typedsecret.New[string]("signing", typedsecret.WithCache(c))
	previous := typedsecret.New[string]("signing", typedsecret.WithCache(c), typedsecret.WithStage("AWSPREVIOUS"))
	wantBoth := func(read func(context.Context) (string, error), want, wantPrevious string) {
		t.Helper()
		got, err := read(t.Context())
		gotPrevious, errPrevious := previous.Get(t.Context())
		if got != want || gotPrevious != wantPrevious || err != nil || errPrevious != nil {
			t.Errorf("current %s (%v), previous %s (%v); want %s and %s", got, err, gotPrevious, errPrevious, want, wantPrevious)
		}
	}
	wantBoth(current.Get, "k2", "k1")
	a.upstream.Rotate(t, "signing", "k3")
	before := a.requests.Load()
	wantBoth(current.Refresh, "k3", "k2")
	for range 100 {
		wantBoth(current.Get, "k3", "k2")
	}
	if n := a.requests.Load() - before; n != 2 {
		t.Errorf("the move took %d requests, want one for each stage", n)
	}
}

// TestAfterAForcedRefreshThatFailedTheAgentsOldCopyIsNotTaken for a recovery: fetches go past
// the agent's cache until one succeeds.
func TestAfterAForcedRefreshThatFailedTheAgentsOldCopyIsNotTaken(t *testing.T) {
	a := newAgent(t)
	a.upstream.Seed(t, "db", "one")
	c, err := cache.New(open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")}), cache.Config{
		TTL: time.Millisecond, NoRefreshAhead: true, MinRefreshInterval: -1, Backoff: backoff.Policy{Base: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	db := typedsecret.New[string]("db", typedsecret.WithCache(c))
	if v, err := db.Get(t.Context()); v != "one" || err != nil {
		t.Errorf("Get: %q, %v", v, err)
	}
	a.upstream.Rotate(t, "db", "two")
	mend := a.failing(func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) })
	if v, err := db.Refresh(t.Context()); err == nil {
		t.Errorf("Refresh: %q", v)
	}
	mend()
	for { // each read of a value past its TTL begins a refresh
		v, info, err := db.GetWithInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if v == "one" && info.RefreshErr == nil {
			t.Fatal("the agent's old copy counts as a recovery")
		}
		if v == "two" {
			return
		}
	}
}
