package innocent

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret"
)

func retry[T any](ctx context.Context, f func(context.Context) (T, error)) (v T, err error) {
	for n := range 3 {
		if v, err = f(ctx); err == nil {
			return v, nil
		}
		slog.Warn("retrying", "attempt", n, "error", err)
	}
	return v, err
}

func retriedOther(ctx context.Context) {
	t, err := retry(ctx, token.Get)
	n, err2 := retry(ctx, func(context.Context) (string, error) { return os.Hostname() })
	log.Println(len(t), err, n, err2)
}

type flagged struct {
	Key  string
	Beta bool
}

func retriedFlag(ctx context.Context) {
	f, err := retry(ctx, typedsecret.New[flagged]("prod/flags").Get)
	log.Println("beta:", f.Beta, err)
}

type byteCount struct{ n int }

func (c *byteCount) Write(p []byte) (int, error) {
	c.n += len(p)
	log.Println("so far", c.n)
	return len(p), nil
}

func countedWrites(ctx context.Context) {
	t, _ := token.Get(ctx)
	var c byteCount
	fmt.Fprintln(&c, t)
	if _, err := io.Copy(&c, strings.NewReader(t)); err != nil {
		log.Println(err)
	}
}

type runtimeConfig struct {
	Addr  string
	Token string
}

var live atomic.Pointer[runtimeConfig]

func reload(ctx context.Context) {
	t, _ := token.Get(ctx)
	live.Store(&runtimeConfig{Addr: os.Getenv("ADDR"), Token: t})
	log.Println("serving at", live.Load().Addr)
}

type result struct {
	creds login
	err   error
	took  time.Duration
}

func selected(ctx context.Context) {
	results := make(chan result, 1)
	go func() {
		begin := time.Now()
		c, err := db.Get(ctx)
		results <- result{c, err, time.Since(begin)}
	}()
	select {
	case r := <-results:
		log.Printf("after %v: %v", r.took, r.err)
	case <-ctx.Done():
		log.Println(ctx.Err())
	}
}

func xmlStatus(w http.ResponseWriter, r *http.Request) {
	c, err := db.Get(r.Context())
	type answer struct {
		Host  string
		Ready bool
	}
	_ = xml.NewEncoder(w).Encode(answer{c.Host, err == nil && c.Password != ""})
}

func withoutURL(ctx context.Context) {
	t, _ := token.Get(ctx)
	resp, err := http.Get("https://example.com/?key=" + url.QueryEscape(t))
	var ue *url.Error
	if errors.As(err, &ue) {
		log.Println(ue.Op, "failed:", ue.Err, ue.Timeout())
		return
	}
	log.Println(resp.Status, resp.Header.Get("X-Request-Id"))
}

func hostOf(ctx context.Context) {
	c, _ := db.Get(ctx)
	u, err := url.Parse("postgres://" + c.User + ":" + c.Password + "@" + c.Host + ":5432/app")
	if err != nil {
		log.Println("bad host", c.Host)
		return
	}
	host, port, err := net.SplitHostPort(u.Host)
	log.Println(host, port, err, strings.TrimPrefix(u.Path, "/"))
}

type connError struct {
	dsn string
	op  string
	err error
}

func (e *connError) Error() string { return e.op + ": " + e.err.Error() }
func (e *connError) Unwrap() error { return e.err }

func hiddenDSN(ctx context.Context) {
	c, _ := db.Get(ctx)
	err := error(&connError{"app:" + c.Password + "@db", "connect", io.ErrUnexpectedEOF})
	slog.Error("no database", "error", err)
	log.Println(fmt.Errorf("database: %w", err))
}

func namedSteps(ctx context.Context) {
	c, _ := db.Get(ctx)
	for _, s := range []struct {
		name string
		run  func() error
	}{
		{"login", func() error { return logIn(c) }},
		{"ping", func() error { return ping(ctx) }},
	} {
		if err := s.run(); err != nil {
			log.Println(s.name, "failed:", err)
		}
	}
}

func sections(ctx context.Context) {
	c, _ := db.Get(ctx)
	conf := map[string]map[string]string{
		"db":   {"user": "app", "password": c.Password},
		"http": {"addr": ":8080"},
	}
	log.Println("serving", conf["http"]["addr"], "as", conf["db"]["user"])
}

func describe(v any) string {
	switch v := v.(type) {
	case login:
		return "login at " + v.Host
	case string:
		return strconv.Itoa(len(v)) + " bytes"
	}
	return fmt.Sprintf("%T", v)
}

func described(ctx context.Context) {
	c, _ := db.Get(ctx)
	t, _ := token.Get(ctx)
	log.Println(describe(c), describe(t))
}

type tokenCache struct {
	mu      sync.Mutex
	value   string
	expires time.Time
	hits    int
}

func (c *tokenCache) refresh(ctx context.Context) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value, err = token.Get(ctx)
	c.expires = time.Now().Add(time.Minute)
	slog.Info("refreshed", "expires", c.expires, "hits", c.hits, "error", err)
	return err
}

func panicked(ctx context.Context) {
	defer func() {
		if r := recover(); r != nil {
			log.Printf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	c, err := db.Get(ctx)
	if err != nil {
		panic(err)
	}
	use(c.Password)
}

func profiled(ctx context.Context) {
	t, _ := token.Get(ctx)
	pprof.Do(ctx, pprof.Labels("secret", token.ID()), func(context.Context) { use(t) })
}

func syntax(ctx context.Context) {
	t, _ := token.Get(ctx)
	var claims struct{ Sub string }
	err := json.Unmarshal([]byte(t), &claims)
	var se *json.SyntaxError
	if errors.As(err, &se) {
		log.Println("syntax error at", se.Offset)
	}
}

func changedPassword(ctx context.Context, d *sql.DB) error {
	c, _ := db.Get(ctx)
	res, err := d.ExecContext(ctx, "alter user app password $1", c.Password)
	if err != nil {
		return fmt.Errorf("password of app: %w", err)
	}
	n, err := res.RowsAffected()
	log.Println(n, "rows", err)
	return nil
}

type signUp struct{ Name, Code string }

func signedUp(w http.ResponseWriter, r *http.Request) {
	var s signUp
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if want, _ := token.Get(r.Context()); s.Code != want {
		log.Println("wrong code", s.Code, "of", s.Name)
		http.Error(w, "wrong code", http.StatusForbidden)
		return
	}
	fmt.Fprintf(w, "welcome, %s", s.Name)
}

func rotated(ctx context.Context) {
	old := ""
	for c, err := range db.Watch(ctx) {
		log.Println("changed:", c.Password != old, "error:", err, "at", time.Now())
		old = c.Password
	}
}

func environmentNames(ctx context.Context) {
	t, _ := token.Get(ctx)
	if err := os.Setenv("API_TOKEN", t); err != nil {
		log.Println(err)
	}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		log.Println("have", name)
	}
	addr, ok := os.LookupEnv("ADDR")
	log.Println(addr, ok, os.Getenv("HOME"))
}

// references puts secrets in place of the references that the environment holds.
func references(ctx context.Context) error {
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		path, key, ok := strings.Cut(value, "#")
		if !ok {
			continue
		}
		t, err := token.Get(ctx)
		if err != nil {
			return fmt.Errorf("%s, key %s, of %s: %w", path, key, name, err)
		}
		if err := os.Setenv(name, t); err != nil {
			return err
		}
	}
	return nil
}

func pointerVerb(ctx context.Context) {
	c, _ := db.Get(ctx)
	log.Printf("%T at %p", c, &c)
}

func hashedCopy(ctx context.Context) {
	t, _ := token.Get(ctx)
	h := sha256.New()
	n, err := io.Copy(h, strings.NewReader(t))
	log.Printf("%d bytes, %x, %v", n, h.Sum(nil), err)
}

func encodedForm(ctx context.Context) {
	c, _ := db.Get(ctx)
	v := url.Values{}
	v.Set("password", c.Password)
	body := v.Encode()
	log.Println("sending", len(body), "bytes,", len(v), "fields")
	use(body)
}

func ready(ctx context.Context, addr string) (*http.Server, error) {
	t, err := token.Get(ctx)
	if err != nil {
		return nil, fmt.Errorf("ready: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", checkToken(ctx, http.NotFoundHandler()))
	mux.HandleFunc("/length", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, len(t)) })
	s := &http.Server{Addr: addr, Handler: mux, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn)}
	log.Println("serving", s.Addr)
	return s, nil
}
