package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/statuspage"
)

// newTest makes a service with its own fake Secrets Manager, so all tests are parallel.
func newTest(t *testing.T) (*service, *secrettest.Server) {
	t.Helper()
	history := &statuspage.History{}
	server, c := secrettest.NewCache(t, cache.Config{Observer: history})
	server.Seed(t, "test/signing", "first key")
	server.Seed(t, "test/mail", `{"host":"localhost","password":"hunter2"}`)
	s, err := newService(c, "test/", history)
	if err != nil {
		t.Fatal(err)
	}
	return s, server
}

// do sends the service a request, and returns the code and the text of its answer.
func do(s http.Handler, method, target string, header ...string) (int, string) {
	r := httptest.NewRequest(method, "http://localhost"+target, nil)
	r.RemoteAddr = "127.0.0.1:40000"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestATokenOutlivesOneRotation(t *testing.T) {
	t.Parallel()
	s, server := newTest(t)
	_, token := do(s, http.MethodPost, "/tokens?user=ada")
	for _, test := range []struct {
		key  string
		code int
	}{
		{"", http.StatusOK},
		{"second key", http.StatusOK},
		{"third key", http.StatusUnauthorized},
	} {
		if test.key != "" {
			server.Rotate(t, "test/signing", test.key)
			if _, err := s.secrets.Signing.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			do(s, http.MethodGet, "/whoami") // reads the previous version again
		}
		if code, user := do(s, http.MethodGet, "/whoami", "Authorization", "Bearer "+token); code != test.code || code == http.StatusOK && user != "ada" {
			t.Errorf("with %q: %d %s", test.key, code, user)
		}
	}
}

func TestTheServiceStaysReadyInAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // hours pass at once
		s, server := newTest(t)
		if code, why := do(s, http.MethodGet, "/readyz"); code != http.StatusServiceUnavailable {
			t.Errorf("before the start: %d %s", code, why)
		}
		if err := s.preload(t.Context()); err != nil {
			t.Fatal(err)
		}
		server.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})
		for _, test := range []struct {
			after time.Duration
			code  int
		}{{0, http.StatusOK}, {20 * time.Hour, http.StatusOK}, {20 * time.Hour, http.StatusServiceUnavailable}} {
			time.Sleep(test.after)
			if code, why := do(s, http.MethodGet, "/readyz"); code != test.code {
				t.Errorf("after %v more: %d %s", test.after, code, why)
			}
			if code, _ := do(s, http.MethodPost, "/tokens?user=ada"); code != http.StatusOK {
				t.Errorf("after %v more a token costs %d", test.after, code)
			}
		}
	})
}

func TestTheServiceSaysAllThatIsWrongAtTheStart(t *testing.T) {
	t.Parallel()
	s, server := newTest(t)
	server.Rotate(t, "test/mail", `{"host":"localhost"}`)
	server.Delete(t, "test/signing")
	err := s.preload(t.Context())
	if err == nil || !strings.Contains(err.Error(), `missing key "password"`) || !strings.Contains(err.Error(), "marked for deletion") {
		t.Error(err)
	}
}

func TestThePageShowsTheSecretsAndNoValue(t *testing.T) {
	t.Parallel()
	s, _ := newTest(t)
	if err := s.preload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"html", "json", "text"} {
		code, page := do(s, http.MethodGet, "/debug/secrets?format="+format)
		if code != http.StatusOK || !strings.Contains(page, "test/mail") || strings.Contains(page, "hunter2") || strings.Contains(page, "first key") {
			t.Errorf("%d %s", code, page)
		}
	}
}

// TestRequestsUnderWayEndWell when the service shuts down, and the load balancer learns of
// the end.
func TestRequestsUnderWayEndWell(t *testing.T) {
	t.Parallel()
	s, server := newTest(t)
	s.secrets.Signing.Get(t.Context())
	mux, begun, goOn := s.Handler, make(chan bool), make(chan bool)
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-goOn
		mux.ServeHTTP(w, r)
	})
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener, s) }()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.PostForm("http://"+listener.Addr().String()+"/tokens", map[string][]string{"user": {"ada"}})
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		answer <- string(text)
	}()
	<-begun
	end()
	for !s.ending.Load() {
		time.Sleep(time.Millisecond)
	}
	if code, why := do(mux, http.MethodGet, "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("ready while it ends: %d %s", code, why)
	}
	close(goOn)
	if got := <-answer; !strings.HasPrefix(got, "ada.") {
		t.Errorf("the request under way got %s", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := server.CallsFor("test/signing"); n != 1 {
		t.Errorf("%d fetches", n)
	}
}
