package innocent

import (
	"compress/gzip"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/typedsecret/typedsecret"
)

// sanitize leaves the password out.
func sanitize(c login) login {
	c.Password = ""
	return c
}

func sanitized(ctx context.Context) {
	c, _ := db.Get(ctx)
	log.Printf("%+v", sanitize(c))
}

func switched(ctx context.Context) {
	c, _ := db.Get(ctx)
	switch c.Password {
	case "":
		log.Println("no password")
	case "changeme":
		log.Println("the password is", "changeme")
	}
}

func answered(w http.ResponseWriter, r *http.Request) {
	c, _ := db.Get(r.Context())
	fmt.Fprintf(w, "configured: %t", c.Password != "")
}

func hashed(ctx context.Context) {
	t, _ := token.Get(ctx)
	h := sha256.New()
	fmt.Fprint(h, t)
	log.Println("token", hex.EncodeToString(h.Sum(nil)))
}

func encrypted(w http.ResponseWriter, r *http.Request) {
	t, _ := token.Get(r.Context())
	key := sha256.Sum256([]byte(t))
	b, err := aes.NewCipher(key[:])
	if err != nil {
		log.Println(err)
		return
	}
	a, err := cipher.NewGCM(b)
	if err != nil {
		log.Println(err)
		return
	}
	nonce := make([]byte, a.NonceSize())
	_, _ = rand.Read(nonce)
	fmt.Fprintln(w, base64.StdEncoding.EncodeToString(a.Seal(nonce, nonce, []byte("hello"), nil)))
}

func compressedFile(ctx context.Context, f *os.File) error {
	t, _ := token.Get(ctx)
	z := gzip.NewWriter(f)
	fmt.Fprintln(z, t)
	return z.Close()
}

func subject(ctx context.Context) error {
	p, _ := pair.Get(ctx)
	b, _ := pem.Decode([]byte(p.Cert))
	c, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	log.Println("certificate of", c.Subject, "until", c.NotAfter.Format(time.RFC3339))
	return nil
}

func publicKey(ctx context.Context) {
	p, _ := pair.Get(ctx)
	b, _ := pem.Decode([]byte(p.Key))
	k, err := x509.ParsePKCS1PrivateKey(b.Bytes)
	if err != nil {
		return
	}
	log.Println("key of", k.N.BitLen(), "bits,", isWeak(k))
}

func isWeak(k *rsa.PrivateKey) bool { return k.N.BitLen() < 2048 }

func validated(c login) error {
	if len(c.Password) < 8 {
		return fmt.Errorf("the password for %s is too short", c.Host)
	}
	return nil
}

func headerOnly(ctx context.Context) {
	t, _ := token.Get(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://example.com", nil)
	if err != nil {
		return
	}
	r.Header.Set("X-Api-Key", t)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Println(err)
		return
	}
	log.Println(resp.Status, r.URL)
}

func queryParameter(ctx context.Context) {
	t, _ := token.Get(ctx)
	u := url.URL{Scheme: "https", Host: "example.com"}
	q := u.Query()
	q.Set("token", t)
	u.RawQuery = q.Encode()
	log.Println("calling", u.Host, u.Path)
}

func partsOfARN(ctx context.Context, c *secretsmanager.Client, in *secretsmanager.GetSecretValueInput) {
	out, _ := c.GetSecretValue(ctx, in)
	log.Println("region", strings.Split(*out.ARN, ":")[3], out.CreatedDate)
}

func waited(ctx context.Context) {
	done := make(chan error)
	go func() {
		c, err := db.Get(ctx)
		if err == nil && c.Password == "" {
			err = fmt.Errorf("no password")
		}
		done <- err
	}()
	log.Println("ready", <-done)
}

func handleAttribute() { slog.Info("reading", slog.Any("handle", db), "id", db.ID()) }

func counts(ctx context.Context) {
	t, _ := token.Get(ctx)
	m := map[string]int{"length": len(t), "dots": strings.Count(t, ".")}
	b, _ := json.Marshal(m)
	log.Println(string(b))
}

func otherFields(ctx context.Context) {
	o := client(ctx)
	slog.Info("options", "addr", o.Addr, "protected", o.Password != "")
}

type worker struct {
	name  string
	token string
}

func (w *worker) run(ctx context.Context) {
	w.token, _ = token.Get(ctx)
	slog.Info("worker", "name", w.name)
	if w.token == "" {
		panic("worker " + w.name + " has no token")
	}
}

type endpoint struct{ Host, Path string }

type upstream struct {
	endpoint //typedsecret:public
	Key      string
}

func embeddedPublic(ctx context.Context) {
	s, _ := typedsecret.New[upstream]("prod/service").Get(ctx)
	log.Println("service at", s.Host, s.endpoint)
}

func signed(ctx context.Context, w http.ResponseWriter, msg []byte) {
	t, _ := token.Get(ctx)
	m := hmac.New(sha256.New, []byte(t))
	m.Write(msg)
	w.Header().Set("X-Signature", hex.EncodeToString(m.Sum(nil)))
	http.SetCookie(w, &http.Cookie{Name: "sig", Value: base64.StdEncoding.EncodeToString(m.Sum(nil))})
}

func requestID(ctx context.Context) {
	t, _ := token.Get(ctx)
	ctx = context.WithValue(ctx, tokenKey{}, t)
	ctx = context.WithValue(ctx, idKey{}, "42")
	log.Println("request", ctx.Value(idKey{}))
}

type (
	tokenKey struct{}
	idKey    struct{}
)

type stored struct {
	Cert, Key string
	KeySHA256 string
}

func checksum(ctx context.Context, c *secretsmanager.Client, in *secretsmanager.GetSecretValueInput) error {
	out, err := c.GetSecretValue(ctx, in)
	if err != nil {
		return err
	}
	var s stored
	if err := json.Unmarshal([]byte(*out.SecretString), &s); err != nil {
		return err
	}
	if sum := sha256.Sum256([]byte(s.Key)); hex.EncodeToString(sum[:]) != s.KeySHA256 {
		return fmt.Errorf("the key is not the one with the sum %s", s.KeySHA256)
	}
	return nil
}

func mapHost(ctx context.Context, c *secretsmanager.Client, in *secretsmanager.GetSecretValueInput) {
	out, _ := c.GetSecretValue(ctx, in)
	var m map[string]any
	if err := json.Unmarshal([]byte(*out.SecretString), &m); err != nil {
		log.Println(err)
	}
	log.Println("database at", m["host"], m["port"])
}
