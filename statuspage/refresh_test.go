package statuspage_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/statuspage"
)

func TestRefreshFetchesAndDecodes(t *testing.T) {
	p := newProgram(t)
	p.server.Seed(t, "prod/db", `{"username":"app","password":"first"}`)
	db := typedsecret.New[creds]("prod/db", typedsecret.WithSet(p.set))
	db.Get(t.Context())
	p.server.Rotate(t, "prod/db", `{"username":"app","password":"second"}`)
	form := url.Values{"id": {"prod/db"}, "stage": {"AWSCURRENT"}}
	w := p.post(form, "Accept", "text/html", "Sec-Fetch-Site", "same-origin")
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || !strings.HasPrefix(to, "?q=db#prod%2Fdb") {
		t.Errorf("%d, to %q", w.Code, to)
	}
	if got, _, ok := db.Peek(); !ok || got.Password != "second" {
		t.Errorf("the handle has %+v", got)
	}
	if w := p.post(form, "Accept", "application/json"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"id": "prod/db"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestRefreshOfAHandleWhoseCacheIsNotGiven, and of one that was never read.
func TestRefreshOfAHandleWhoseCacheIsNotGiven(t *testing.T) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "prod/key", "first")
	key := typedsecret.New[string]("prod/key", typedsecret.WithCache(c))
	p := &program{page: statuspage.New(statuspage.Config{Handles: []typedsecret.Handle{key}, Refresh: true})}
	stage := key.Status().Stage
	for _, want := range []string{"first", "second"} {
		if w := p.post(url.Values{"id": {"prod/key"}, "stage": {stage}}); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if got, _, _ := key.Peek(); got != want {
			t.Errorf("the handle has %q, not %q", got, want)
		}
		server.Rotate(t, "prod/key", "second")
		stage = key.Status().Stage
	}
}

func TestAFailedRefreshSaysWhy(t *testing.T) {
	p := newProgram(t)
	p.server.Seed(t, "prod/db", `{"username":"app","password":"first"}`)
	db := typedsecret.New[creds]("prod/db", typedsecret.WithSet(p.set))
	db.Get(t.Context())
	p.server.Fail(t, secrettest.Fault{Effect: secrettest.AccessDenied()})
	form := url.Values{"id": {"prod/db"}, "stage": {"AWSCURRENT"}}
	for accept, want := range map[string]string{"text/html": `role="alert"`, "application/json": `"refresh_error": "secret prod/db`, "text/plain": "The refresh failed: secret prod/db"} {
		if w := p.post(form, "Accept", accept); w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), "access denied") {
			t.Errorf("%s: %d %s", accept, w.Code, w.Body)
		}
	}
}

func TestRefreshIsRefusedFromElsewhere(t *testing.T) {
	p := newProgram(t)
	p.server.Seed(t, "prod/db", "x")
	typedsecret.New[string]("prod/db", typedsecret.WithSet(p.set)).Get(t.Context())
	before := p.server.Calls()
	form := url.Values{"id": {"prod/db"}, "stage": {"AWSCURRENT"}}
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
		{"Origin", "http://localhost:9999"},
	} {
		if w := p.post(form, header...); w.Code != http.StatusForbidden {
			t.Errorf("%q: %d", header, w.Code)
		}
	}
	for _, form := range []url.Values{{}, {"id": {"prod/other"}}, {"id": {"prod/db"}, "stage": {"AWSPREVIOUS"}}} {
		if w := p.post(form); w.Code != http.StatusNotFound {
			t.Errorf("%v: %d", form, w.Code)
		}
	}
	if w := p.post(url.Values{"id": {strings.Repeat("x", 1<<15)}}); w.Code != http.StatusBadRequest {
		t.Errorf("a huge form: %d", w.Code)
	}
	r := request(http.MethodPost, "/", form.Encode())
	r.Host = "evil.example"
	if w := serve(p.page, r); w.Code != http.StatusForbidden {
		t.Errorf("another host: %d", w.Code)
	}
	if n := p.server.Calls(); n != before {
		t.Errorf("%d fetches", n-before)
	}
}
