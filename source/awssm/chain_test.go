package awssm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// marker is a secret none of whose 4-byte pieces occurs in ordinary text.
const marker = "Zq7!Xw9@Kv3#Jp5$Ym1%Ub8^Tn2&Rc6*"

// forms are the ways in which an error, and what it wraps, may be shown.
func forms(err error) []string {
	var out []string
	var walk func(any, int)
	walk = func(v any, depth int) {
		if depth > 40 || v == nil {
			return
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			out = append(out, fmt.Sprintf(verb, v))
		}
		if js, err := json.Marshal(v); err == nil {
			out = append(out, string(js))
		}
		e, ok := v.(error)
		if !ok {
			return
		}
		switch u := e.(type) {
		case interface{ Unwrap() error }:
			walk(u.Unwrap(), depth+1)
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				walk(e, depth+1)
			}
		}
	}
	walk(err, 0)
	return out
}

// reachable prints what reflection finds behind v, unexported fields included.
func reachable(v reflect.Value, seen map[uintptr]bool, out *strings.Builder) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return
		}
		seen[v.Pointer()] = true
		reachable(v.Elem(), seen, out)
	case reflect.Interface:
		if !v.IsNil() {
			reachable(v.Elem(), seen, out)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			reachable(v.Field(i), seen, out)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			for i := range b {
				b[i] = byte(v.Index(i).Uint())
			}
			out.Write(b)
			out.WriteByte('\n')
			return
		}
		for i := range v.Len() {
			reachable(v.Index(i), seen, out)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			reachable(it.Key(), seen, out)
			reachable(it.Value(), seen, out)
		}
	case reflect.String:
		out.WriteString(v.String())
		out.WriteByte('\n')
	}
}

func checkNoSecret(t *testing.T, err error, secrets ...string) {
	t.Helper()
	var behind strings.Builder
	reachable(reflect.ValueOf(&err), map[uintptr]bool{}, &behind)
	for _, form := range append(forms(err), behind.String()) {
		for _, secret := range secrets {
			for i := range len(secret) - 3 {
				piece := secret[i : i+4]
				if strings.Contains(form, piece) || strings.Contains(form, fmt.Sprintf("%x", piece)) {
					t.Errorf("%q of a secret in %s", piece, form)
					return
				}
			}
		}
	}
}

func TestErrorsShowNoSecret(t *testing.T) {
	body := fmt.Sprintf(`{"ARN":"a","Name":"n","VersionId":"v","SecretString":%q}`, marker)
	raw := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprint(conn, answer)
		}
	}
	plainBody := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"truncated", raw("HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n" + body)},
		{"no JSON", plainBody(200, marker)},
		{"JSON cut inside the secret", plainBody(200, body[:len(body)-10])},
		{"secret of another type", plainBody(200, fmt.Sprintf(`{"SecretString":[%q]}`, marker))},
		{"secret in a date", plainBody(200, fmt.Sprintf(`{"CreatedDate":%q}`, marker))},
		{"binary that isn't base64", plainBody(200, fmt.Sprintf(`{"SecretBinary":%q}`, marker))},
		{"bad escape in the secret", plainBody(200, `{"SecretString":"\u`+marker+`"}`)},
		{"rubbish after a bare secret", plainBody(200, `{"SecretString":`+marker+`}`)},
		{"key", plainBody(200, `{"`+marker+`":`)},
		{"snapshot of a 500", plainBody(500, body[:len(body)-10])},
		{"a 400 with the secret for a body", plainBody(400, marker)},
		{"a status line of the secret", raw(marker + "\r\n\r\n")},
		{"a protocol of the secret", raw("HTTP/" + marker + " 200 OK\r\n\r\n")},
		{"a status of the secret", raw("HTTP/1.1 " + marker + "\r\n\r\n")},
		{"a header line of the secret", raw("HTTP/1.1 200 OK\r\n" + marker + "\r\n\r\n")},
		{"a length of the secret", raw("HTTP/1.1 200 OK\r\nContent-Length: " + marker + "\r\n\r\n")},
		{"an encoding of the secret", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + marker + "\r\n\r\n")},
		{"a chunk of the secret", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + marker + "\r\n")},
		{"headers of a refusal", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Echo", marker)
			answerError(w, 400, "AccessDeniedException", "no")
		}},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/?"+url.QueryEscape(marker), http.StatusFound)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := serve(t, c.handler)
			_, err := newSource(t, srv.URL).Fetch(t.Context(), current)
			if err == nil {
				t.Fatal("no error")
			}
			checkNoSecret(t, err, marker, secretKey, sessionToken, "AWS4-HMAC-SHA256")
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("more than one line: %q", err)
			}
			t.Log(err)
		})
	}
}

// TestErrorsOfCredentialProvidersShowNoCredentials: the SDK's processcreds
// quotes a process's output if that is no JSON.
func TestErrorsOfCredentialProvidersShowNoCredentials(t *testing.T) {
	o := options("http://127.0.0.1:1")
	o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, fmt.Errorf("parse failed of process output: %s, error: %w", marker, errors.New(marker))
	})
	s, err := awssm.New(secretsmanager.New(o))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Fetch(t.Context(), current)
	if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Errorf("error is %v", err)
	}
	checkNoSecret(t, err, marker)
}

// errOfClient is a sentinel of a client that wraps the SDK's.
var errOfClient = errors.New("the circuit is open for " + marker)

// A clientError is a type of such a client.
type clientError struct{ quotes string }

func (e *clientError) Error() string { return e.quotes }

// TestAClientsOwnErrorsAreFound, though their texts, which may quote anything, are withheld.
func TestAClientsOwnErrorsAreFound(t *testing.T) {
	layer := fmt.Errorf("%s: %w", marker, errors.New("x"))
	for name, err := range map[string]error{
		"sentinel": errOfClient, "wrapped": fmt.Errorf("get %s: %w", marker, errOfClient), "joined": errors.Join(errOfClient, errors.New(marker)),
		"typed": errors.Join(&clientError{marker}, errOfClient), "around the SDK's": fmt.Errorf("%w: %w", errOfClient, &types.ResourceNotFoundException{}),
		"a layer": fmt.Errorf("%w; %w", layer, errOfClient),
	} {
		t.Run(name, func(t *testing.T) {
			s, failed := awssm.New(&recorder{err: err})
			if failed != nil {
				t.Fatal(failed)
			}
			_, got := s.Fetch(t.Context(), current)
			if !errors.Is(got, errOfClient) || errors.Is(got, io.EOF) {
				t.Errorf("errors.Is: %v", got)
			}
			if _, ok := errors.AsType[*clientError](got); ok != (name == "typed") {
				t.Errorf("errors.As: %v", ok)
			}
			if name == "a layer" && !errors.Is(got, layer) {
				t.Error("an error that wraps another is not found")
			}
			checkNoSecret(t, got, marker)
		})
	}
}
