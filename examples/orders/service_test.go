package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/secrettest"
)

// database is a real PostgreSQL, with a user for each test.
var database *pgtest.Server

func TestMain(m *testing.M) {
	var err error
	if database, err = pgtest.Start(pgtest.Config{}); err != nil {
		fmt.Fprintln(os.Stderr, err) // it says what to install
		os.Exit(1)
	}
	code := m.Run()
	if err := database.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// A program is a service with a Secrets Manager of its own, so all tests are parallel.
type program struct {
	*service
	manager *secrettest.Server
	user    string // of the database
	key     atomic.Value
	log     logged
}

// logged is a text that several goroutines write.
type logged struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func login(user, password string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q}`, user, password)
}

func newProgram(t *testing.T) *program {
	t.Helper()
	p := prepare(t)
	must(t, p.preload(t.Context()))
	return p
}

// prepare makes a program that has read nothing yet.
func prepare(t *testing.T) *program {
	t.Helper()
	p := &program{user: "u" + strings.ToLower(rand.Text())}
	must(t, allow(t.Context(), database, p.user, "first password"))
	p.key.Store("first key")
	payments := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+p.key.Load().(string) {
			http.Error(w, "who are you?", http.StatusUnauthorized)
		}
	}))
	t.Cleanup(payments.Close)
	seen := newTelemetry(slog.New(slog.NewTextHandler(&p.log, nil)), "test/")
	var c *cache.Cache
	p.manager, c = secrettest.NewCache(t, cache.Config{Observer: seen.observer()})
	p.manager.Seed(t, "test/db", login(p.user, "first password"))
	p.manager.Seed(t, "test/payments", "first key")
	p.manager.Seed(t, "test/tenants/acme", "acme key")
	var err error
	p.service, err = newService(c, seen, config{prefix: "test/", database: addressOf(database), payments: payments.URL})
	must(t, err)
	t.Cleanup(func() { p.db.Close() })
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ask sends a request of a tenant, and returns the code and the text of the answer.
func (p *program) ask(method, target, tenant, key string) (int, string) {
	r := httptest.NewRequest(method, "http://localhost"+target, strings.NewReader("item=tea"))
	r.RemoteAddr = "127.0.0.1:40000"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Tenant", tenant)
	r.Header.Set("X-Key", key)
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func (p *program) order(t *testing.T) {
	t.Helper()
	if code, text := p.ask(http.MethodPost, "/orders", "acme", "acme key"); code != http.StatusCreated {
		t.Errorf("an order: %d %s\n%s", code, text, p.log.String())
	}
}

func TestOnlyATenantOrders(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.order(t)
	for _, who := range [][2]string{{"acme", "another key"}, {"nobody", "acme key"}, {"", ""}, {"../db", ""}} {
		if code, text := p.ask(http.MethodPost, "/orders", who[0], who[1]); code != http.StatusUnauthorized {
			t.Errorf("%q: %d %s", who, code, text)
		}
	}
	if code, n := p.ask(http.MethodGet, "/orders", "acme", "acme key"); code != http.StatusOK || n != "1" {
		t.Errorf("%d, %s orders", code, n)
	}
}

// TestNoOrderIsLostInARotation of the database's password and of the API key, although the old
// ones are refused from then on, and each order logs in anew.
func TestNoOrderIsLostInARotation(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.db.SetMaxIdleConns(0)
	var customers sync.WaitGroup
	for range 4 {
		customers.Go(func() {
			for range 10 {
				p.order(t)
			}
		})
	}
	for i := range 3 {
		password, key := fmt.Sprint("password ", i), fmt.Sprint("key ", i)
		must(t, database.SetPassword(t.Context(), p.user, password))
		p.manager.Rotate(t, "test/db", login(p.user, password))
		p.key.Store(key)
		p.manager.Rotate(t, "test/payments", key)
		p.order(t)
	}
	customers.Wait()
	if _, n := p.ask(http.MethodGet, "/orders", "acme", "acme key"); n != "43" {
		t.Errorf("%s orders", n)
	}
	if log := p.log.String(); !strings.Contains(log, `msg="secret rotated" secret=test/db`) || strings.Contains(log, "password 1") {
		t.Errorf("log:\n%s", log)
	}
}

// TestAnOutageIsSeenAndHarmsNobody: the service stays ready and takes orders, and metrics, log and
// page say that Secrets Manager can't be reached.
func TestAnOutageIsSeenAndHarmsNobody(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.manager.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})
	for _, h := range p.set.Handles() {
		_ = h.(interface{ Invalidate(context.Context) error }).Invalidate(t.Context())
	}
	_ = p.set.Preload(t.Context()) // fails
	p.tenants.Get(t.Context(), "tenants/new")
	for target, want := range map[string]string{
		"/readyz":        "ok",
		"/metrics":       "\ntypedsecret_source_up{backend=\"\"} 0\n",
		"/debug/secrets": "The source can't answer.",
	} {
		if code, text := p.ask(http.MethodGet, target, "", ""); code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", target, code, text)
		}
	}
	if log := p.log.String(); !strings.Contains(log, `level=WARN msg="secret can't be fetched" secret=test/db`) {
		t.Errorf("log:\n%s", log)
	}
}

func TestNothingThatIsSeenShowsASecret(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.order(t)
	all := p.log.String()
	for _, target := range []string{"/readyz", "/metrics", "/debug/secrets?format=html", "/debug/secrets?format=json", "/debug/secrets?format=text"} {
		code, text := p.ask(http.MethodGet, target, "", "")
		if code != http.StatusOK {
			t.Errorf("%s: %d %s", target, code, text)
		}
		all += text
	}
	for _, hidden := range []string{"first password", "first key", "acme key"} {
		if strings.Contains(all, hidden) {
			t.Errorf("%q is seen in\n%s", hidden, all)
		}
	}
}

// TestRequestsUnderWayEndWell when the service shuts down, and the load balancer learns of the end.
func TestRequestsUnderWayEndWell(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	handler, begun, goOn := p.Handler, make(chan bool), make(chan bool)
	p.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			close(begun)
			<-goOn
		}
		handler.ServeHTTP(w, r)
	})
	listener, err := net.Listen("tcp", "localhost:0")
	must(t, err)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ended, answer := make(chan error, 1), make(chan string, 1)
	go func() { ended <- serve(ctx, listener, p.service) }()
	go func() {
		r, _ := http.NewRequest(http.MethodPost, "http://"+listener.Addr().String()+"/orders", strings.NewReader(""))
		r.Header.Set("X-Tenant", "acme")
		r.Header.Set("X-Key", "acme key")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		answer <- string(text)
	}()
	<-begun
	end()
	for code := 0; code != http.StatusServiceUnavailable; { // as soon as serve has heard of it
		code, _ = p.ask(http.MethodGet, "/readyz", "", "")
	}
	close(goOn)
	if got := <-answer; got != "ordered\n" {
		t.Errorf("the request under way got %s", got)
	}
	must(t, <-ended)
}

// TestTheStartSaysAllThatIsWrong in one error.
func TestTheStartSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	p := prepare(t)
	p.manager.Rotate(t, "test/db", `{"username":"x"}`)
	p.manager.Delete(t, "test/payments")
	if code, why := p.ask(http.MethodGet, "/readyz", "", ""); code != http.StatusServiceUnavailable {
		t.Errorf("before the start: %d %s", code, why)
	}
	err := p.preload(t.Context())
	if err == nil || !strings.Contains(err.Error(), `missing key "password"`) || !strings.Contains(err.Error(), "marked for deletion") {
		t.Error(err)
	}
}
