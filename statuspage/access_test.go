package statuspage_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/statuspage"
)

// request makes a request of this machine's own.
func request(method, target string, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host, r.RemoteAddr = "localhost:8080", "127.0.0.1:40000"
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestThePageAnswersThisMachineAlone(t *testing.T) {
	for _, test := range []struct {
		from, host, header string
		answered           bool
	}{
		{from: "127.0.0.1:40000", host: "localhost:8080", answered: true},
		{from: "127.8.9.1:40000", host: "127.0.0.1", answered: true},
		{from: "[::1]:40000", host: "[::1]:8080", answered: true},
		{from: "[::1]:40000", host: "[::1]", answered: true},
		{from: "[::ffff:127.0.0.1]:40000", host: "LOCALHOST.", answered: true},
		{from: "127.0.0.1:40000", host: "shop.localhost:8080", answered: true},
		{from: "10.0.0.7:40000", host: "localhost:8080"},
		{from: "[fe80::1%eth0]:40000", host: "localhost"},
		{from: "@", host: "localhost"},
		{from: "", host: "localhost"},
		{from: "127.0.0.1:40000", host: ""},
		{from: "127.0.0.1:40000", host: "evil.example"}, // DNS rebinding
		{from: "127.0.0.1:40000", host: "localhost.evil.example:8080"},
		{from: "127.0.0.1:40000", host: "127.0.0.1.evil.example"},
		{from: "127.0.0.1:40000", host: "10.0.0.7:8080"},
		{from: "127.0.0.1:40000", host: "localhost", header: "X-Forwarded-For"},
		{from: "127.0.0.1:40000", host: "localhost", header: "X-Real-IP"},
		{from: "127.0.0.1:40000", host: "localhost", header: "Forwarded"},
		{from: "127.0.0.1:40000", host: "localhost", header: "Via"},
		// A sidecar connects from a loopback address and keeps the Host that a stranger chose.
		{from: "127.0.0.6:40000", host: "localhost", header: "X-Forwarded-Proto"},
		{from: "127.0.0.6:40000", host: "localhost", header: "X-Forwarded-Client-Cert"},
		{from: "127.0.0.6:40000", host: "localhost", header: "X-Envoy-Attempt-Count"},
	} {
		r := request(http.MethodGet, "/", "")
		r.RemoteAddr, r.Host = test.from, test.host
		if test.header != "" {
			r.Header.Set(test.header, "10.0.0.7")
		}
		w := serve(statuspage.New(statuspage.Config{}), r)
		if answered := w.Code == http.StatusOK; answered != test.answered || !answered && w.Code != http.StatusForbidden {
			t.Errorf("%+v: %d %s", test, w.Code, w.Body)
		}
		if !test.answered && !strings.Contains(w.Body.String(), "Config.Allow") {
			t.Errorf("%+v: the answer does not say what to do: %s", test, w.Body)
		}
	}
}

func TestAllowLetsOthersIn(t *testing.T) {
	p := statuspage.New(statuspage.Config{Allow: func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer operator" }})
	r := request(http.MethodGet, "/", "")
	r.RemoteAddr, r.Host = "10.0.0.7:40000", "shop.internal"
	if w := serve(p, r); w.Code != http.StatusForbidden {
		t.Errorf("a stranger gets %d", w.Code)
	}
	r.Header.Set("Authorization", "Bearer operator")
	if w := serve(p, r); w.Code != http.StatusOK {
		t.Errorf("who is allowed gets %d", w.Code)
	}
	if w := serve(p, request(http.MethodGet, "/", "")); w.Code != http.StatusOK {
		t.Errorf("this machine gets %d", w.Code)
	}
}

func TestMethods(t *testing.T) {
	for _, test := range []struct {
		method  string
		refresh bool
		code    int
	}{
		{http.MethodGet, false, http.StatusOK},
		{http.MethodHead, false, http.StatusOK},
		{http.MethodPost, false, http.StatusMethodNotAllowed},
		{http.MethodPost, true, http.StatusNotFound}, // of no secret
		{http.MethodPut, true, http.StatusMethodNotAllowed},
		{http.MethodOptions, true, http.StatusMethodNotAllowed},
		{http.MethodPut, false, http.StatusMethodNotAllowed},
	} {
		w := serve(statuspage.New(statuspage.Config{Refresh: test.refresh}), request(test.method, "/", ""))
		if w.Code != test.code {
			t.Errorf("%+v: %d", test, w.Code)
		}
		allow := w.Header().Get("Allow")
		if (test.code == http.StatusMethodNotAllowed) != (allow != "") || strings.Contains(allow, "POST") && !test.refresh {
			t.Errorf("%+v: Allow is %q", test, allow)
		}
	}
}

func TestFormats(t *testing.T) {
	const html, json, text = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
	for _, test := range []struct{ query, accept, want string }{
		{"", "", text},
		{"", "*/*", text}, // curl
		{"", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", html},
		{"", "application/json", json},
		{"", "application/json, */*;q=0.1", json},
		{"", "text/*", text},
		{"", "text/html;q=0.3, text/plain;q=0.2", html},
		{"", "text/html;q=0, */*", text},
		{"", "application/json;q=0, text/plain;q=0, */*", html},
		{"", "image/png", text},
		{"", ";;;,,nonsense/", text},
		{"?format=json", "text/html", json},
		{"?format=html", "application/json", html},
		{"?format=text", "text/html", text},
		{"?format=pdf", "text/html", html},
	} {
		r := request(http.MethodGet, "/"+test.query, "")
		if test.accept != "" {
			r.Header.Set("Accept", test.accept)
		}
		w := serve(statuspage.New(statuspage.Config{}), r)
		if got := w.Header().Get("Content-Type"); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

// TestAHugeAcceptHeaderIsNotRead to its end: a megabyte of ranges would take a quarter of a second.
func TestAHugeAcceptHeaderIsNotRead(t *testing.T) {
	r := request(http.MethodGet, "/", "")
	r.Header.Set("Accept", strings.Repeat("a/b,", 1<<18)+"text/html")
	if w := serve(statuspage.New(statuspage.Config{}), r); w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Error("the end of the header was read")
	}
}

func TestNothingIsLoadedAndNothingIsKept(t *testing.T) {
	w := serve(statuspage.New(statuspage.Config{}), request(http.MethodGet, "/?format=html", ""))
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Vary": "Accept", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %s", policy, want)
		}
	}
	if body := w.Body.String(); strings.Contains(body, "<script") || strings.Contains(body, "ZgotmplZ") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q, page %s", policy, body)
	}
}
