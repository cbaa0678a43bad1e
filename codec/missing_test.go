package codec_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
)

// theirs is like a type of another package: it has no tags, and fields that no JSON value
// fills.
type theirs struct {
	Host, Password string
	Port           int
	Sub            struct{ User string }
	Dial           func()
	Log            io.Writer
	Done           chan int
	Hooks          []func()
	More           *theirs
	//lint:ignore U1000 other packages have unexported fields too
	lock chan int
}

var anyKeys = codec.JSON{AllowMissing: true}

var missingRows = []decoding{
	acceptsBy(anyKeys, "missing keys", `{"Port":5432}`, theirs{Port: 5432}),
	acceptsBy(anyKeys, "no keys at all", `{}`, theirs{}),
	acceptsBy(anyKeys, "null", `{"Host":null,"Sub":null,"Dial":null}`, theirs{}),
	acceptsBy(anyKeys, "keys in another case", `{"host":"h","PASSWORD":"$S","sub":{"user":"u"}}`,
		theirs{Host: "h", Password: secretText, Sub: struct{ User string }{"u"}}),
	acceptsBy(anyKeys, "further in", `{"More":{"more":{"port":1}}}`, theirs{More: &theirs{More: &theirs{Port: 1}}}),
	acceptsBy(anyKeys, "in elements", `[{"host":"h"},{}]`, []theirs{{Host: "h"}, {}}),
	acceptsBy(anyKeys, "tagged fields too", `{"PORT":1}`, dbCreds{Port: 1}),
	acceptsBy(anyKeys, "the exact key first", `{"id":"b","ID":"a"}`, bothCases{"a", "b"}),
	acceptsBy(anyKeys, "unknown keys", `{"x":1,"hostname":"h"}`, theirs{}),
	acceptsBy(anyKeys, "by pointer", `{"Port":1}`, &theirs{Port: 1}),

	refusesBy[theirs](anyKeys, "a key with a blank", `{"Host ":"$S"}`, codec.ErrMissingKey, `the secret has "Host "`),
	refusesBy[theirs](anyKeys, "a key twice but for its case", `{"Host":"$S","host":"$S"}`, codec.ErrDuplicateKey, "Host: "),
	refusesBy[bothCases](anyKeys, "a key that may be either", `{"iD":"$S"}`, codec.ErrUnknownKey, "two fields"),
	refusesBy[theirs](anyKeys, "a number for a string", `{"host":$N}`, codec.ErrWrongKind, "Host: "),
	refusesBy[theirs](anyKeys, "null in place of the whole", `null`, codec.ErrWrongKind),
	refusesBy[*theirs](anyKeys, "null by pointer", `null`, codec.ErrWrongKind),
	refusesBy[func()](anyKeys, "a function", `{"x":"$S"}`, codec.ErrUnsupported),
	refusesBy[[]func()](anyKeys, "functions", `["$S"]`, codec.ErrUnsupported),
	refusesBy[ambiguous](anyKeys, "two fields with one key", `{"L":"$S"}`, codec.ErrUnsupported),
	refusesBy[theirs](codec.JSON{AllowMissing: true, Strict: true}, "strict", `{"hostname":"$S"}`, codec.ErrUnknownKey),
	refuses[theirs]("without the option", `{"Host":"$S"}`, codec.ErrUnsupported),
}

// TestAKeyForAFunctionIsRefused, although the type itself is accepted.
func TestAKeyForAFunctionIsRefused(t *testing.T) {
	for key, place := range map[string]string{"Dial": "Dial: ", "log": "Log: ", "DONE": "Done: ", "hooks": "Hooks: "} {
		doc := inputs.Replace(`{"More":{"` + key + `":["$S"]}}`)
		err := failure[theirs](anyKeys, doc)
		if !errors.Is(err, codec.ErrUnsupported) || !strings.Contains(err.Error(), "More."+place) {
			t.Errorf("%s: %v", key, err)
		}
		if form := leaks(err, secretText); form != "" {
			t.Errorf("the secret is in: %s", form)
		}
	}
}

// TestWhatEncodingJSONTookIsTaken decodes types of the standard library, as T and as
// fields.
func TestWhatEncodingJSONTookIsTaken(t *testing.T) {
	if _, err := codec.Decode[tls.Config](anyKeys, []byte(`{"serverName":"h"}`)); err != nil {
		t.Error(err)
	}
	if err := codec.Check[tls.Config](anyKeys); err != nil {
		t.Error(err)
	}
	doc, err := json.Marshal(dbCreds{Host: "h", Port: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := codec.Decode[dbCreds](anyKeys, doc); err != nil || got != (dbCreds{Host: "h", Port: 1}) {
		t.Errorf("got %+v, %v", got, err)
	}
}
