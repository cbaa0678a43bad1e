package redact_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/internal/redact"
)

const password = `p@ss w/rd'"\%5`

type creds struct {
	Username string
	Password string `json:"password"`
	Host     string `json:"host"`
	Token    codec.Redacted
	Short    string
	key      []byte
	hidden   codec.Redacted
	Options  map[string]string
	Self     *creds
}

func value() *creds {
	c := &creds{
		Username: "application", Password: password, Host: "db.internal", Token: codec.Redact("sesame-open"), Short: "shorter",
		key: []byte("raw-key-bytes"), hidden: codec.Redact("open-sesame"), Options: map[string]string{"host": "replica.internal", "pin": "12345678"},
	}
	c.Self = c
	return c
}

func TestSecretsOfAValueAreReplacedInAnErrorsText(t *testing.T) {
	secrets := redact.Secrets(value())
	for name, text := range map[string]string{
		"as it is": password, "in a query": url.QueryEscape(password), "in a path": url.PathEscape(password),
		"in user info": url.UserPassword("x", password).String(), "quoted": fmt.Sprintf("%q", password),
		"in a connection string": strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password),
		"a Redacted":             "sesame-open", "unexported": "raw-key-bytes", "an unexported Redacted": "open-sesame", "in a map": "12345678",
		"in JSON": inJSON(password), "in a URL with small letters": strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(password), "%2F", "%2f"), "%5C", "%5c"),
		"in a quoted connection string":  fmt.Sprintf("%q", strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)),
		"in a connection string in JSON": inJSON(strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)),
		"with doubled quotes":            strings.ReplaceAll(password, "'", "''"),
	} {
		err := redact.Error(fmt.Errorf("dial: %w", errors.New("x "+text+" y")), secrets)
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), text) || !strings.Contains(e.Error(), redact.Text) {
				t.Errorf("%s: %v", name, e)
			}
		}
	}
	for _, open := range []string{"application", "db.internal", "replica.internal", "shorter"} {
		err := errors.New("no route to " + open)
		if got := redact.Error(err, secrets); got != err {
			t.Errorf("%s was replaced: %v", open, got)
		}
	}
}

func inJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b[1 : len(b)-1])
}

func TestThePasswordOfADSNIsReplacedByItself(t *testing.T) {
	inKeys := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace
	for _, password := range []string{"longpassword", password, `a<b>c&d+e%f/g@h`, `with space'quote"x`, `semi{co}lon}pw`, "a:b@c/d?e#f"} {
		for name, dsn := range map[string]string{
			"a URL":                  (&url.URL{Scheme: "postgres", User: url.UserPassword("app", password), Host: "db.internal:5432", Path: "/app"}).String(),
			"a URL's query":          "postgres://db.internal/app?password=" + url.QueryEscape(password) + "&user=app",
			"a URL without a user":   "redis://" + url.UserPassword("", password).String() + "@db.internal:6379",
			"MySQL's":                "app:" + password + "@tcp(db.internal:3306)/app?tls=true",
			"keys":                   "host=db.internal user=app password='" + inKeys(password) + "' dbname=app",
			"keys with blanks":       "host = db.internal password = '" + inKeys(password) + "'",
			"ADO":                    "Server=db.internal;User Id=app;Password=" + password + ";Database=app",
			"ADO with braces":        "server=db.internal;pwd={" + strings.ReplaceAll(password, "}", "}}") + "};database=app",
			"JSON":                   `{"username":"application","password":"` + inJSON(password) + `"}`,
			"JSON within an object":  `{"db": {"pass": "` + inJSON(password) + `"}, "host": "db.internal"}`,
			"a URL in a JSON object": `{"url": "` + inJSON("app:"+password+"@tcp(db.internal)/x") + `"}`,
		} {
			err := redact.Error(errors.New("login to db.internal with "+password+" refused"), redact.Secrets(dsn))
			if strings.Contains(err.Error(), password) || !strings.Contains(err.Error(), "login to db.internal with") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestEachOfManySecretsIsReplaced: a secret may have a hundred keys.
func TestEachOfManySecretsIsReplaced(t *testing.T) {
	all := map[string]string{}
	for i := range 500 {
		all[fmt.Sprint("key", i)] = fmt.Sprintf(`sec"ret/%04d`, i)
	}
	secrets := redact.Secrets(all)
	for _, s := range all {
		if err := redact.Error(errors.New("got "+s), secrets); strings.Contains(err.Error(), s) {
			t.Errorf("%v", err)
		}
	}
}

// A refusal is a driver's error.
type refusal struct{ dsn string }

func (r refusal) Error() string { return "refused: " + r.dsn }

func TestAReplacedErrorIsFoundByErrorsIsAndAs(t *testing.T) {
	clean, quoting := errors.New("clean"), refusal{"app:" + password}
	err := redact.Error(fmt.Errorf("%w; %w; %w", quoting, clean, io.EOF), redact.Secrets(value()))
	var found refusal
	if !errors.Is(err, clean) || !errors.Is(err, io.EOF) || !errors.Is(err, quoting) || !errors.As(err, &found) || found != quoting {
		t.Errorf("%v: not found", err)
	}
	var any interface{ Error() string }
	if errors.As(err, &any) && strings.Contains(any.Error(), password) {
		t.Error("an interface leads to the text")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		if strings.Contains(fmt.Sprintf(verb, err), password) {
			t.Errorf("%s shows it", verb)
		}
	}
	if slices.Contains(redact.Secrets(value()), "") {
		t.Error("the empty string is a secret")
	}
}

// These errors show a DSN in other forms than their texts.
type (
	withField   struct{ DSN string }
	formatting  struct{ dsn string }
	logging     struct{ dsn string }
	marshalling struct{ dsn string }
	panicking   struct{}
)

func (withField) Error() string                     { return "login failed" }
func (*formatting) Error() string                   { return "login failed" }
func (f *formatting) Format(s fmt.State, _ rune)    { fmt.Fprint(s, f.dsn) }
func (*logging) Error() string                      { return "login failed" }
func (l *logging) LogValue() slog.Value             { return slog.StringValue(l.dsn) }
func (*marshalling) Error() string                  { return "login failed" }
func (m *marshalling) MarshalJSON() ([]byte, error) { return json.Marshal(m.dsn) }
func (*panicking) Error() string                    { return "login failed" }
func (*panicking) LogValue() slog.Value             { panic(password) }
func (*panicking) MarshalJSON() ([]byte, error)     { panic(password) }
func (*panicking) Format(s fmt.State, _ rune)       { panic(password) }

func TestNoFormOfAnErrorShowsASecret(t *testing.T) {
	secrets := redact.Secrets(value())
	for _, err := range []error{withField{password}, &withField{password}, &formatting{password}, &logging{password}, &marshalling{password}, &panicking{}} {
		for _, err := range []error{err, fmt.Errorf("dial: %w", err)} {
			clean := redact.Error(err, secrets)
			if !errors.Is(clean, err) || strings.Contains(clean.Error(), password) {
				t.Errorf("%T became %v", err, clean)
			}
			for e := clean; e != nil; {
				var log strings.Builder
				slog.New(slog.NewJSONHandler(&log, nil)).Info("", "err", e)
				js, _ := json.Marshal(e)
				for _, form := range []string{fmt.Sprintf("%+v %#v %q", e, e, e), log.String(), string(js)} {
					if strings.Contains(form, password) || strings.Contains(form, inJSON(password)) {
						t.Errorf("%T shows it: %s", err, form)
					}
				}
				below, _ := e.(interface{ Unwrap() []error })
				if e = errors.Unwrap(e); below != nil && len(below.Unwrap()) > 0 {
					e = below.Unwrap()[0]
				}
			}
		}
	}
}
