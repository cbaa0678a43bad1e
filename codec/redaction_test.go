package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
)

// leaks returns a form of err, or of an error that it wraps, that holds 4 bytes of one of
// the secrets, or "".
func leaks(err error, secrets ...string) string { return search(forms(err), secrets) }

// leaksQuickly looks only at the most informative forms, so that a fuzz target can try more
// inputs.
func leaksQuickly(err error, secrets ...string) string {
	var all []string
	for _, err := range tree(err) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%d"} {
			all = append(all, fmt.Sprintf(verb, err))
		}
	}
	return search(all, secrets)
}

func search(forms, secrets []string) string {
	for _, form := range forms {
		form = addresses.ReplaceAllString(form, "")
		for _, secret := range secrets {
			for i := 0; i+4 <= len(secret); i++ {
				if strings.Contains(form, secret[i:i+4]) {
					return form
				}
			}
		}
	}
	return ""
}

// tree lists err and all that it wraps.
func tree(err error) []error {
	if err == nil {
		return nil
	}
	all := []error{err}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		all = append(all, tree(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			all = append(all, tree(err)...)
		}
	}
	return all
}

// Addresses and times have random digits too, so they are removed: on 32 bits an address
// has seven digits after its 0x.
var (
	addresses = regexp.MustCompile(`(?i)0x[0-9a-f]+|[0-9a-f]{9,}`)
	timeless  = &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
)

// forms prints err and all that it wraps in every way.
func forms(err error) (all []string) {
	for _, err := range tree(err) {
		all = append(all, err.Error())
		things := []any{err, []error{err}, struct{ E error }{err}, &struct{ E error }{err}, map[string]any{"e": err}}
		if e, ok := err.(*codec.Error); ok {
			things = append(things, *e, []codec.Error{*e}, struct{ e *codec.Error }{e})
		}
		for _, thing := range things {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%T", "%t", "%p", "%U", "%c", "%o", "%e", "%w"} {
				all = append(all, fmt.Sprintf(verb, thing))
			}
			if b, err := json.Marshal(thing); err == nil {
				all = append(all, string(b))
			}
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, timeless)).Error("x", "e", thing)
			slog.New(slog.NewJSONHandler(&log, timeless)).Error("x", "e", thing)
			all = append(all, log.String())
		}
	}
	return all
}

// TestErrorsHoldNoSecret prints the error of every refusal in the tables in
// every way and looks for 4 bytes of the secret's values.
func TestErrorsHoldNoSecret(t *testing.T) {
	for theme, table := range tables {
		for _, row := range table {
			if row.kind == nil {
				continue
			}
			t.Run(theme+"/"+row.name, func(t *testing.T) {
				_, err := row.run([]byte(row.input))
				if form := leaks(err, secretText, secretNumber); form != "" {
					t.Errorf("the secret is in: %s", form)
				}
				if _, ok := errors.AsType[*quoting](err); ok {
					t.Error("a cause that quotes the secret is reachable")
				}
			})
		}
	}
}

// TestLeaksAreFound checks that the test above can fail.
func TestLeaksAreFound(t *testing.T) {
	for name, err := range map[string]error{
		"text":    errors.New("bad " + secretText),
		"wrapped": fmt.Errorf("x%.0w", &quoting{secretText}),
		"number":  &json.UnmarshalTypeError{Value: "number " + secretNumber, Type: reflect.TypeFor[int]()},
		"reason":  &codec.Error{Reason: secretText},
	} {
		if leaks(err, secretText, secretNumber) == "" {
			t.Errorf("%s: not found", name)
		}
	}
}

// TestHarmlessCausesStayReachable: errors.As finds the causes that hold only positions and
// types.
func TestHarmlessCausesStayReachable(t *testing.T) {
	_, err := codec.Decode[one[viaStdlib]](codec.JSON{}, []byte(inputs.Replace(`{"V":$N}`)))
	cause, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok || cause.Value != "number" || cause.Type.String() != "int8" {
		t.Errorf("errors.As: %v, %v", ok, cause)
	}
	_, err = codec.Decode[checked](codec.JSON{}, []byte(inputs.Replace(`{"user":"$S","mode":"stdlib"}`)))
	if cause, ok := errors.AsType[*json.SyntaxError](err); !ok || cause.Offset == 0 || cause.Error() != "" {
		t.Errorf("errors.As: %v, %v", ok, cause)
	}
}

// TestMissingKeysAreData: a caller can report the missing keys in its own words.
func TestMissingKeysAreData(t *testing.T) {
	err := codec.JSON{}.Decode([]byte(`{"host":null,"Port":1,"password":2}`), new(dbCreds))
	e, ok := errors.AsType[*codec.Error](err)
	if !ok {
		t.Fatalf("%v", err)
	}
	want := []codec.MissingKey{
		{Key: "host", Field: "Host", Null: true},
		{Key: "port", Field: "Port", Near: "Port"},
		{Key: "username", Field: "Username"},
	}
	if fmt.Sprint(e.Missing) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", e.Missing, want)
	}
	if e.Path != "password" || e.Kind != codec.ErrWrongKind || e.Offset != 33 {
		t.Errorf("got %q, %v, %d", e.Path, e.Kind, e.Offset)
	}
	if diff := fmt.Sprint((*codec.Error)(nil)); diff != "<nil>" {
		t.Error(diff)
	}
}
