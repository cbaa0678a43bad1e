package leaks

import (
	"bytes"
	"context"
	"corpus/config"
	"corpus/logx"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/url"
	"os"
	"strings"
)

func dsn(ctx context.Context) {
	c, _ := db.Get(ctx)
	s := fmt.Sprintf("%s:%s@tcp(db)/app", c.User, c.Password)
	log.Println("opening", s) // want `s holds the secret that db.Get gave`
}

func userPassword(ctx context.Context) {
	c, _ := db.Get(ctx)
	u := url.URL{Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Host: "db"}
	slog.Info("opening", "url", u.String()) // want `u.String\(\) holds`
}

func inError(ctx context.Context) error {
	t, err := token.Get(ctx)
	if err == nil && !strings.HasPrefix(t, "tok_") {
		return errors.New("no token: " + t) // want `reaches errors.New`
	}
	return err
}

func builder(ctx context.Context) {
	c, _ := db.Get(ctx)
	var b strings.Builder
	b.WriteString("password=")
	b.WriteString(c.Password)
	log.Print(b.String()) // want `b.String\(\) holds`
}

func printedToBuffer(ctx context.Context) {
	c, _ := db.Get(ctx)
	var b bytes.Buffer
	fmt.Fprintf(&b, "user %s password %s", c.User, c.Password)
	fmt.Fprintln(os.Stderr, b.String()) // want `b.String\(\) holds`
}

func encodedToBuffer(ctx context.Context) {
	c, _ := db.Get(ctx)
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode(c)
	log.Print(b.String()) // want `b.String\(\) holds`
}

func basicAuth(ctx context.Context) {
	c, _ := db.Get(ctx)
	h := "Basic " + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password))
	log.Print("header ", h) // want `h holds`
}

func otherPackage(ctx context.Context) {
	t, _ := config.Token(ctx)
	log.Print("token ", t) // want `t holds the secret that token.Get gave \(config.go:\d+\)`
}

func otherPackagesMethod(c config.Creds) {
	log.Print("opening ", c.DSN()) // want `c.DSN\(\) holds the field Creds.`
}

func captured(ctx context.Context) {
	var password string
	load := func() {
		c, _ := db.Get(ctx)
		password = c.Password
	}
	load()
	log.Print(password) // want `password holds`
}

func channel(ctx context.Context) {
	ch := make(chan string, 1)
	go func() {
		t, _ := token.Get(ctx)
		ch <- t
	}()
	log.Print(<-ch) // want `<-ch holds`
}

type server struct {
	addr, password string
}

func newServer(ctx context.Context) *server {
	c, _ := db.Get(ctx)
	return &server{addr: ":8080", password: c.Password}
}

func (s *server) start() {
	log.Printf("server %+v", *s) // want `\*s holds`
}

var current string

func setCurrent(ctx context.Context) { current, _ = token.Get(ctx) }

func packageVariable() {
	log.Print(current) // want `current holds`
}

func logf(format string, args ...any) { log.Printf("leaks: "+format, args...) }

func wrapper(ctx context.Context) {
	c, _ := db.Get(ctx)
	logf("as %s: %s", "app", c.Password) // want `c.Password holds the secret that db.Get gave \(flow.go:\d+\), and reaches log.Printf in leaks.logf \(flow.go:\d+\)`
}

func otherPackagesWrapper(ctx context.Context, l *logx.Logger) {
	c, _ := db.Get(ctx)
	l.Infof("password %s", c.Password) // want `c.Password holds`
}

func quotingError(ctx context.Context) error {
	t, _ := token.Get(ctx)
	_, err := url.Parse("https://example.com/?token=" + t)
	if err != nil {
		return fmt.Errorf("configuration: %w", err) // want `err holds`
	}
	return nil
}

func splitUp(ctx context.Context) {
	t, _ := token.Get(ctx)
	user, pass, _ := strings.Cut(t, ":")
	_ = user
	log.Print(strings.TrimSpace(pass)) // want `strings.TrimSpace\(pass\) holds`
}

func first[T any](v T, _ error) T { return v }

func generic(ctx context.Context) {
	log.Print(first(token.Get(ctx))) // want `first\(token.Get\(ctx\)\) holds`
}

func inMap(ctx context.Context) {
	c, _ := db.Get(ctx)
	m := map[string]string{"user": c.User, "password": c.Password}
	slog.Info("login", slog.Any("login", m)) // want `m holds`
}

func nested(app config.App) {
	log.Printf("%+v", app) // want `app holds the field Creds.`
}

type pin string

func (p *pin) String() string { return "[REDACTED]" }

func pointerMethod(ctx context.Context) {
	t, _ := token.Get(ctx)
	p := pin(t)
	fmt.Println(p) // want `p holds`
}

type pass string

func (pass) String() string { return "[REDACTED]" }

func unexportedField(ctx context.Context) {
	t, _ := token.Get(ctx)
	fmt.Printf("%v\n", struct{ p pass }{pass(t)}) // want `reaches fmt.Printf`
}
