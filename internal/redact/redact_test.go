package redact_test

import (
	"errors"
	"fmt"
	"io"
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
	Options  map[string]string
	Self     *creds
}

func value() *creds {
	c := &creds{
		Username: "application", Password: password, Host: "db.internal", Token: codec.Redact("sesame-open"), Short: "shorter",
		key: []byte("raw-key-bytes"), Options: map[string]string{"host": "replica.internal", "pin": "12345678"},
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
		"a Redacted":             "sesame-open", "unexported": "raw-key-bytes", "in a map": "12345678",
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

func TestThePasswordOfADSNIsReplacedByItself(t *testing.T) {
	for _, dsn := range []string{
		"postgres://app:longpassword@db.internal:5432/app", "app:longpassword@tcp(db.internal:3306)/app", "host=db.internal user=app password='longpassword'",
	} {
		err := redact.Error(errors.New("login with longpassword refused"), redact.Secrets(dsn))
		if strings.Contains(err.Error(), "longpassword") {
			t.Errorf("%s: %v", dsn, err)
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
