package httpsecret_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/httpsecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

var budget0 = typedsecret.WithRetryBudget(0)

// A closing body records whether it was closed.
type closing struct {
	*strings.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

type failing struct{ err error }

func (f failing) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Body.Close()
	return nil, f.err
}

func TestErrorsCloseTheBodyAndShowNoToken(t *testing.T) {
	// The base may be such a RoundTripper itself, and report that its own credential was
	// refused. That says nothing about the credential of this one.
	broken := typedsecret.Rejected(errors.New("broken pipe"))
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/token", "sesame")
	manager.Seed(t, "prod/bad", "sesame\n")
	bad := typedsecret.New[string]("prod/bad", typedsecret.WithCache(c))
	unknown := typedsecret.New[string]("prod/unknown", typedsecret.WithCache(c))
	for name, test := range map[string]struct {
		rt   http.RoundTripper
		want error
	}{
		"of base":                    {httpsecret.BearerToken("http://api", token(c), failing{broken}), broken},
		"of the secret":              {httpsecret.BearerToken("http://api", unknown, failing{broken}), typedsecret.ErrNotFound},
		"no secret":                  {httpsecret.BearerToken("http://api", nil, failing{broken}), typedsecret.ErrZeroHandle},
		"token that no header takes": {httpsecret.BearerToken("http://api", bad, nil), nil},
		"no function":                {httpsecret.Bearer("http://api", token(c), nil, nil), nil},
		"no credentials":             {httpsecret.Basic("http://api", token(c), nil, nil), nil},
		"no origin":                  {httpsecret.BearerToken("", token(c), nil), nil},
		"a host is no origin":        {httpsecret.BearerToken("api.example.com", token(c), nil), nil},
		"a path is no origin":        {httpsecret.BearerToken("https://api/v1", token(c), nil), nil},
		"a password in an origin":    {httpsecret.BearerToken("https://u:sesame@api", token(c), nil), nil},
		"a password in no URL":       {httpsecret.BearerToken("https://u:sesame@api:x", token(c), nil), nil},
		"a password with ftp":        {httpsecret.BearerToken("ftp://api", token(c), nil), nil},
	} {
		t.Run(name, func(t *testing.T) {
			body := &closing{Reader: strings.NewReader("x")}
			r, err := http.NewRequestWithContext(t.Context(), "POST", "http://api/", body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := test.rt.RoundTrip(r)
			if resp != nil || err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Fatalf("got %v, %v", resp, err)
			}
			if !body.closed {
				t.Error("the body is open")
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func TestGetBodyThatFailsBringsThe401(t *testing.T) {
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/token", "first")
	api := &api{valid: "Bearer other"}
	rt := httpsecret.BearerToken("http://api", token(c), memory{api})
	if _, err := token(c).Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	manager.Rotate(t, "prod/token", "second")
	r, _ := http.NewRequestWithContext(t.Context(), "POST", "http://api/", strings.NewReader("x"))
	r.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	resp, err := rt.RoundTrip(r)
	if err != nil || resp.StatusCode != 401 {
		t.Errorf("got %v, %v", resp, err)
	}
}
