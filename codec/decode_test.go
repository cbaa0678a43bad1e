package codec_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/codec"
)

// The secret values in the tables. No 4 bytes of them are in any name.
const (
	secretText   = "zQ7xV9kW2mB4"
	secretNumber = "83194627"
)

// inputs replaces $S and $N by the secret values.
var inputs = strings.NewReplacer("$S", secretText, "$N", secretNumber)

// A decoding is a row of the tables: a secret and the result of decoding it.
type decoding struct {
	name  string
	input string
	run   func(input []byte) (any, error)
	fits  func() error // the result of codec.Check for the type
	want  any
	kind  error    // the kind of a refusal
	says  []string // parts of a refusal's text
}

// accepts is a row whose input decodes to want, by T's default codec.
func accepts[T any](name, input string, want T) decoding {
	return acceptsBy(codec.For[T](), name, input, want)
}

func acceptsBy[T any](c codec.Codec, name, input string, want T) decoding {
	return decoding{name: name, input: inputs.Replace(input), want: want, run: by[T](c), fits: fits[T](c)}
}

// refuses is a row whose input is refused with an error of that kind.
func refuses[T any](name, input string, kind error, says ...string) decoding {
	return refusesBy[T](codec.For[T](), name, input, kind, says...)
}

func refusesBy[T any](c codec.Codec, name, input string, kind error, says ...string) decoding {
	return decoding{name: name, input: inputs.Replace(input), kind: kind, says: says, run: by[T](c), fits: fits[T](c)}
}

func by[T any](c codec.Codec) func([]byte) (any, error) {
	return func(input []byte) (any, error) { return codec.Decode[T](c, input) }
}

func fits[T any](c codec.Codec) func() error {
	return func() error { return codec.Check[T](c) }
}

var tables = map[string][]decoding{
	"struct":    structRows,
	"scalar":    scalarRows,
	"number":    numberRows,
	"whole":     wholeRows,
	"key":       keyRows,
	"missing":   missingRows,
	"redacted":  redactedRows,
	"syntax":    syntaxRows,
	"type":      typeRows,
	"text":      textRows,
	"pem":       pemRows(),
	"pem field": pemFieldRows(),
}

// values compares decoded values. Keys and pools have methods that compare them.
var values = cmp.Options{
	cmp.Exporter(func(reflect.Type) bool { return true }),
	cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) }),
}

func TestDecoding(t *testing.T) {
	rows, refusals := 0, 0
	for theme, table := range tables {
		for _, row := range table {
			rows++
			if row.kind != nil {
				refusals++
			}
			t.Run(theme+"/"+row.name, func(t *testing.T) { row.check(t) })
		}
	}
	if rows < 90 || refusals < rows/3 {
		t.Errorf("%d rows, %d of them refusals", rows, refusals)
	}
}

func (row decoding) check(t *testing.T) {
	input := []byte(row.input)
	got, err := row.run(input)
	if string(input) != row.input {
		t.Fatal("the codec changed its input")
	}
	if unfit := row.fits(); (unfit != nil) != (row.kind == codec.ErrUnsupported) {
		t.Errorf("Check: %v", unfit)
	}
	if row.kind == nil {
		if err != nil {
			t.Fatalf("unexpected refusal: %v", err)
		}
		clear(input) // nothing may alias it
		if diff := cmp.Diff(row.want, got, values); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		return
	}
	if err == nil {
		t.Fatalf("decoded to %#v, want a refusal: %v", got, row.kind)
	}
	if !errors.Is(err, row.kind) {
		t.Errorf("%v\nis not: %v", err, row.kind)
	}
	if _, ok := errors.AsType[*codec.Error](err); !ok {
		t.Errorf("%T is not a *codec.Error", err)
	}
	for _, s := range row.says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%v\ndoes not say: %s", err, s)
		}
	}
}
