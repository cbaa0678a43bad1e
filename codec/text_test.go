package codec_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
)

// TestBytesThatAreNoTextAreRefused: a string that printed or compared wrongly would be a silent
// change. A T of bytes accepts them.
func TestBytesThatAreNoTextAreRefused(t *testing.T) {
	binary := []byte("key \xff\xfe\x00")
	for name, decode := range map[string]func() error{
		"string":          func() error { _, err := codec.Decode[string](codec.For[string](), binary); return err },
		"a string's type": func() error { type key string; _, err := codec.Decode[key](codec.For[key](), binary); return err },
		"pointer":         func() error { _, err := codec.Decode[*string](codec.For[*string](), binary); return err },
		"Redacted":        func() error { _, err := codec.Decode[codec.Redacted](codec.For[codec.Redacted](), binary); return err },
		"URL":             func() error { _, err := codec.Decode[url.URL](codec.For[url.URL](), binary); return err },
		"trimmed":         func() error { _, err := codec.Decode[string](codec.Text{TrimNewline: true}, binary); return err },
	} {
		err := decode()
		e, ok := errors.AsType[*codec.Error](err)
		if !ok || e.Kind != codec.ErrValue || e.Offset != 4 || !strings.Contains(err.Error(), "UTF-8") || !strings.Contains(err.Error(), "[]byte") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b, err := codec.Decode[[]byte](codec.For[[]byte](), binary); err != nil || string(b) != string(binary) {
		t.Errorf("[]byte: %q, %v", b, err)
	}
	for _, text := range []string{"", "\uFFFD", "ü€😀", "\x00"} {
		if s, err := codec.Decode[string](codec.For[string](), []byte(text)); err != nil || s != text {
			t.Errorf("%q: %q, %v", text, s, err)
		}
	}
}
