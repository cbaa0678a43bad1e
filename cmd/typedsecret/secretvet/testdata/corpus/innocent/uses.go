// Package innocent has one harmless use of a secret in each function.
package innocent

import (
	"bytes"
	"context"
	"corpus/config"
	"corpus/logx"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"

	"github.com/typedsecret/typedsecret"
)

type login struct {
	User, Password string
	Host           string //typedsecret:public
}

var (
	db    = typedsecret.New[login]("prod/db")
	token = typedsecret.New[string]("prod/token")
	pair  = typedsecret.New[keyPair]("prod/tls")
)

type keyPair struct{ Cert, Key string }

func openDatabase(ctx context.Context) (*sql.DB, error) {
	c, err := db.Get(ctx)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	return sql.Open("pgx", fmt.Sprintf("postgres://%s:%s@%s/app", c.User, c.Password, c.Host))
}

func ping(ctx context.Context) error {
	d, err := openDatabase(ctx)
	if err != nil {
		return err
	}
	if err := d.PingContext(ctx); err != nil {
		log.Printf("ping: %v", err)
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}

func basicAuth(ctx context.Context, r *http.Request) {
	c, _ := db.Get(ctx)
	r.SetBasicAuth(c.User, c.Password)
	log.Println("calling", r.URL.Host)
}

func bearer(ctx context.Context) (*http.Response, error) {
	t, err := token.Get(ctx)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com/v1", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+t)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Printf("%s: %v", r.URL, err)
	}
	return resp, err
}

func signature(ctx context.Context, body []byte) {
	t, _ := token.Get(ctx)
	m := hmac.New(sha256.New, []byte(t))
	m.Write(body)
	log.Println("signature", hex.EncodeToString(m.Sum(nil)))
}

func compared(ctx context.Context, given string) {
	t, _ := token.Get(ctx)
	ok := subtle.ConstantTimeCompare([]byte(t), []byte(given)) == 1
	slog.Info("compared", "equal", ok)
}

func equal(ctx context.Context, given string) {
	t, _ := token.Get(ctx)
	fmt.Println("same:", t == given)
}

func length(ctx context.Context) {
	t, _ := token.Get(ctx)
	log.Printf("token of %d bytes", len(t))
}

func certificate(ctx context.Context) (tls.Certificate, error) {
	p, err := pair.Get(ctx)
	if err != nil {
		return tls.Certificate{}, err
	}
	c, err := tls.X509KeyPair([]byte(p.Cert), []byte(p.Key))
	if err != nil {
		return c, fmt.Errorf("key pair: %w", err)
	}
	return c, nil
}

func fingerprint(ctx context.Context) {
	t, _ := token.Get(ctx)
	sum := sha256.Sum256([]byte(t))
	log.Printf("token %x", sum[:4])
}

func command(ctx context.Context) error {
	c, _ := db.Get(ctx)
	cmd := exec.CommandContext(ctx, "psql", "-h", c.Host)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+c.Password)
	log.Println("running psql on", c.Host)
	return cmd.Run()
}

func passwordFile(ctx context.Context, path string) error {
	c, _ := db.Get(ctx)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s:*:*:%s:%s\n", c.Host, c.User, c.Password)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("password file: %w", err)
	}
	return nil
}

func openFile(ctx context.Context, path string) error {
	t, _ := token.Get(ctx)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	fmt.Fprintln(f, t)
	return f.Close()
}

func protocol(ctx context.Context, conn net.Conn) error {
	t, _ := token.Get(ctx)
	_, err := fmt.Fprintf(conn, "AUTH %s\r\n", t)
	return err
}

func requestBody(ctx context.Context) (*http.Request, error) {
	c, _ := db.Get(ctx)
	body, err := json.Marshal(map[string]string{"user": c.User, "password": c.Password})
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	return http.NewRequestWithContext(ctx, http.MethodPost, "https://example.com/login", bytes.NewReader(body))
}

func form(ctx context.Context) (*http.Response, error) {
	c, _ := db.Get(ctx)
	return http.PostForm("https://example.com/login", url.Values{"password": {c.Password}})
}

type options struct{ Addr, Password string }

func client(ctx context.Context) *options {
	c, _ := db.Get(ctx)
	o := &options{Addr: "cache:6379", Password: c.Password}
	log.Println("cache at", o.Addr)
	return o
}

func address(c config.Creds) { log.Println("database at", c.Address()) }

func masked(ctx context.Context) {
	t, _ := token.Get(ctx)
	logx.Masked("token", t)
	log.Println("token", strings.Repeat("*", len(t)))
}

func contains(ctx context.Context) {
	t, _ := token.Get(ctx)
	log.Println("new format:", strings.HasPrefix(t, "tok_"), strings.Count(t, "."))
}
