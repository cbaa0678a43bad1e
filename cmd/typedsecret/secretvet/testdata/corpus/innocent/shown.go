package innocent

import (
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

func handle() {
	fmt.Println(db, token)
	slog.Info("handles", "db", db)
}

func getError(ctx context.Context) error {
	if _, err := db.Get(ctx); err != nil {
		log.Println(err)
		return fmt.Errorf("login: %w", err)
	}
	return nil
}

func getPanics(ctx context.Context) {
	if _, err := db.Get(ctx); err != nil {
		panic(err)
	}
}

func doError(ctx context.Context) {
	if err := db.Do(ctx, func(context.Context, login) error { return nil }); err != nil {
		slog.Error("login", "error", err)
	}
}

func watchError(ctx context.Context) {
	for _, err := range db.Watch(ctx) {
		log.Println("changed", err)
	}
}

func public(ctx context.Context) {
	c, _ := db.Get(ctx)
	log.Println("database at", c.Host)
}

func info(ctx context.Context) {
	_, i, _ := db.GetWithInfo(ctx)
	log.Printf("version %s of %v", i.VersionID, i)
}

func status(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(db.Status()) }

func value(ctx context.Context, c *cache.Cache) {
	v, _ := c.Get(ctx, secret.Ref{ID: "prod/db"})
	fmt.Println(v, v.Payload, v.ARN)
}

type account struct {
	Name string         //typedsecret:public
	Key  codec.Redacted // prints [REDACTED]
}

var service = typedsecret.New[account]("prod/account")

func redactedField(ctx context.Context) {
	a, _ := service.Get(ctx)
	log.Printf("account %v", a)
}

type formatted struct{ Password string }

func (formatted) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[REDACTED]") }

func ownFormat(ctx context.Context) {
	c, _ := typedsecret.New[formatted]("prod/formatted").Get(ctx)
	fmt.Printf("%+v %v\n", c, &c)
}

type valuer struct{ User, Password string }

func (valuer) LogValue() slog.Value { return slog.StringValue("[REDACTED]") }

func ownLogValue(ctx context.Context) {
	c, _ := typedsecret.New[valuer]("prod/valuer").Get(ctx)
	slog.Info("login", "login", c)
}

type marshaler struct{ User, Password string }

func (m marshaler) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct{ Type string }{"login"})
}

func ownJSON(ctx context.Context, w http.ResponseWriter) {
	c, _ := typedsecret.New[marshaler]("prod/marshaler").Get(ctx)
	_ = json.NewEncoder(w).Encode(c)
}

type stringer struct{ password string }

func (stringer) String() string { return "login [REDACTED]" }

func ownString(ctx context.Context) error {
	t, _ := token.Get(ctx)
	s := stringer{t}
	log.Println(s)
	return fmt.Errorf("refused %v", s)
}

type profile struct {
	User     string
	Password string `json:"-"`
}

func leftOut(w http.ResponseWriter, r *http.Request) {
	t, _ := token.Get(r.Context())
	_ = json.NewEncoder(w).Encode(profile{User: "app", Password: t})
}

func overwritten(ctx context.Context) {
	c, _ := db.Get(ctx)
	p := profile{User: "app", Password: c.Password}
	safe := p
	safe.Password = "***"
	log.Printf("%+v", safe)
}

func taken(ctx context.Context, text string) {
	t, _ := token.Get(ctx)
	log.Print(strings.ReplaceAll(text, t, "***"))
}

func redactedURL(ctx context.Context) {
	c, _ := db.Get(ctx)
	u := &url.URL{Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Host: c.Host}
	log.Println("opening", u.Redacted(), u.Host)
}

func parsedURL(ctx context.Context) {
	t, _ := token.Get(ctx)
	u, err := url.Parse(t)
	if err != nil {
		log.Println("the token is no URL")
		return
	}
	log.Println("host", u.Host, u.Hostname())
}

func verbType(ctx context.Context) {
	c, _ := db.Get(ctx)
	log.Printf("login is a %T", c)
}

func metadata(ctx context.Context, c *secretsmanager.Client, in *secretsmanager.GetSecretValueInput) error {
	out, err := c.GetSecretValue(ctx, in)
	if err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	log.Println(*out.ARN, *out.Name, *out.VersionId, out.VersionStages)
	return nil
}

func decodeError(ctx context.Context, c *secretsmanager.Client, in *secretsmanager.GetSecretValueInput) error {
	out, err := c.GetSecretValue(ctx, in)
	if err != nil {
		return err
	}
	var conf struct{ Host, Password string }
	if err := json.Unmarshal([]byte(*out.SecretString), &conf); err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	log.Println("database at", conf.Host)
	return nil
}

func missing(ctx context.Context) error {
	c, _ := db.Get(ctx)
	if c.Password == "" {
		return errors.New("no password for " + c.Host)
	}
	return nil
}

func keys(ctx context.Context) {
	m, _ := typedsecret.New[map[string]string]("prod/settings").Get(ctx)
	for k := range m {
		log.Println("setting", k)
	}
}

type pool struct{ creds *login }

func pointerInside(ctx context.Context) {
	c, _ := db.Get(ctx)
	log.Printf("pool %v", pool{&c}) // fmt prints the address
}

func sameNames() {
	c := struct{ User, Password string }{"app", "example"}
	fmt.Println(c.Password)
}

func literal() {
	c := login{User: "app", Password: "example"}
	fmt.Println(c)
}

func reused(ctx context.Context) {
	s, _ := token.Get(ctx)
	use(s)
	s = "done"
	log.Println(s)
}

func use(string) {}

func spanAttribute(ctx context.Context, span trace.Span) {
	c, err := db.Get(ctx)
	span.RecordError(err)
	span.SetAttributes(attribute.String("db.host", c.Host), attribute.Int("n", len(c.Password)))
}

func counted(ctx context.Context) {
	t, _ := token.Get(ctx)
	expvar.NewInt("length").Set(int64(len(t)))
}

func excused(ctx context.Context) {
	c, _ := db.Get(ctx)
	fmt.Fprintln(os.Stdout, c.User) //typedsecret:public
}

func testFails(t *testing.T) {
	c, err := db.Get(t.Context())
	if err != nil || c.Password == "" {
		t.Fatalf("no login: %v", err)
	}
}

func environment(ctx context.Context) {
	t, _ := token.Get(ctx)
	_ = os.Setenv("TOKEN", t)
	log.Println("region", os.Getenv("AWS_REGION"))
}
