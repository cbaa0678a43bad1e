package leaks

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/smtp"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

func groupedAttributes(ctx context.Context) {
	c, _ := db.Get(ctx)
	attrs := []slog.Attr{slog.Int("attempt", 1)}
	if c.User != "" {
		attrs = append(attrs, slog.Group("db", slog.String("user", "app"), slog.String("password", c.Password))) // want `c.Password holds`
	}
	slog.LogAttrs(ctx, slog.LevelInfo, "opening", attrs...)
}

type settingsOf struct {
	Addr string
	DSN  string
}

type app struct{ conf settingsOf }

func (a *app) setUp(ctx context.Context) {
	c, _ := db.Get(ctx)
	a.conf = settingsOf{Addr: ":8080", DSN: "postgres://app:" + c.Password + "@db/app"}
}

func (a *app) debugConfig(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	b, err := json.MarshalIndent(a.conf, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(b) // want `holds`
}

var adminPage = template.Must(template.New("admin").Parse(`<p>{{.Login.Password}}</p>`))

func admin(w http.ResponseWriter, r *http.Request) {
	c, _ := db.Get(r.Context())
	var b bytes.Buffer
	if err := adminPage.Execute(&b, map[string]any{"Login": c}); err != nil { // want `holds`
		return
	}
	_, _ = b.WriteTo(w)
}

type event struct {
	kind string
	text string
}

func events(ctx context.Context) {
	queue := make(chan event, 8)
	var wg sync.WaitGroup
	wg.Go(func() {
		for e := range queue {
			log.Printf("%s: %s", e.kind, e.text) // want `holds`
		}
	})
	t, _ := token.Get(ctx)
	queue <- event{"started", "with " + t}
	close(queue)
	wg.Wait()
}

func requireToken(ctx context.Context, next http.Handler) http.Handler {
	t, _ := token.Get(ctx)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Token"); got != t {
			http.Error(w, fmt.Sprintf("got %q, want %q", got, t), http.StatusForbidden) // want `holds`
			return
		}
		next.ServeHTTP(w, r)
	})
}

type reporter struct{ prefix string }

func (r reporter) report(v string) { log.Println(r.prefix, v) }

func eachOf(all []string, f func(string)) {
	for _, s := range all {
		f(s)
	}
}

func methodValueGiven(ctx context.Context) {
	c, _ := db.Get(ctx)
	eachOf([]string{c.User, c.Password}, reporter{"login"}.report) // want `the secret that db.Get gave`
}

func connectOrLog(ctx context.Context) (err error) {
	c, _ := db.Get(ctx)
	dsn := "app:" + c.Password + "@tcp(db:3306)/app"
	defer func() {
		if r := recover(); r != nil {
			slog.Error("connecting", "panic", r, "dsn", dsn) // want `holds`
			err = errors.New("no connection")
		}
	}()
	return nil
}

type store[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]V
}

func (s *store[K, V]) put(k K, v V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[k] = v
}

func (s *store[K, V]) get(k K) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.m[k]
	return v, ok
}

func genericStore(ctx context.Context) {
	s := &store[string, string]{m: map[string]string{}}
	t, _ := token.Get(ctx)
	s.put("token", t)
	if v, ok := s.get("token"); ok {
		log.Println("have", v) // want `holds`
	}
}

type dsnBuilder struct{ parts []string }

func (b *dsnBuilder) with(k, v string) *dsnBuilder {
	b.parts = append(b.parts, k+"="+v)
	return b
}

func (b *dsnBuilder) String() string { return strings.Join(b.parts, " ") }

func chained(ctx context.Context) {
	c, _ := db.Get(ctx)
	d := new(dsnBuilder).with("host", "db").with("user", c.User).with("password", c.Password)
	log.Printf("opening %s", d) // want `holds`
}

type badValue struct{ key, value string }

func (e badValue) Error() string { return e.key + " can't be " + e.value }

func problems(ctx context.Context) error {
	m, _ := settings.Get(ctx)
	var errs []error
	for k, v := range m {
		if v == "" || strings.Contains(v, " ") {
			errs = append(errs, badValue{k, v})
		}
	}
	return errors.Join(errs...)
}

func joinedErrors(ctx context.Context) {
	if err := problems(ctx); err != nil {
		log.Fatal(err) // want `holds`
	}
}

func urlAsStringer(ctx context.Context) {
	c, _ := db.Get(ctx)
	u := &url.URL{Scheme: "amqps", Host: "mq:5671"}
	u.User = url.UserPassword(c.User, c.Password)
	log.Printf("connecting to %s", u) // want `holds`
}

func mailAuth(ctx context.Context) {
	c, _ := db.Get(ctx)
	auth := smtp.PlainAuth("", c.User, c.Password, "mail.example.com")
	log.Printf("mail by %+v", auth) // want `holds`
}

func table(ctx context.Context) {
	m, _ := settings.Get(ctx)
	tw := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	for k, v := range m {
		fmt.Fprintf(tw, "%s\t%s\n", k, v) // want `holds`
	}
	_ = tw.Flush()
}

func flagDefault(ctx context.Context) {
	c, _ := db.Get(ctx)
	password := flag.String("password", c.Password, "the database's password") // want `holds`
	flag.Parse()
	_ = password
}

func wholeEnvironment(ctx context.Context) {
	t, _ := token.Get(ctx)
	_ = os.Setenv("API_TOKEN", t)
	log.Println("environment:", os.Environ()) // want `holds`
}

func commandLine(ctx context.Context) error {
	c, _ := db.Get(ctx)
	cmd := exec.CommandContext(ctx, "mysqldump", "-u", c.User, "--password="+c.Password, "app")
	log.Println("running", cmd) // want `holds`
	return cmd.Run()
}

func commandArgs(ctx context.Context) {
	c, _ := db.Get(ctx)
	args := []string{"-u", "app", "-p" + c.Password}
	cmd := exec.CommandContext(ctx, "mysql", args...)
	slog.Info("running", "args", strings.Join(cmd.Args, " ")) // want `holds`
}

func dump(t testing.TB, what string, v any) {
	t.Helper()
	t.Logf("%s: %+v", what, v)
}

func dumped(t *testing.T) {
	c, _ := db.Get(t.Context())
	dump(t, "login", c) // want `holds`
}

func dumpedRequest(ctx context.Context) {
	t, _ := token.Get(ctx)
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://example.com", nil)
	r.Header.Set("Authorization", "Bearer "+t)
	if b, err := httputil.DumpRequestOut(r, false); err == nil {
		log.Printf("request:\n%s", b) // want `holds`
	}
}

func redirected(w http.ResponseWriter, r *http.Request) {
	t, _ := token.Get(r.Context())
	http.Redirect(w, r, "https://example.com/?access_token="+url.QueryEscape(t), http.StatusFound) // want `holds`
}

func copiedToResponse(w http.ResponseWriter, r *http.Request) {
	t, _ := token.Get(r.Context())
	_, _ = io.Copy(w, io.MultiReader(strings.NewReader("token "), strings.NewReader(t))) // want `holds`
}

func csvExport(ctx context.Context) {
	m, _ := settings.Get(ctx)
	w := csv.NewWriter(bufio.NewWriter(os.Stdout))
	for k, v := range m {
		_ = w.Write([]string{k, v}) // want `holds`
	}
	w.Flush()
}

func teed(ctx context.Context, f *os.File) {
	t, _ := token.Get(ctx)
	fmt.Fprintln(io.MultiWriter(f, os.Stderr), t) // want `holds`
}

func defaultLogger(ctx context.Context) {
	t, _ := token.Get(ctx)
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)).With(slog.String("token", t))) // want `holds`
}

func asError(err error) {
	var le *loginError
	if errors.As(err, &le) {
		log.Println("refused", le.creds.User) // want `holds`
	}
}

func onceValue(ctx context.Context) {
	get := sync.OnceValue(func() string {
		t, _ := token.Get(ctx)
		return t
	})
	log.Println("token", get()) // want `holds`
}

type clientOptions struct{ addr, password string }

type option func(*clientOptions)

func withPassword(p string) option { return func(o *clientOptions) { o.password = p } }

func optionsLogged(ctx context.Context) {
	c, _ := db.Get(ctx)
	o := clientOptions{addr: "cache:6379"}
	for _, f := range []option{withPassword(c.Password)} {
		f(&o)
	}
	log.Printf("client %+v", o) // want `holds`
}

func listed(ctx context.Context) {
	c, _ := db.Get(ctx)
	for _, f := range []struct{ key, value string }{{"user", c.User}, {"password", c.Password}} {
		log.Println(f.key, f.value) // want `holds`
	}
}

func roundTrip(ctx context.Context) {
	c, _ := db.Get(ctx)
	b, _ := json.Marshal(c)
	var m map[string]any
	_ = json.Unmarshal(b, &m)
	log.Println("as a map", m["Password"]) // want `holds`
}

func later(ctx context.Context) {
	t, _ := token.Get(ctx)
	time.AfterFunc(time.Minute, func() { log.Println("token", t, "expires") }) // want `holds`
}

func cleaned(ctx context.Context) {
	t, _ := token.Get(ctx)
	t = strings.NewReplacer("\n", "", "\r", "").Replace(strings.ToLower(t))
	log.Printf("using %q", t) // want `t holds`
}
