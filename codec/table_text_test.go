package codec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/typedsecret/typedsecret/codec"
)

type blob []byte

// checked is a secret with a Validate method.
type checked struct {
	User string `json:"user"`
	Mode string `json:"mode"`
}

var errUser = errors.New("user must not be root")

func (c *checked) Validate() error {
	switch c.Mode {
	case "panic":
		panic("cannot stand " + c.User)
	case "panic error":
		panic(&quoting{c.User})
	case "quote":
		return fmt.Errorf("%w: %q", errUser, c.User)
	case "explain":
		return fmt.Errorf("%s: %w", c.User, &codec.Error{Path: "user", Reason: "must be a role"})
	case "stdlib":
		return json.Unmarshal([]byte(`"`+c.User), &c.Mode)
	case "":
		return &quoting{c.User}
	}
	return nil
}

type checkedByValue string

func (c checkedByValue) Validate() error {
	if len(c) > 3 {
		return &quoting{string(c)}
	}
	return nil
}

var csv = codec.Func(func(b []byte) ([2]string, error) {
	var a [2]string
	if n, err := fmt.Sscanf(string(b), "%s %s", &a[0], &a[1]); err != nil {
		return a, fmt.Errorf("%d fields in %q: %w", n, b, errUser)
	}
	return a, nil
})

var panics = codec.Func(func(b []byte) (int, error) { panic(fmt.Sprintf("no: %s", b)) })

// foreign is a user's codec that breaks every rule of Codec.
type foreign struct{ err error }

func (f foreign) Decode(data []byte, into any) error {
	if p, ok := into.(*[]byte); ok {
		*p = data
		return f.err
	}
	return &quoting{string(data)}
}

var textRows = []decoding{
	accepts("string", "$S\n", secretText+"\n"),
	accepts("empty string", "", ""),
	accepts("named string", "$S", password(secretText)),
	accepts("bytes", "\x00\xff", []byte{0, 255}),
	accepts("no bytes", "", []byte{}),
	accepts("named bytes", "ab", blob("ab")),
	accepts("time.Time as text", "2026-11-24T04:00:00Z", time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)),
	accepts("netip.Addr as text", "192.0.2.1", netip.MustParseAddr("192.0.2.1")),
	accepts("net.IP as text", "192.0.2.1", net.IPv4(192, 0, 2, 1)),
	accepts("url.URL as text", "https://h/p", *mustURL("https://h/p")),
	accepts("*url.URL as text", "https://h/p", mustURL("https://h/p")),
	accepts("json.RawMessage as JSON", `{"a":1}`, json.RawMessage(`{"a":1}`)),
	accepts("UnmarshalJSON at the top", `"ABC"`, upper{[]byte(`"ABC"`)}),
	accepts("UnmarshalText at the top", `low`, level(1)),
	accepts("Validate is content", `{"user":"u","mode":"x"}`, checked{"u", "x"}),
	accepts("Validate by value is content", `abc`, checkedByValue("abc")),
	acceptsBy(csv, "Func", "a b", [2]string{"a", "b"}),
	acceptsBy(foreign{}, "a codec that keeps its input", "abc", []byte("abc")),

	refuses[checked]("Validate's text is not shown", `{"user":"$S","mode":"quote"}`, codec.ErrInvalid, "Validate refused"),
	refuses[checked]("Validate's sentinel is found", `{"user":"$S","mode":"quote"}`, errUser),
	refuses[checked]("Validate explains", `{"user":"$S","mode":"explain"}`, codec.ErrInvalid, "user: invalid value: must be a role"),
	refuses[checked]("Validate panics", `{"user":"$S","mode":"panic"}`, codec.ErrPanic, "panicked with a string"),
	refuses[checked]("Validate panics with an error", `{"user":"$S","mode":"panic error"}`, codec.ErrPanic),
	refuses[checked]("Validate returns a syntax error", `{"user":"$S","mode":"stdlib"}`, codec.ErrInvalid),
	refuses[*checked]("Validate by pointer", `{"user":"$S","mode":""}`, codec.ErrInvalid, "codec_test.checked"),
	refuses[checkedByValue]("Validate by value", `$S`, codec.ErrInvalid),
	refusesBy[[2]string](csv, "Func refuses", "$S", codec.ErrValue),
	refusesBy[[2]string](csv, "Func's sentinel is found", "$S", errUser),
	refusesBy[int](panics, "Func panics", "$S", codec.ErrPanic),
	refusesBy[string](csv, "Func for another type", "$S", codec.ErrUnsupported, "*[2]string"),
	refusesBy[string](codec.Func[string](nil), "Func of nothing", "$S", codec.ErrUnsupported),
	refusesBy[string](nil, "no codec", "$S", codec.ErrUnsupported),
	refusesBy[string](foreign{}, "a codec that quotes", "$S", codec.ErrValue),
	refusesBy[[]byte](foreign{&json.UnmarshalTypeError{Value: "number " + secretNumber, Field: secretText}},
		"a codec that returns a strange error", "$S", codec.ErrValue),
	refusesBy[int](codec.Text{}, "Text into an int", "$S", codec.ErrUnsupported),
	refusesBy[int](codec.Bytes{}, "Bytes into an int", "$S", codec.ErrUnsupported),
	refusesBy[int](codec.PEM{}, "PEM into an int", "$S", codec.ErrUnsupported),
	refuses[level]("UnmarshalText at the top refuses", `$S`, codec.ErrValue),
	refuses[*url.URL]("no URL at the top", "http://u:$S@h:port/", codec.ErrValue),
	refuses[time.Time]("no time at the top", "$S", codec.ErrValue),
}
