package codec_test

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/codec"
)

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// upper has an UnmarshalJSON that quotes its input in errors and keeps it.
type upper struct{ raw []byte }

func (u *upper) UnmarshalJSON(b []byte) error {
	if string(b) != `"`+strings.ToUpper(string(b[1:len(b)-1]))+`"` {
		return &quoting{string(b)}
	}
	u.raw = b
	return nil
}

// quoting is an error whose every printed form quotes the secret.
type quoting struct{ Text string }

func (q *quoting) Error() string { return "cannot read " + q.Text }

func (q *quoting) Is(target error) bool { return target == errUpper }

var errUpper = errors.New("upper case wanted")

type viaStdlib struct{ n int8 }

func (v *viaStdlib) UnmarshalJSON(b []byte) error {
	return fmt.Errorf("in %s: %w", b, json.Unmarshal(b, &v.n))
}

type viaCodec struct{ replica }

func (v *viaCodec) UnmarshalJSON(b []byte) error {
	return codec.JSON{}.Decode(b, &v.replica)
}

type level int

var _ encoding.TextUnmarshaler = new(level)

func (l *level) UnmarshalText(b []byte) error {
	if string(b) != "low" {
		return &quoting{string(b)}
	}
	*l = 1
	return nil
}

type packed struct{ A, B byte }

func (p *packed) UnmarshalBinary(b []byte) error {
	if len(b) != 2 {
		return &quoting{string(b)}
	}
	p.A, p.B = b[0], b[1]
	return nil
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

type (
	selfPointer    *selfPointer
	otherPointer   *anotherPointer
	anotherPointer *otherPointer
)

var typeRows = []decoding{
	accepts("time.Time", `{"V":"2026-11-24T04:00:00Z"}`, one[time.Time]{time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)}),
	accepts("time.Duration", `{"V":"1m30s"}`, one[time.Duration]{90 * time.Second}),
	accepts("time.Duration in nanoseconds", `{"V":1500}`, one[time.Duration]{1500}),
	accepts("time.Duration with `,string`", `{"V":"1500"}`, quoted[time.Duration]{1500}),
	accepts("url.URL", `{"V":"https://u@h:1/p?q"}`, one[url.URL]{*mustURL("https://u@h:1/p?q")}),
	accepts("*url.URL", `{"V":"https://u@h:1/p?q"}`, one[*url.URL]{mustURL("https://u@h:1/p?q")}),
	accepts("netip.Addr", `{"V":"192.0.2.1"}`, one[netip.Addr]{netip.MustParseAddr("192.0.2.1")}),
	accepts("big.Int", `{"V":123456789012345678901234567890}`, one[*big.Int]{bigInt("123456789012345678901234567890")}),
	accepts("[]byte", `{"V":"AQID"}`, one[[]byte]{[]byte{1, 2, 3}}),
	accepts("[]byte from an array", `{"V":[1,2,3]}`, one[[]byte]{[]byte{1, 2, 3}}),
	accepts("json.RawMessage", `{"V":{"a": [1]}}`, one[json.RawMessage]{json.RawMessage(`{"a": [1]}`)}),
	accepts("json.RawMessage null", `{"V":null}`, one[json.RawMessage]{json.RawMessage(`null`)}),
	accepts("any", `{"V":{"a":[1,"b",true,null,{}]}}`, one[any]{map[string]any{"a": []any{1.0, "b", true, nil, map[string]any{}}}}),
	accepts("map", `{"a":"x","b":"$S"}`, map[string]string{"a": "x", "b": secretText}),
	accepts("map with numbers for keys", `{"-1":"x"}`, map[int8]string{-1: "x"}),
	accepts("map with unsigned keys", `{"1":"x"}`, map[port]string{1: "x"}),
	accepts("map with text keys", `{"192.0.2.1":1}`, map[netip.Addr]int{netip.MustParseAddr("192.0.2.1"): 1}),
	accepts("slice of slices", `[[1],[]]`, [][]int{{1}, {}}),
	accepts("array", `[1,2]`, [2]int{1, 2}),
	accepts("pointers in slices", `[null,1]`, []*int{nil, new(1)}),
	accepts("its own UnmarshalJSON", `{"V":"ABC"}`, one[upper]{upper{[]byte(`"ABC"`)}}),
	accepts("its own UnmarshalText", `{"V":"low"}`, one[level]{1}),
	accepts("its own UnmarshalBinary", `{"V":"ab"}`, one[packed]{packed{'a', 'b'}}),
	accepts("UnmarshalBinary aside, an object", `{"V":{"A":1,"B":2}}`, one[packed]{packed{1, 2}}),

	refuses[one[time.Time]]("no time", `{"V":"$S"}`, codec.ErrValue, "RFC 3339"),
	refuses[one[time.Time]]("time null", `{"V":null,"x":"$S"}`, codec.ErrMissingKey),
	refuses[one[time.Time]]("number for a time", `{"V":$N}`, codec.ErrWrongKind, "where a string is wanted"),
	refuses[one[time.Duration]]("no duration", `{"V":"$S"}`, codec.ErrValue, `"30s"`),
	refuses[one[time.Duration]]("duration without a unit", `{"V":"$N"}`, codec.ErrValue),
	refusesBy[one[time.Duration]](lenient, "lenient: duration without a unit", `{"V":"$N"}`, codec.ErrValue),
	refuses[one[*url.URL]]("no URL", `{"V":"postgres://u:$S@h:port/\u007f"}`, codec.ErrValue, "UnmarshalBinary"),
	refuses[one[netip.Addr]]("no address", `{"V":"$S"}`, codec.ErrValue, "UnmarshalText method of netip.Addr"),
	refuses[one[netip.Addr]]("number for an address", `{"V":$N}`, codec.ErrWrongKind),
	refuses[one[[]byte]]("no base64", `{"V":"$S!"}`, codec.ErrValue, "base64"),
	refuses[one[[]byte]]("number for bytes", `{"V":$N}`, codec.ErrWrongKind, "base64"),
	refuses[[3]int]("array too short", `[1,$N]`, codec.ErrWrongKind, "array of 2 where one of 3"),
	refuses[[1]int]("array too long", `[1,$N]`, codec.ErrWrongKind, "array of 2 where one of 1"),
	refuses[map[int8]string]("key out of range", `{"$N":"$S"}`, codec.ErrValue, "int8"),
	refuses[map[netip.Addr]int]("key of no such text", `{"$S":1}`, codec.ErrValue, "[*]: "),
	refuses[map[bool]int]("map with impossible keys", `{"$S":1}`, codec.ErrUnsupported),
	refuses[one[upper]]("UnmarshalJSON refuses", `{"V":"$S"}`, codec.ErrValue, "V: ", "UnmarshalJSON method of codec_test.upper"),
	refuses[one[upper]]("its sentinel is found", `{"V":"$S"}`, errUpper),
	refuses[one[upper]]("UnmarshalJSON panics", `{"V":1,"x":"$S"}`, codec.ErrPanic),
	refuses[one[viaStdlib]]("encoding/json inside", `{"V":$N}`, codec.ErrValue),
	refuses[one[viaCodec]]("a codec inside", `{"V":{"x":"$S"}}`, codec.ErrMissingKey, `"V.host" (field V.Host)`),
	refuses[one[level]]("UnmarshalText refuses", `{"V":"$S"}`, errUpper),
	refuses[one[packed]]("UnmarshalBinary refuses", `{"V":"$S"}`, errUpper),
	refuses[one[selfPointer]]("a pointer to itself", `{"V":"$S"}`, codec.ErrUnsupported),
	refuses[one[otherPointer]]("pointers in a circle", `{"V":"$S"}`, codec.ErrUnsupported),
	refuses[[]upper]("null for UnmarshalJSON", `[null,"$S"]`, codec.ErrWrongKind, "[0]: "),
	refuses[one[func()]]("function", `{"V":"$S"}`, codec.ErrUnsupported),
}

func bigInt(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 10)
	return n
}
