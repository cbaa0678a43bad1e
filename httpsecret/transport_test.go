package httpsecret_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/httpsecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// An api accepts one Authorization header and answers with the request's body.
type api struct {
	mu     sync.Mutex // guards the fields below
	valid  string
	seen   []string // the Authorization header of each request
	bodies []string
}

func (a *api) accept(authorization string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.valid = authorization
}

func (a *api) requests() (authorizations, bodies []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen, a.bodies
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen, a.bodies = append(a.seen, r.Header.Get("Authorization")), append(a.bodies, string(body))
	if r.Header.Get("Authorization") != a.valid {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, "who are you?")
		return
	}
	fmt.Fprintf(w, "got %q", body)
}

// serve starts an api behind a real server.
func serve(t *testing.T, valid string) (*api, *httptest.Server) {
	t.Helper()
	a := &api{valid: valid}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return a, server
}

// roundTrip may be called from any goroutine.
func roundTrip(t *testing.T, rt http.RoundTripper, method, url string, body io.Reader) (code int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	resp, err := rt.RoundTrip(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	if len(r.Header) > 0 || resp.Request != r {
		t.Errorf("the request has headers %v, the answer is to another one: %v", r.Header, resp.Request != r)
	}
	return resp.StatusCode, string(read)
}

func token(c *cache.Cache, opts ...typedsecret.Option) *typedsecret.Secret[string] {
	return typedsecret.New[string]("prod/token", append(opts, typedsecret.WithCache(c))...)
}

func TestARotatedTokenIsFetchedOnceAndTheBodySentAgain(t *testing.T) {
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/token", "first")
	api, server := serve(t, "Bearer first")
	rt := httpsecret.BearerToken(server.URL, token(c), server.Client().Transport)

	if code, text := roundTrip(t, rt, "POST", server.URL, strings.NewReader("one")); code != 200 || text != `got "one"` {
		t.Errorf("got %d, %s", code, text)
	}
	api.accept("Bearer second")
	manager.Rotate(t, "prod/token", "second")
	if code, text := roundTrip(t, rt, "POST", server.URL, strings.NewReader("two")); code != 200 || text != `got "two"` {
		t.Errorf("after the rotation: %d, %s", code, text)
	}
	if n := manager.CallsFor("prod/token", "GetSecretValue"); n != 2 {
		t.Errorf("%d fetches, want one for each version", n)
	}
	if _, bodies := api.requests(); strings.Join(bodies, " ") != "one two two" {
		t.Errorf("bodies were %q", bodies)
	}
}

func TestManyRequestsRefusedAtOnceAllSucceed(t *testing.T) {
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/token", "first")
	api, server := serve(t, "Bearer first")
	rt := httpsecret.BearerToken(server.URL, token(c), server.Client().Transport)
	roundTrip(t, rt, "GET", server.URL, nil)

	api.accept("Bearer second")
	manager.Rotate(t, "prod/token", "second")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if code, _ := roundTrip(t, rt, "PUT", server.URL, strings.NewReader("x")); code != 200 {
				t.Errorf("got %d", code)
			}
		})
	}
	all.Wait()
}

// counting counts the answers whose bodies are open.
type counting struct {
	http.RoundTripper
	open, closedIdle int
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err == nil {
		c.open++
		resp.Body = &counted{resp.Body, c}
	}
	return resp, err
}

func (c *counting) CloseIdleConnections() { c.closedIdle++ }

type counted struct {
	io.ReadCloser
	in *counting
}

func (c *counted) Close() error {
	c.in.open--
	return c.ReadCloser.Close()
}

func TestARefusedTryLeavesNothingOpen(t *testing.T) {
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/token", "first")
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		if r.Header.Get("Authorization") != "Bearer second" {
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, strings.Repeat("no", 1000))
		}
	}))
	t.Cleanup(server.Close)
	base := &counting{RoundTripper: server.Client().Transport}
	client := &http.Client{Transport: httpsecret.BearerToken(server.URL, token(c), base)}
	if _, err := token(c).Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	manager.Rotate(t, "prod/token", "second")
	if code, _ := roundTrip(t, client.Transport, "GET", server.URL, nil); code != 200 {
		t.Errorf("got %d", code)
	}
	client.CloseIdleConnections()
	server.Close() // waits for the handlers
	if base.open != 0 || base.closedIdle != 1 || len(connections) != 1 {
		t.Errorf("%d bodies are open, %d connections were used", base.open, len(connections))
	}
}

func TestBasic(t *testing.T) {
	type login struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/login", `{"username":"app","password":"old"}`)
	secret := typedsecret.New[login]("prod/login", typedsecret.WithCache(c))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "app" || password != "new" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	rt := httpsecret.Basic(server.URL, secret, func(l login) (string, string) { return l.Username, l.Password }, server.Client().Transport)

	if _, err := secret.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	manager.Rotate(t, "prod/login", `{"username":"app","password":"new"}`)
	if code, _ := roundTrip(t, rt, "GET", server.URL, http.NoBody); code != 200 {
		t.Errorf("got %d", code)
	}
}

func TestABodyThatCanNotBeSentAgainBringsThe401AndThenTheNewToken(t *testing.T) {
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/token", "first")
	api, server := serve(t, "Bearer second")
	rt := httpsecret.BearerToken(server.URL, token(c), server.Client().Transport)
	once := func() io.Reader { return struct{ io.Reader }{strings.NewReader("once")} } // no GetBody

	if _, err := token(c).Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	manager.Rotate(t, "prod/token", "second")
	if code, text := roundTrip(t, rt, "POST", server.URL, once()); code != 401 || text != "who are you?" {
		t.Errorf("got %d, %s", code, text)
	}
	if seen, _ := api.requests(); len(seen) != 1 {
		t.Errorf("%d requests", len(seen))
	}
	if code, text := roundTrip(t, rt, "POST", server.URL, once()); code != 200 || text != `got "once"` {
		t.Errorf("the next request: %d, %s", code, text)
	}
}

func TestWithoutAnotherVersionThe401IsReturnedReadable(t *testing.T) {
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/token", "first")
	api, server := serve(t, "Bearer other")
	rt := httpsecret.BearerToken(server.URL, token(c, typedsecret.WithRetryBudget(0)), server.Client().Transport)

	if code, text := roundTrip(t, rt, "POST", server.URL, strings.NewReader("x")); code != 401 || text != "who are you?" {
		t.Errorf("got %d, %s", code, text)
	}
	if seen, _ := api.requests(); len(seen) != 1 || manager.CallsFor("prod/token", "GetSecretValue") != 2 {
		t.Errorf("%d requests, %d fetches", len(seen), manager.CallsFor("prod/token", "GetSecretValue"))
	}
}

// memory answers without a socket, as the fake clock of a synctest bubble needs it.
type memory struct{ http.Handler }

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func TestThe401IsReturnedWhenTheBudgetIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager, c := secrettest.NewCache(t)
		manager.Seed(t, "prod/token", "first")
		api := &api{valid: "Bearer other"}
		rt := httpsecret.BearerToken("http://api", token(c), memory{api})

		began := time.Now()
		if code, text := roundTrip(t, rt, "POST", "http://api/", strings.NewReader("x")); code != 401 || text != "who are you?" {
			t.Errorf("got %d, %s", code, text)
		}
		if took := time.Since(began); took != typedsecret.DefaultRetryBudget {
			t.Errorf("it took %v", took)
		}
		seen, bodies := api.requests()
		if len(seen) < 5 || strings.Join(bodies, "") != strings.Repeat("x", len(seen)) {
			t.Errorf("%d requests with the bodies %q", len(seen), bodies)
		}
	})
}

func TestARequestWaitsForARotationUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager, c := secrettest.NewCache(t)
		manager.Seed(t, "prod/token", "first")
		api := &api{valid: "Bearer second"} // the secret still holds the first token
		rt := httpsecret.BearerToken("http://api", token(c), memory{api})
		time.AfterFunc(3*time.Second, func() { manager.Rotate(t, "prod/token", "second") })
		if code, text := roundTrip(t, rt, "POST", "http://api/", strings.NewReader("x")); code != 200 || text != `got "x"` {
			t.Errorf("got %d, %s", code, text)
		}
	})
}

// TestOnADeadlineTheCallerGetsTheLast401: its body can still be read.
func TestOnADeadlineTheCallerGetsTheLast401(t *testing.T) {
	for name, length := range map[string]int{"short": 3, "long": 10_000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				manager, c := secrettest.NewCache(t)
				manager.Seed(t, "prod/token", "revoked")
				text := strings.Repeat("x", length)
				rt := httpsecret.BearerToken("http://api", token(c), memory{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(http.StatusUnauthorized)
					io.WriteString(w, text)
				})})
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				r, _ := http.NewRequestWithContext(ctx, "GET", "http://api/", nil)
				began := time.Now()
				resp, err := rt.RoundTrip(r)
				if err != nil {
					t.Fatalf("the caller sees no 401: %v", err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if resp.StatusCode != http.StatusUnauthorized || string(body) != text || err != nil {
					t.Errorf("got %d with %d bytes, %v", resp.StatusCode, len(body), err)
				}
				if took := time.Since(began); took != 2*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// slowly answers 401 at once, and later only when the request's context ends.
type slowly struct{ requests int }

func (s *slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.requests++; s.requests > 1 {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	w := httptest.NewRecorder()
	w.WriteHeader(http.StatusUnauthorized)
	return w.Result(), nil
}

func TestADeadlineDuringARepeatBringsThe401Before(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager, c := secrettest.NewCache(t)
		manager.Seed(t, "prod/token", "revoked")
		base := new(slowly)
		rt := httpsecret.BearerToken("http://api", token(c), base)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://api/", nil)
		resp, err := rt.RoundTrip(r)
		if err != nil || resp.StatusCode != http.StatusUnauthorized || base.requests != 2 {
			t.Errorf("after %d requests: %v, %v", base.requests, resp, err)
		}
	})
}

func TestACancelledRequestEndsTheTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager, c := secrettest.NewCache(t)
		manager.Seed(t, "prod/token", "first")
		rt := httpsecret.BearerToken("http://api", token(c), memory{&api{valid: "Bearer other"}})

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://api/", nil)
		began := time.Now()
		resp, err := rt.RoundTrip(r)
		if resp != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, %v", resp, err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
