package codec_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
)

const withKeys = `{"password":"p\"w","port":5432,"tls":{"ca":"x"},"none":null}`

func TestAKeyIsDecodedByItself(t *testing.T) {
	if got, err := codec.Decode[string](codec.Key("password", codec.Text{}), []byte(withKeys)); got != `p"w` || err != nil {
		t.Errorf("a string: %q, %v", got, err)
	}
	if got, err := codec.Decode[[]byte](codec.Key("password", codec.Bytes{}), []byte(withKeys)); string(got) != `p"w` || err != nil {
		t.Errorf("bytes: %q, %v", got, err)
	}
	if got, err := codec.Decode[int](codec.Key("port", codec.JSON{}), []byte(withKeys)); got != 5432 || err != nil {
		t.Errorf("a number: %d, %v", got, err)
	}
	type tls struct {
		CA string `json:"ca"`
	}
	if got, err := codec.Decode[tls](codec.Key("tls", codec.JSON{}), []byte(withKeys)); got.CA != "x" || err != nil {
		t.Errorf("an object: %v, %v", got, err)
	}
}

func TestAKeyThatCanNotBeHadIsAnErrorThatNamesIt(t *testing.T) {
	for _, test := range []struct {
		what, key, data string
		kind            error
		says            string
	}{
		{"missing", "user", withKeys, codec.ErrMissingKey, `"user"`},
		{"of another case", "Password", withKeys, codec.ErrMissingKey, `the secret has "password" and case counts`},
		{"null", "none", withKeys, codec.ErrWrongKind, "none: "},
		{"a number", "port", withKeys, codec.ErrWrongKind, "port: wrong kind of value: the value of the key is no string"},
		{"an object", "tls", withKeys, codec.ErrWrongKind, "tls: "},
		{"no JSON", "password", "hunter2", codec.ErrSyntax, ""},
		{"no object", "password", `"hunter2"`, codec.ErrWrongKind, ""},
		{"twice", "password", `{"password":"hunter2","password":"x"}`, codec.ErrDuplicateKey, ""},
		{"empty", "", withKeys, codec.ErrUnsupported, "must not be empty"},
		{"with a comma", "a,b", withKeys, codec.ErrUnsupported, "commas; the key is"},
		{"with a quote", `a"b`, withKeys, codec.ErrUnsupported, "other than quotes"},
		{"not UTF-8", "\xff", withKeys, codec.ErrUnsupported, `the key is "\xff"`},
	} {
		_, err := codec.Decode[string](codec.Key(test.key, codec.Text{}), []byte(test.data))
		if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "StructOf") {
			t.Errorf("%s: %v", test.what, err)
		}
		if err != nil && strings.Contains(err.Error(), "struct {") {
			t.Errorf("%s: the error shows how it is done: %v", test.what, err)
		}
	}
	if err := codec.Check[int](codec.Key("k", codec.Text{})); !errors.Is(err, codec.ErrUnsupported) {
		t.Errorf("text into an int: %v", err)
	}
	_, err := codec.Decode[struct{ Port int }](codec.Key("tls", codec.JSON{}), []byte(withKeys))
	if !errors.Is(err, codec.ErrMissingKey) || !strings.Contains(err.Error(), "Port") {
		t.Errorf("within the value: %v", err)
	}
}

func TestAKeyOfAnyNameIsReadOrRefusedAtOnce(t *testing.T) {
	data := []byte(`{"-":"a","a b":"b","日.本":"c"}`)
	for key, want := range map[string]string{"-": "a", "a b": "b", "日.本": "c"} {
		if got, err := codec.Decode[string](codec.Key(key, codec.Text{}), data); got != want || err != nil {
			t.Errorf("%q: %q, %v", key, got, err)
		}
	}
	for _, key := range []string{`a"b`, "a\nb", "\xff", "a`b"} {
		if err := codec.Check[string](codec.Key(key, codec.Text{})); !errors.Is(err, codec.ErrUnsupported) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestAPathBeginsWithTheKey(t *testing.T) {
	type db struct {
		TLS struct {
			CA string `json:"ca"`
		} `json:"tls"`
	}
	var e *codec.Error
	if _, err := codec.Decode[db](codec.Key("db", codec.JSON{}), []byte(`{"db":{"tls":{}}}`)); !errors.As(err, &e) || e.Missing[0].Key != "db.tls.ca" {
		t.Error(err)
	}
	if _, err := codec.Decode[[]int](codec.Key("ports", codec.JSON{}), []byte(`{"ports":[1,"x"]}`)); !errors.As(err, &e) || e.Path != "ports[1]" {
		t.Error(err)
	}
}

func TestAKeyForAPointerToJSON(t *testing.T) {
	if got, err := codec.Decode[int](codec.Key("port", &codec.JSON{}), []byte(withKeys)); got != 5432 || err != nil {
		t.Error(got, err)
	}
}
