package leaks

import (
	"bytes"
	"context"
	"corpus/logx"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func retry[T any](ctx context.Context, f func(context.Context) (T, error)) (v T, err error) {
	for range 3 {
		if v, err = f(ctx); err == nil {
			return v, nil
		}
	}
	return v, err
}

func retriedMethod(ctx context.Context) {
	t, err := retry(ctx, token.Get)
	log.Println(t, err) // want `t holds`
}

func retriedLiteral(ctx context.Context) {
	p, err := retry(ctx, func(ctx context.Context) (string, error) {
		c, err := db.Get(ctx)
		return c.Password, err
	})
	if err == nil {
		log.Println("got", p) // want `p holds`
	}
}

// lineLog logs what is written to it.
type lineLog struct{ prefix string }

func (l lineLog) Write(p []byte) (int, error) {
	log.Print(l.prefix, string(p))
	return len(p), nil
}

func ownWriter(ctx context.Context) {
	t, _ := token.Get(ctx)
	fmt.Fprintf(lineLog{"debug: "}, "token %s", t) // want `t holds`
}

type runtimeConfig struct {
	Addr  string
	Token string
}

var live atomic.Pointer[runtimeConfig]

func reload(ctx context.Context) {
	t, _ := token.Get(ctx)
	live.Store(&runtimeConfig{Addr: ":80", Token: t})
}

func configPage(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "%+v", *live.Load()) // want `holds`
}

type result struct {
	creds login
	err   error
}

func selected(ctx context.Context) {
	results := make(chan result, 1)
	go func() {
		c, err := db.Get(ctx)
		results <- result{c, err}
	}()
	select {
	case r := <-results:
		log.Printf("result %+v", r) // want `r holds`
	case <-ctx.Done():
	}
}

func asXML(w http.ResponseWriter, r *http.Request) {
	c, _ := db.Get(r.Context())
	type answer struct{ Name, Secret string }
	_ = xml.NewEncoder(w).Encode(answer{"db", c.Password}) // want `holds`
}

func requestURI(ctx context.Context) {
	t, _ := token.Get(ctx)
	u, _ := url.Parse("https://example.com/v1")
	q := u.Query()
	q.Set("token", t)
	u.RawQuery = q.Encode()
	log.Println("GET", u.RequestURI()) // want `holds`
}

type connError struct {
	dsn string
	err error
}

func (e *connError) Error() string { return fmt.Sprintf("connecting to %s: %v", e.dsn, e.err) }
func (e *connError) Unwrap() error { return e.err }

func open(ctx context.Context) error {
	c, err := db.Get(ctx)
	if err != nil {
		return err
	}
	return &connError{"app:" + c.Password + "@db", io.ErrUnexpectedEOF}
}

func wrappedError(ctx context.Context) {
	if err := open(ctx); err != nil {
		slog.ErrorContext(ctx, "no database", slog.Any("error", err)) // want `err holds`
	}
}

func stages(ctx context.Context) {
	c, _ := db.Get(ctx)
	for _, step := range []func(){
		func() { log.Println("start") },
		func() { log.Println("login with", c.Password) }, // want `holds`
	} {
		step()
	}
}

func nestedMaps(ctx context.Context) {
	c, _ := db.Get(ctx)
	conf := map[string]map[string]string{"db": {"user": "app", "password": c.Password}}
	for section, values := range conf {
		log.Println(section, values["password"]) // want `holds`
	}
}

func describe(v any) string {
	switch v := v.(type) {
	case login:
		return "login " + v.User + ":" + v.Password
	case string:
		return v
	}
	return "unknown"
}

func described(ctx context.Context) {
	t, _ := token.Get(ctx)
	log.Println(describe(t)) // want `describe\(t\) holds`
}

type tokenCache struct {
	mu      sync.Mutex
	value   string
	expires time.Time
}

func (c *tokenCache) get(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.expires) {
		return c.value, nil
	}
	t, err := token.Get(ctx)
	if err != nil {
		return "", err
	}
	c.value, c.expires = t, time.Now().Add(time.Minute)
	return t, nil
}

func cachedToken(ctx context.Context, c *tokenCache) {
	t, _ := c.get(ctx)
	slog.Debug("token", "value", t) // want `t holds`
}

func profiled(ctx context.Context) {
	t, _ := token.Get(ctx)
	pprof.Do(ctx, pprof.Labels("token", t), func(context.Context) {}) // want `t holds`
}

func traced(ctx context.Context) {
	t, _ := token.Get(ctx)
	trace.Log(ctx, "token", t) // want `t holds`
}

func rawStderr(ctx context.Context) {
	t, _ := token.Get(ctx)
	_, _ = os.Stderr.WriteString("token " + t) // want `holds`
}

func indentedJSON(ctx context.Context) {
	c, _ := db.Get(ctx)
	raw, _ := json.Marshal(c)
	var b bytes.Buffer
	_ = json.Indent(&b, raw, "", "  ")
	log.Println(b.String()) // want `holds`
}

func hijacked(w http.ResponseWriter, r *http.Request) {
	t, _ := token.Get(r.Context())
	if h, ok := w.(http.Hijacker); ok {
		_, rw, _ := h.Hijack()
		_, _ = rw.WriteString(t) // want `holds`
	}
}

func served(w http.ResponseWriter, r *http.Request) {
	t, _ := token.Get(r.Context())
	http.ServeContent(w, r, "token.txt", time.Time{}, strings.NewReader(t)) // want `holds`
}

type endpointConf struct{ url, password string }

func (c endpointConf) LogValue() slog.Value {
	return slog.GroupValue(slog.String("url", c.url), slog.String("password", c.password)) // want `holds`
}

func logValuer(ctx context.Context) endpointConf {
	c, _ := db.Get(ctx)
	return endpointConf{"amqp://mq", c.Password}
}

func decodedBase64(ctx context.Context) {
	t, _ := token.Get(ctx)
	b, err := base64.StdEncoding.DecodeString(t)
	if err != nil {
		return
	}
	log.Printf("key %x", b) // want `b holds`
}

type loginView login

func convertedStruct(ctx context.Context) {
	c, _ := db.Get(ctx)
	logx.Debug("login", loginView(c)) // want `holds`
}

func array(ctx context.Context) {
	c, _ := db.Get(ctx)
	log.Println([2]string{c.User, c.Password}) // want `holds`
}

func marshalledToStdout(ctx context.Context) {
	c, _ := db.Get(ctx)
	b, _ := json.MarshalIndent(struct {
		Password string `json:"password"`
	}{c.Password}, "", "\t")
	_, _ = os.Stdout.Write(append(b, '\n')) // want `holds`
}

func streamed(w http.ResponseWriter, r *http.Request) {
	for c := range db.Watch(r.Context()) {
		fmt.Fprintf(w, "data: %s\n\n", c.Password) // want `c.Password holds`
		_ = http.NewResponseController(w).Flush()
	}
}

func splitParts(ctx context.Context) {
	t, _ := token.Get(ctx)
	if parts := strings.SplitN(t, ".", 3); len(parts) == 3 {
		log.Println("signature", parts[2]) // want `holds`
	}
}

func workers(ctx context.Context) {
	in, out := make(chan login), make(chan string)
	go func() {
		defer close(out)
		for c := range in {
			out <- "postgres://" + c.User + ":" + c.Password + "@db"
		}
	}()
	go func() {
		defer close(in)
		c, _ := byTenant.Get(ctx, "a")
		in <- c
	}()
	for dsn := range out {
		log.Println("ready", dsn) // want `dsn holds`
	}
}
