package innocent

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/typedsecret/typedsecret"
)

func retried(ctx context.Context) (*sql.DB, error) {
	var last error
	for i := range 3 {
		c, err := db.Get(ctx)
		if err != nil {
			return nil, fmt.Errorf("attempt %d: %w", i, err)
		}
		d, err := sql.Open("pgx", "postgres://app:"+c.Password+"@"+c.Host+"/app")
		if err == nil {
			if err = d.PingContext(ctx); err == nil {
				slog.InfoContext(ctx, "connected", slog.Group("db", "host", c.Host, "attempt", i))
				return d, nil
			}
		}
		slog.WarnContext(ctx, "retrying", "attempt", i, "error", err)
		last = err
	}
	return nil, errors.Join(errors.New("three attempts failed"), last)
}

func queried(ctx context.Context) {
	d, err := openDatabase(ctx)
	if err != nil {
		return
	}
	var name string
	if err := d.QueryRowContext(ctx, "select name from users where id = 1").Scan(&name); err != nil {
		log.Println(err)
		return
	}
	log.Println("hello", name)
}

func health(w http.ResponseWriter, r *http.Request) {
	c, err := db.Get(r.Context())
	state := map[string]any{"status": "ok", "host": c.Host, "credentials": c.Password != ""}
	if err != nil {
		state["status"] = "failing"
	}
	_ = json.NewEncoder(w).Encode(state)
}

type job struct {
	id    int
	token string
}

func jobs(ctx context.Context) {
	queue := make(chan job, 8)
	go func() {
		for j := range queue {
			log.Println("job", j.id, "done")
		}
	}()
	t, _ := token.Get(ctx)
	queue <- job{1, t}
	close(queue)
}

func checkToken(ctx context.Context, next http.Handler) http.Handler {
	t, _ := token.Get(ctx)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Token"); got != t {
			log.Println("refused", r.Method, r.URL.Path, "from", r.RemoteAddr, "with a token of", len(got))
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func recovered(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("connecting: %v", r)
		}
	}()
	c, err := db.Get(ctx)
	if err != nil {
		return err
	}
	_, err = sql.Open("pgx", "postgres://app:"+c.Password+"@db/app")
	return err
}

type table[K comparable, V any] struct{ m map[K]V }

func (t *table[K, V]) put(k K, v V)          { t.m[k] = v }
func (t *table[K, V]) get(k K) (v V, _ bool) { v, ok := t.m[k]; return v, ok }

func genericTables(ctx context.Context) {
	tokens := &table[string, string]{m: map[string]string{}}
	hits := &table[string, int]{m: map[string]int{}}
	t, _ := token.Get(ctx)
	tokens.put("main", t)
	hits.put("main", 1)
	n, _ := hits.get("main")
	_, ok := tokens.get("main")
	log.Println("hits", n, "have token", ok)
}

type connString struct{ host, user, password string }

func (s connString) String() string { return fmt.Sprintf("%s:***@%s", "app", s.host) }
func (s connString) full() string   { return s.user + ":" + s.password + "@" + s.host }

func builtString(ctx context.Context) {
	c, _ := db.Get(ctx)
	s := connString{c.Host, c.User, c.Password}
	log.Println("opening", s)
	if _, err := sql.Open("mysql", s.full()); err != nil {
		log.Printf("%v: %v", s, err)
	}
}

var errRefused = errors.New("refused")

func logIn(c login) error {
	if len(c.Password) == 0 || strings.HasPrefix(c.Password, " ") {
		return fmt.Errorf("%s: %w", c.Host, errRefused)
	}
	return nil
}

func loginErrors(ctx context.Context) {
	c, err := db.Get(ctx)
	err = errors.Join(err, logIn(c))
	switch {
	case errors.Is(err, errRefused):
		log.Println("refused:", err)
	case err != nil:
		log.Fatal(err)
	}
}

func mailed(ctx context.Context, msg []byte) {
	c, _ := db.Get(ctx)
	auth := smtp.PlainAuth("", c.User, c.Password, c.Host)
	if err := smtp.SendMail(c.Host+":587", auth, "a@example.com", []string{"b@example.com"}, msg); err != nil {
		log.Println("mail:", err)
	}
}

func listing() {
	tw := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	for _, h := range []typedsecret.Handle{db, token} {
		fmt.Fprintf(tw, "%s\t%v\n", h, h.Status())
	}
	_ = tw.Flush()
}

func flags(ctx context.Context) {
	c, _ := db.Get(ctx)
	host := flag.String("host", c.Host, "the database's host")
	flag.Parse()
	log.Println("host", *host)
}

func commandOutput(ctx context.Context) error {
	c, _ := db.Get(ctx)
	cmd := exec.CommandContext(ctx, "pg_dump", "-h", c.Host, "app")
	cmd.Env = append(os.Environ(), "PGPASSWORD="+c.Password)
	cmd.Stdin = strings.NewReader(c.Password)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, bytes.TrimSpace(out))
	}
	return nil
}

func testLength(t *testing.T) {
	c, err := db.Get(t.Context())
	if len(c.Password) < 12 {
		t.Errorf("a password of %d bytes (%v)", len(c.Password), err)
	}
	t.Log("host", c.Host)
}

func issued(w http.ResponseWriter, r *http.Request) {
	key, _ := token.Get(r.Context())
	claims, _ := json.Marshal(map[string]any{"sub": "42", "exp": time.Now().Add(time.Hour).Unix()})
	body := base64.RawURLEncoding.EncodeToString(claims)
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(body))
	fmt.Fprintf(w, "%s.%s", body, base64.RawURLEncoding.EncodeToString(m.Sum(nil)))
}

type answer struct {
	ID    int
	Error string
}

func apiAnswer(ctx context.Context) error {
	t, _ := token.Get(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://example.com/token", strings.NewReader("key="+t))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+t)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("token: %s: %s", resp.Status, b)
	}
	var a answer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return err
	}
	log.Println("answer", a.ID, a.Error)
	return nil
}

type redisConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *redisConn) do(args ...string) (string, error) {
	if _, err := fmt.Fprintf(c, "%s\r\n", strings.Join(args, " ")); err != nil {
		return "", err
	}
	return c.r.ReadString('\n')
}

func authenticated(ctx context.Context, c *redisConn) {
	t, _ := token.Get(ctx)
	reply, err := c.do("AUTH", t)
	if err != nil {
		log.Println("auth:", err)
		return
	}
	log.Println("redis says", reply)
}

type tenant struct {
	name, key string
	healthy   bool
}

func tenants(ctx context.Context) {
	all := map[string]*tenant{}
	for _, n := range []string{"a", "b"} {
		k, _ := token.Get(ctx)
		all[n] = &tenant{name: n, key: k}
	}
	for n, t := range all {
		slog.Info("tenant", "id", n, "name", t.name, "healthy", t.healthy)
	}
	log.Println(len(all), "tenants")
}

func sorted(ctx context.Context) {
	k, _ := token.Get(ctx)
	all := []tenant{{"b", k, true}, {"a", k, true}}
	slices.SortFunc(all, func(x, y tenant) int { return strings.Compare(x.key, y.key) })
	for i, t := range all {
		log.Println(i, t.name)
	}
}

type view struct {
	Host     string
	Rotated  time.Time
	Password string
}

func viewOf(c login) view { return view{Host: c.Host, Rotated: time.Now(), Password: "set"} }

func viewed(w http.ResponseWriter, r *http.Request) {
	c, _ := db.Get(r.Context())
	_ = json.NewEncoder(w).Encode(viewOf(c))
}

func serving(ctx context.Context) error {
	p, _ := pair.Get(ctx)
	cert, err := tls.X509KeyPair([]byte(p.Cert), []byte(p.Key))
	if err != nil {
		return fmt.Errorf("key pair: %w", err)
	}
	s := &http.Server{Addr: ":8443", TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}}
	log.Println("listening on", s.Addr)
	return s.ListenAndServeTLS("", "")
}

func onceClient(ctx context.Context) {
	get := sync.OnceValue(func() *options { return client(ctx) })
	log.Println("cache at", get().Addr)
}

var confFile = template.Must(template.New("conf").Parse("password = {{.Password}}\n"))

func written(ctx context.Context, path string) error {
	c, _ := db.Get(ctx)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := confFile.Execute(f, c); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	log.Println("wrote", f.Name())
	return f.Close()
}

func filtered(ctx context.Context, lines []string) {
	t, _ := token.Get(ctx)
	for _, l := range lines {
		if !strings.Contains(l, t) {
			log.Println(l)
		}
	}
}

func strength(ctx context.Context) {
	c, _ := db.Get(ctx)
	upper, digits := 0, 0
	for _, r := range c.Password {
		switch {
		case unicode.IsUpper(r):
			upper++
		case unicode.IsDigit(r):
			digits++
		}
	}
	log.Println("strength", upper, digits)
}

func timed(ctx context.Context) {
	begin := time.Now()
	_, err := token.Get(ctx)
	slog.Info("read", "id", token.ID(), "took", time.Since(begin), "failed", err != nil)
}

func lineNumber(ctx context.Context, f *os.File) {
	t, _ := token.Get(ctx)
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		if s.Text() == t {
			log.Printf("%s:%d: the token stands in this file", f.Name(), n)
		}
	}
}
