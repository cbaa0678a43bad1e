package codec_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
)

// refuser returns an Error of kind ErrMissingKey without a list of keys.
type refuser struct{ V string }

func (*refuser) UnmarshalJSON([]byte) error {
	return &codec.Error{Offset: -1, Kind: codec.ErrMissingKey, Reason: "neither a nor b"}
}

func TestARefusalWithoutAListOfKeysIsARefusal(t *testing.T) {
	for name, err := range map[string]error{
		"at the top": failure[refuser](codec.JSON{}, `{}`),
		"in a field": failure[one[refuser]](codec.JSON{}, `{"V":{}}`),
	} {
		if !errors.Is(err, codec.ErrMissingKey) || !strings.Contains(err.Error(), "neither a nor b") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// These errors are nil pointers. Walking through the first one panics.
type (
	returnsNilPointer struct{ V string }
	panicsNilPointer  struct{ V string }
	invalidNilPointer struct{ V string }
)

func nilPathError() error {
	var e *fs.PathError
	return e
}

func (*returnsNilPointer) UnmarshalText([]byte) error { return nilPathError() }
func (*panicsNilPointer) UnmarshalText([]byte) error  { panic(nilPathError()) }
func (invalidNilPointer) Validate() error             { return nilPathError() }

func TestAnErrorThatIsANilPointerIsAnError(t *testing.T) {
	function := codec.Func(func([]byte) (int, error) { return 0, nilPathError() })
	for name, err := range map[string]error{
		"returned by UnmarshalText":  failure[returnsNilPointer](codec.For[returnsNilPointer](), "x"),
		"returned to JSON":           failure[one[returnsNilPointer]](codec.JSON{}, `{"V":"x"}`),
		"panicked in UnmarshalText":  failure[panicsNilPointer](codec.For[panicsNilPointer](), "x"),
		"returned by Validate":       failure[invalidNilPointer](codec.JSON{}, `{"V":"x"}`),
		"returned by the function":   failure[int](function, "x"),
		"returned by the own codec":  failure[string](foreignCodec{nilPathError()}, "x"),
		"wrapped, in the own codec":  failure[string](foreignCodec{errors.Join(nilPathError())}, "x"),
		"with an Is that is no good": failure[string](foreignCodec{(*badIs)(nil)}, "x"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if errors.Is(err, fs.ErrNotExist) || err.Error() == "" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// endless is an error that wraps itself. It panics if Unwrap is called too often.
type endless struct{ left int }

func (*endless) Error() string { return "again" }
func (e *endless) Unwrap() error {
	if e.left--; e.left < 0 {
		panic("walked through without end")
	}
	return e
}

// wrapsItself is refused by an error that wraps itself.
type wrapsItself struct{ V string }

func (*wrapsItself) UnmarshalJSON([]byte) error { return &endless{5000} }

func TestAnErrorThatWrapsItselfIsAnErrorOfItsField(t *testing.T) {
	for name, doc := range map[string]string{"alone": `{"V":1}`, "with a duplicate key": `{"V":{"a":1,"a":2}}`} {
		err := failure[one[wrapsItself]](codec.JSON{}, doc)
		if err == nil || !strings.Contains(err.Error(), ": V: ") || strings.Contains(err.Error(), "panicked") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

type foreignCodec struct{ err error }

func (c foreignCodec) Decode([]byte, any) error { return c.err }

type badIs struct{ target error }

func (*badIs) Error() string          { return "bad" }
func (e *badIs) Is(target error) bool { return e.target == target }

func TestATextNamesSomeOfVeryManyMissingKeys(t *testing.T) {
	err := failure[[]dbCreds](codec.JSON{}, "["+strings.Repeat("{},", 9999)+"{}]")
	e, ok := errors.AsType[*codec.Error](err)
	if !ok || len(e.Missing) != 1000 {
		t.Fatalf("got %T with %d missing keys", err, len(e.Missing))
	}
	if text := err.Error(); len(text) > 5000 || !strings.HasSuffix(text, " more") {
		t.Errorf("%d bytes: %.200s", len(text), text)
	}
}

// binaryBlob is base64 in JSON, for encoding/json and for codec.JSON.
type binaryBlob []byte

func (b *binaryBlob) UnmarshalBinary(data []byte) error {
	*b = append(binaryBlob("binary:"), data...)
	return nil
}

func TestBytesInJSONAreBase64WhateverTheirMethods(t *testing.T) {
	got, err := codec.Decode[one[binaryBlob]](codec.JSON{}, []byte(`{"V":"AQID"}`))
	if err != nil || string(got.V) != "\x01\x02\x03" {
		t.Errorf("got %q, %v", got.V, err)
	}
}
