package leaks

import (
	"bufio"
	"context"
	"corpus/config"
	"encoding/json"
	"expvar"
	"fmt"
	"io"
	"iter"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
)

type loginError struct{ creds login }

func (e *loginError) Error() string { return "refused " + e.creds.Password }

func customError(ctx context.Context) {
	c, _ := db.Get(ctx)
	var err error = &loginError{c}
	log.Println(err) // want `err holds`
}

type contextKey struct{}

func inContext(ctx context.Context) {
	t, _ := token.Get(ctx)
	ctx = context.WithValue(ctx, contextKey{}, t)
	log.Println(ctx.Value(contextKey{})) // want `ctx.Value\(contextKey\{\}\) holds`
}

var shared atomic.Pointer[login]

func inAtomic(ctx context.Context) {
	c, _ := db.Get(ctx)
	shared.Store(&c)
	log.Println(shared.Load().Password) // want `shared.Load\(\).Password holds`
}

var cached sync.Map

func inSyncMap(ctx context.Context) {
	t, _ := token.Get(ctx)
	cached.Store("token", t)
	if v, ok := cached.Load("token"); ok {
		log.Println(v) // want `v holds`
	}
}

func boundMethod(ctx context.Context, l *log.Logger) {
	t, _ := token.Get(ctx)
	show := l.Printf
	show("token %s", t) // want `t holds`
}

func deferred(ctx context.Context) {
	t, _ := token.Get(ctx)
	defer log.Println("done with", t) // want `the secret that token.Get gave`
}

func printer(s string) func() { return func() { log.Println(s) } }

func returnedClosure(ctx context.Context) {
	t, _ := token.Get(ctx)
	printer(t)() // want `t holds`
}

func withToken(ctx context.Context, f func(string)) {
	t, _ := token.Get(ctx)
	f(t)
}

func callback(ctx context.Context) {
	withToken(ctx, func(s string) { log.Println(s) }) // want `s holds`
}

func tokens(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		t, _ := token.Get(ctx)
		yield(t)
	}
}

func iterator(ctx context.Context) {
	for t := range tokens(ctx) {
		log.Println(t) // want `t holds`
	}
}

func tokenGetter(ctx context.Context) func() string {
	return func() string {
		t, _ := token.Get(ctx)
		return t
	}
}

func returnedGetter(ctx context.Context) {
	get := tokenGetter(ctx)
	log.Println(get()) // want `get\(\) holds`
}

type session struct {
	login
	id int
}

func promoted(ctx context.Context) {
	c, _ := db.Get(ctx)
	s := session{c, 1}
	log.Println(s.id, s.Password) // want `s.Password holds`
}

func joined(ctx context.Context) {
	c, _ := db.Get(ctx)
	parts := make([]string, 2)
	parts[0], parts[1] = "app", c.Password
	log.Println(strings.Join(parts, ":")) // want `strings.Join\(parts, ":"\) holds`
}

func typeSwitch(ctx context.Context) {
	c, _ := db.Get(ctx)
	switch v := any(c).(type) {
	case login:
		log.Println(v.Password) // want `v.Password holds`
	}
}

func indented(ctx context.Context) {
	c, _ := db.Get(ctx)
	b, _ := json.MarshalIndent(c, "", "  ")
	slog.Info("login\n" + string(b)) // want `holds`
}

func bufferedOutput(ctx context.Context) {
	t, _ := token.Get(ctx)
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	_, _ = w.WriteString(t) // want `t holds`
}

// printfer is an interface that a program declares for its logger.
type printfer interface {
	Printf(format string, args ...any)
}

func smallInterface(ctx context.Context, p printfer) {
	t, _ := token.Get(ctx)
	p.Printf("token %s", t) // want `t holds`
}

func withAttribute(ctx context.Context, l *slog.Logger) *slog.Logger {
	t, _ := token.Get(ctx)
	return l.With("token", t) // want `t holds`
}

func templateToOutput(ctx context.Context) {
	c, _ := db.Get(ctx)
	_ = template.Must(template.New("").Parse("{{.Password}}")).Execute(os.Stdout, c) // want `c holds`
}

func byteByByte(ctx context.Context) {
	t, _ := token.Get(ctx)
	var b []byte
	for i := range t {
		b = append(b, t[i])
	}
	log.Printf("%s", b) // want `b holds`
}

func collected(ctx context.Context) {
	m, _ := settings.Get(ctx)
	log.Println(slices.Collect(maps.Values(m))) // want `slices.Collect\(maps.Values\(m\)\) holds`
}

type box[T any] struct{ v T }

func (b box[T]) unwrap() T { return b.v }

func genericMethod(ctx context.Context) {
	c, _ := db.Get(ctx)
	log.Println(box[string]{c.Password}.unwrap()) // want `unwrap\(\) holds`
}

func requestError(ctx context.Context) {
	t, _ := token.Get(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://example.com/?key="+t, nil)
	if err != nil {
		return
	}
	if _, err := http.DefaultClient.Do(r); err != nil {
		log.Println(err) // want `err holds`
	}
}

func copied(ctx context.Context) {
	t, _ := token.Get(ctx)
	pr, pw := io.Pipe()
	go func() { _, _ = io.Copy(os.Stderr, pr) }()
	fmt.Fprintln(pw, t)
	key := make([]byte, len(t))
	copy(key, t)
	log.Printf("key %x", key) // want `key holds`
}

type client struct{ get func() string }

func functionField(ctx context.Context) {
	c := client{get: func() string { t, _ := token.Get(ctx); return t }}
	log.Println(c.get()) // want `c.get\(\) holds`
}

func cookie(w http.ResponseWriter, r *http.Request) {
	t, _ := token.Get(r.Context())
	http.SetCookie(w, &http.Cookie{Name: "token", Value: t}) // want `reaches http.SetCookie`
}

func header(w http.ResponseWriter, r *http.Request) {
	t, _ := token.Get(r.Context())
	w.Header().Set("X-Token", t) // want `t holds`
}

func logsWriter(ctx context.Context) {
	t, _ := token.Get(ctx)
	fmt.Fprintln(log.Writer(), t) // want `t holds`
}

func publishedFunc(ctx context.Context) {
	c, _ := db.Get(ctx)
	expvar.Publish("login", expvar.Func(func() any { return c })) // want `reaches expvar.Func`
}

func methodExpression(ctx context.Context, l *log.Logger) {
	t, _ := token.Get(ctx)
	show := (*log.Logger).Println
	show(l, t) // want `t holds`
}

func scanned(ctx context.Context) {
	t, _ := token.Get(ctx)
	s := bufio.NewScanner(strings.NewReader(t))
	for s.Scan() {
		log.Println(s.Text()) // want `s.Text\(\) holds`
	}
}

func inGoroutine(ctx context.Context) {
	c, _ := db.Get(ctx)
	go func(p string) {
		log.Println(p) // want `p holds`
	}(c.Password)
}

func nestedMap(ctx context.Context) {
	c, _ := db.Get(ctx)
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"db": c}) // want `reaches Encoder.Encode`
}

func asFormat(ctx context.Context) {
	t, _ := token.Get(ctx)
	log.Printf(t) // want `t holds`
}

func storeOfOtherPackage(s *config.Store) {
	log.Println(s.Token()) // want `s.Token\(\) holds`
}

func variableOfOtherPackage() {
	log.Println(config.Current) // want `config.Current holds`
}

func interfaceOfOtherPackage(s config.TokenSource) {
	slog.Info("token", "value", s.Token()) // want `s.Token\(\) holds`
}

func pointerOfPointer(ctx context.Context) {
	c, _ := db.Get(ctx)
	p := &c.Password
	fill(&p)
	log.Println(*p) // want `\*p holds`
}

func fill(pp **string) { _ = **pp }

func inSlice(ctx context.Context) {
	var all []login
	for _, id := range []string{"a", "b"} {
		c, err := byTenant.Get(ctx, id)
		if err != nil {
			continue
		}
		all = append(all, c)
	}
	for i := range all {
		log.Printf("%d: %s", i, all[i].Password) // want `all\[i\].Password holds`
	}
}

func namedResult(ctx context.Context) (s string, err error) {
	defer func() {
		if err != nil {
			log.Println("failed after", s) // want `s holds`
		}
	}()
	s, err = token.Get(ctx)
	return s, err
}
