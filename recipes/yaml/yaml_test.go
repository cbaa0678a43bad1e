package yaml_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/recipes/yaml"
)

type creds struct {
	Host     string            `json:"host"`
	Port     int               `json:"port"`
	Password string            `json:"password"`
	Timeout  time.Duration     `json:"timeout,omitempty"`
	Key      []byte            `json:"key,omitempty"`
	Tags     []string          `json:"tags,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Standby  *creds            `json:"standby"`
}

// secret is in the inputs below as $S.
const secret = "zQ7xV9kW2mB4"

const whole = `# a comment
host: &h db.internal
port: 5432
password: |
  $S
  second
timeout: 30s
key: !!binary |
  AQID
tags: [a, "b", 'c', !!str 1]
labels:
  1: x
  true: "y"
standby:
  host: *h
  port: 5433
  password: "\u0024S"
`

func TestDecode(t *testing.T) {
	want := creds{
		Host: "db.internal", Port: 5432, Password: secret + "\nsecond\n", Timeout: 30 * time.Second, Key: []byte{1, 2, 3},
		Tags: []string{"a", "b", "c", "1"}, Labels: map[string]string{"1": "x", "true": "y"},
		Standby: &creds{Host: "db.internal", Port: 5433, Password: "$S"},
	}
	got, err := codec.Decode[creds](yaml.Codec{Strict: true}, []byte(strings.ReplaceAll(whole, "$S", secret)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, in := range map[string]string{
		"JSON":    `{"host":"h","port":1,"password":"p"}`,
		"flow":    `{host: h, port: 1, password: p}`,
		"markers": "---\nhost: h\nport: 1\npassword: p\n...\n",
		"version": "%YAML 1.2\n---\nhost: h\nport: 1\npassword: p\n",
		"CRLF":    "host: h\r\nport: 1\r\npassword: p\r\n",
	} {
		got, err := codec.Decode[creds](yaml.Codec{}, []byte(in))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(creds{Host: "h", Port: 1, Password: "p"}, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
	folded, err := codec.Decode[creds](yaml.Codec{}, []byte("host: h\nport: 1\npassword: >-\n  a\n  b"))
	if err != nil || folded.Password != "a b" {
		t.Errorf("folded: %+v, %v", folded, err)
	}
	kept, err := codec.Decode[creds](yaml.Codec{}, []byte("host: h\nport: 1\npassword: |+\n  a\n"))
	if err != nil || kept.Password != "a\n" {
		t.Errorf("kept line ends: %q, %v", kept.Password, err)
	}
	quoted, err := codec.Decode[creds](yaml.Codec{}, []byte("host: h\nport: 1\npassword: \"a\tb\""))
	if err != nil || quoted.Password != "a\tb" {
		t.Errorf("a tab in quotes: %+v, %v", quoted, err)
	}
	number, err := codec.Decode[creds](yaml.Codec{Lenient: true}, []byte("host: h\nport: '1'\npassword: 1234"))
	if err != nil || number.Password != "1234" || number.Port != 1 {
		t.Errorf("lenient: %+v, %v", number, err)
	}
}

// TestRefusals also checks that no error holds 4 successive bytes of the secret.
func TestRefusals(t *testing.T) {
	for name, row := range map[string]struct {
		in   string
		kind error
		says string
	}{
		"missing keys":       {"password: $S", codec.ErrMissingKey, `"host" (field Host), "port" (field Port)`},
		"null":               {"host: ~\nport: 1\npassword: $S", codec.ErrMissingKey, `"host" (field Host, null`},
		"duplicate key":      {"host: $S\nhost: $S", codec.ErrDuplicateKey, "host"},
		"duplicate unknown":  {"$S: 1\n$S: 2", codec.ErrDuplicateKey, "twice"},
		"number for text":    {"host: h\nport: 1\npassword: 83194627", codec.ErrWrongKind, "JSON.Lenient"},
		"text for number":    {"host: h\nport: '$S'\npassword: p", codec.ErrWrongKind, "port"},
		"octal":              {"password: 0123\nhost: $S", codec.ErrValue, "line 1"},
		"infinity":           {"password: .inf\nhost: $S", codec.ErrValue, "line 1"},
		"syntax":             {"host: h\npassword: \"$S", codec.ErrSyntax, "cannot be parsed"},
		"indentation":        {"host: h\n  $S: x\n $S", codec.ErrSyntax, ""},
		"tab in a text":      {"host: h\npassword: $S\tx", codec.ErrValue, "quotes"},
		"tab in a tagged":    {"host: !!str $S\tx", codec.ErrValue, "quotes"},
		"tab in a key":       {"$S\tx: 1", codec.ErrValue, "quotes"},
		"bool in capitals":   {"host: TRUE\npassword: $S", codec.ErrValue, "quote it"},
		"byte-order mark":    {"\ufeffhost: $S", codec.ErrSyntax, "byte-order mark"},
		"tab":                {"host:\n\t$S: x", codec.ErrSyntax, ""},
		"merge key":          {"a: &a {x: $S}\nb:\n  <<: *a", codec.ErrSyntax, "merge key"},
		"two documents":      {"host: $S\n---\nhost: $S", codec.ErrSyntax, "more than one"},
		"empty":              {"", codec.ErrSyntax, "empty"},
		"comment only":       {"# $S", codec.ErrSyntax, "empty"},
		"own tag":            {"host: !$S x", codec.ErrSyntax, "tag"},
		"unknown alias":      {"host: *$S", codec.ErrSyntax, "alias"},
		"alias in itself":    {"host: &$S [*$S]", codec.ErrSyntax, ""},
		"key that is a list": {"? [$S]\n: x", codec.ErrSyntax, ""},
		"not UTF-8":          {"host: $S\xff", codec.ErrSyntax, "UTF-8"},
		"list":               {"- $S", codec.ErrWrongKind, "met an array"},
		"text":               {"$S", codec.ErrWrongKind, "met a string"},
		"too deep":           {strings.Repeat("[", 1<<16), codec.ErrSyntax, "deeply"},
		"too deep in a line": {strings.Repeat("- ", 1<<15), codec.ErrSyntax, "deeply"},
		"deep":               {strings.Repeat("[", 3000) + strings.Repeat("]", 3000), codec.ErrSyntax, ""},
		"billion laughs":     {laughs(), codec.ErrSyntax, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			in := strings.ReplaceAll(row.in, "$S", secret)
			_, err := codec.Decode[creds](yaml.Codec{}, []byte(in))
			if !errors.Is(err, row.kind) || !strings.Contains(fmt.Sprint(err), row.says) {
				t.Errorf("%v\nis not: %v, or does not say: %s", err, row.kind, row.says)
			}
			if !strings.Contains(fmt.Sprint(err), "yaml_test.creds") {
				t.Errorf("%v: names no type", err)
			}
			searchPieces(t, err)
			searchPieces(t, yaml.Codec{Strict: true}.Decode([]byte(in), new(creds)))
		})
	}
}

// TestAllThatIsWrongIsToldAtOnce, without positions. Problems that read alike are reported once.
func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	in := "host: 5\nport: '$S'\n$S: 1\nx$S: 2\ntimeout: $S\n"
	_, err := codec.Decode[creds](yaml.Codec{Strict: true}, []byte(strings.ReplaceAll(in, "$S", secret)))
	want := "codec: decoding yaml_test.creds: host: wrong kind of value: met a number where a string is wanted; tag the field `,string` or set JSON.Lenient to take either" +
		"; also port: wrong kind of value: met a string where a number is wanted; tag the field `,string` or set JSON.Lenient to take either" +
		"; also unknown key: no field is for this key" +
		`; also timeout: unfit value: a string such as "30s" or a number of nanoseconds is wanted` +
		`; also missing key "password" (field Password)`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	searchPieces(t, err)
}

func searchPieces(t *testing.T, err error) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s", "%d"} {
		form := fmt.Sprintf(verb, err)
		for i := 0; i+4 <= len(secret); i++ {
			if strings.Contains(form, secret[i:i+4]) {
				t.Errorf("%s: the secret is in %s", verb, form)
			}
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		searchPieces(t, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			searchPieces(t, err)
		}
	}
}

func laughs() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [$S, $S]\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1)
	}
	return b.String()
}

// FuzzYAML: no document panics, and no error quotes it.
func FuzzYAML(f *testing.F) {
	f.Add(whole)
	f.Add(laughs())
	f.Add("? a\n: $S\nb: {c: [$S, *x]}\n$S: !!str |-\n  $S")
	f.Add(`{"host":"$S"}`)
	f.Fuzz(func(t *testing.T, doc string) {
		doc = strings.ReplaceAll(doc, "$S", secret)
		_, err := codec.Decode[creds](yaml.Codec{Strict: true}, []byte(doc))
		searchPieces(t, err)
		var v any
		if err := (yaml.Codec{}).Decode([]byte(doc), &v); err == nil {
			if _, err := json.Marshal(v); err != nil {
				t.Error(err)
			}
		}
	})
}
