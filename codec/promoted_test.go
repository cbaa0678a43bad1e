package codec_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/codec"
)

// Legacy decodes itself, as older types of a program may.
type Legacy struct{ Raw string }

func (l *Legacy) UnmarshalJSON(b []byte) error {
	l.Raw = string(b)
	return nil
}

// LegacyText is like Legacy, for text.
type LegacyText struct{ Raw string }

func (l *LegacyText) UnmarshalText(b []byte) error {
	l.Raw = string(b)
	return nil
}

// LegacyBinary is like Legacy, for bytes.
type LegacyBinary struct{ Raw string }

func (l *LegacyBinary) UnmarshalBinary(b []byte) error {
	l.Raw = string(b)
	return nil
}

// byValue has its method on the value: a map, which can be filled without a pointer.
type byValue map[string]string

func (m byValue) UnmarshalJSON([]byte) error { return nil }

// A promoted method decodes these types as a whole.
type (
	hidesPass struct {
		Legacy
		Pass string
	}
	hidesOptional struct {
		Pass string `json:"pass,omitempty"`
		Legacy
	}
	hidesByPointer struct {
		*Legacy
		Pass string
	}
	hidesByValue struct {
		byValue
		Pass string
	}
	hidesBehindInt struct {
		big.Int
		Pass string
	}
	hidesBehindTime struct {
		Pass string
		time.Time
	}
	hidesBehindRaw struct {
		json.RawMessage
		Pass string
	}
	hidesBehindInterface struct {
		json.Unmarshaler
		Pass string
	}
	hidesText struct {
		LegacyText
		Pass string
	}
	hidesAddr struct {
		netip.Addr
		Label string
	}
	hidesBinary struct {
		url.URL
		Pass string
	}
	middle           struct{ hidesPass }
	hidesDeeper      struct{ *middle }
	hidesMore[T any] struct {
		Legacy
		One, Two, Three, Four T
		Five                  []T
	}
	hidesGeneric[T any] struct {
		generic[T]
		Pass T
	}
	tagWithoutEffect struct {
		Legacy `json:"legacy"`
	}
	tagSaysNothing struct {
		Legacy `json:"-"`
	}
	nilWhenCalled          struct{ *Legacy }
	nilInterfaceWhenCalled struct{ json.Unmarshaler }
	ownText                struct {
		Legacy
		Pass string
	}
	twoMethods struct {
		Legacy
		json.RawMessage
	}
	hiddenMethod struct {
		LegacyText
		Pass string
	}
)

func (*ownText) UnmarshalText([]byte) error { return nil }
func (*hiddenMethod) UnmarshalText(int)     {} // another signature, so that LegacyText's is not promoted

// generic has an UnmarshalJSON of its own.
type generic[T any] struct {
	Legacy
	Value T
}

func (g *generic[T]) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &g.Value)
}

// aliased is hidesPass by another name.
type aliased = hidesPass

// losing is a T that would leave a field empty, with parts of its refusal.
type losing struct {
	name   string
	decode func(input string) error
	fits   func() error // the result of codec.Check for it
	input  string       // a secret that would leave the field empty
	says   []string
}

func loses[T any](name, input string, says ...string) losing {
	c := codec.For[T]()
	return losing{name, func(input string) error { return failure[T](c, input) }, fits[T](c), inputs.Replace(input), says}
}

var promotedRows = []losing{
	loses[hidesPass]("UnmarshalJSON", `{"Pass":"$S"}`,
		"decoding codec_test.hidesPass: unsupported type: codec_test.hidesPass embeds codec_test.Legacy, whose UnmarshalJSON method",
		"the field Pass stays empty", "give Legacy a field name", "an UnmarshalJSON method of its own"),
	loses[hidesOptional]("UnmarshalJSON hides an optional field", `{"pass":"$S"}`, "field Pass"),
	loses[hidesByPointer]("UnmarshalJSON, by pointer", `{"Pass":"$S"}`, "field Pass"),
	loses[hidesByValue]("UnmarshalJSON on the value", `{"Pass":"$S"}`, "codec_test.byValue", "field Pass"),
	loses[hidesBehindInt]("big.Int", `7`, "embeds big.Int", "field Pass"),
	loses[one[hidesBehindInt]]("big.Int in a field", `{"V":7}`, "codec_test.hidesBehindInt (at V) embeds big.Int, whose UnmarshalJSON method"),
	loses[hidesBehindTime]("time.Time", `2026-11-24T04:00:00Z`, "embeds time.Time, whose UnmarshalText method", "field Pass"),
	loses[one[hidesBehindTime]]("time.Time in a field", `{"V":"2026-11-24T04:00:00Z"}`, "embeds time.Time, whose UnmarshalJSON method"),
	loses[hidesBehindRaw]("json.RawMessage", `{"Pass":"$S"}`, "embeds json.RawMessage", "field Pass"),
	loses[hidesBehindInterface]("json.Unmarshaler", `{"Pass":"$S"}`, "embeds json.Unmarshaler", "field Pass"),
	loses[hidesText]("UnmarshalText", `$S`, "embeds codec_test.LegacyText, whose UnmarshalText method", "field Pass"),
	loses[*hidesText]("UnmarshalText, a pointer", `$S`, "field Pass"),
	loses[[]hidesText]("UnmarshalText in a slice", `["$S"]`, "codec_test.hidesText (at [*]) embeds"),
	loses[map[hidesAddr]int]("UnmarshalText in a map's key", `{"192.0.2.1":1}`, "embeds netip.Addr", "field Label"),
	loses[hidesBinary]("UnmarshalBinary", `https://h/`, "embeds url.URL, whose UnmarshalBinary method", "field Pass"),
	loses[*hidesBinary]("UnmarshalBinary, a pointer", `https://h/`, "field Pass"),
	loses[middle]("further down", `{"Pass":"$S"}`, "codec_test.middle embeds codec_test.Legacy (as hidesPass.Legacy)", "field hidesPass.Pass"),
	loses[hidesDeeper]("further down by pointer", `{"Pass":"$S"}`, "field middle.hidesPass.Pass"),
	loses[hidesMore[int]]("many fields", `{"One":1}`, "the fields One, Two, Three, Four and Five stay empty"),
	loses[hidesGeneric[string]]("generic", `{"Value":"$S","Pass":"$S"}`, "codec_test.generic[string]", "field Pass"),
	loses[aliased]("alias", `{"Pass":"$S"}`, "codec_test.hidesPass"),
	loses[struct {
		Legacy
		Pass string
	}]("unnamed", `{"Pass":"$S"}`, "the struct embeds codec_test.Legacy", "field Pass"),
	loses[*hidesPass]("pointer", `{"Pass":"$S"}`, "codec_test.hidesPass embeds"),
	loses[[]hidesPass]("slice", `[{"Pass":"$S"}]`, "codec_test.hidesPass (at [*]) embeds"),
	loses[[1]*hidesPass]("array of pointers", `[{"Pass":"$S"}]`, "(at [*])"),
	loses[map[string]one[hidesPass]]("map", `{"a":{"V":{"Pass":"$S"}}}`, "(at [*].V)"),
	loses[pair[string, **hidesPass]]("field", `{"key":"k","value":{"Pass":"$S"}}`, "codec_test.hidesPass (at Value) embeds"),
	loses[tagWithoutEffect]("tag without effect", `{"legacy":{"Raw":"$S"}}`, `the tag json:"legacy"`, "no effect"),
	loses[tagSaysNothing]("tag that says no", `{"Raw":"$S"}`, `the tag json:"-"`, "no effect"),
	loses[nilWhenCalled]("called on a nil pointer", `{"Raw":"$S"}`, "nil"),
	loses[nilInterfaceWhenCalled]("called on a nil interface", `{"Raw":"$S"}`, "nil"),
	loses[one[ownText]]("of its own is another method", `{"V":{"Pass":"$S"}}`, "UnmarshalJSON", "field Pass"),
	loses[one[twoMethods]]("two embedded methods", `{"V":{"Raw":"$S"}}`, "embeds codec_test.Legacy, whose UnmarshalJSON method is not called"),
	loses[hiddenMethod]("method that is hidden", `{"Pass":"$S","Raw":"$S"}`, "embeds codec_test.LegacyText, whose UnmarshalText method is not called"),
}

func TestAPromotedMethodThatHidesFieldsIsRefused(t *testing.T) {
	for _, row := range promotedRows {
		t.Run(row.name, row.check)
	}
}

func (row losing) check(t *testing.T) {
	for _, input := range []string{row.input, "{}", "{"} {
		err := row.decode(input)
		if !errors.Is(err, codec.ErrUnsupported) {
			t.Fatalf("%s: got %v, want a refusal: %v", input, err, codec.ErrUnsupported)
		}
		for _, s := range row.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v\ndoes not say: %s", input, err, s)
			}
		}
		if unfit := row.fits(); unfit == nil || unfit.Error() != err.Error() {
			t.Errorf("Check: %v\nand Decode: %v", unfit, err)
		}
	}
}

// The promoted methods of these types hide nothing, or the types have their own.
type (
	genericByValue[T any] struct {
		byValue
		Value *T
	}
	onlyLegacy   struct{ Legacy }
	onlyDeeper   struct{ onlyLegacy }
	besideNoKeys struct {
		Legacy
		Note string `json:"-"`
		//lint:ignore U1000 unexported fields have no key
		cached string
	}
	onlyText    struct{ LegacyText }
	onlyBinary  struct{ LegacyBinary }
	fieldBinary struct {
		LegacyBinary
		Pass string
	}
	ownJSON struct {
		Legacy
		Pass string
	}
	ownJSONByValue struct {
		byValue
		Pass *string
	}
	ownTextWhole struct {
		LegacyText
		Pass string
	}
	namedField struct {
		Legacy Legacy
		Pass   string
	}
)

func (o *ownJSON) UnmarshalJSON(b []byte) error { return o.Legacy.UnmarshalJSON(b) }
func (o ownJSONByValue) UnmarshalJSON(b []byte) error {
	return o.byValue.UnmarshalJSON(b)
}

func (g genericByValue[T]) UnmarshalJSON(b []byte) error { return g.byValue.UnmarshalJSON(b) }

func (o *ownTextWhole) UnmarshalText(b []byte) error {
	o.Pass = string(b)
	return nil
}

var ownMethodRows = []decoding{
	accepts("UnmarshalJSON alone", `{"Pass":1}`, onlyLegacy{Legacy{`{"Pass":1}`}}),
	accepts("UnmarshalJSON alone, further down", `1`, onlyDeeper{onlyLegacy{Legacy{`1`}}}),
	accepts("UnmarshalJSON beside fields without a key", `1`, besideNoKeys{Legacy: Legacy{"1"}}),
	accepts("UnmarshalText alone", `abc`, onlyText{LegacyText{"abc"}}),
	accepts("UnmarshalText alone, in a field", `{"V":"abc"}`, one[onlyText]{onlyText{LegacyText{"abc"}}}),
	accepts("UnmarshalBinary alone, in a field", `{"V":"abc"}`, one[onlyBinary]{onlyBinary{LegacyBinary{"abc"}}}),
	accepts("fields in place of UnmarshalBinary", `{"V":{"Raw":"a","Pass":"b"}}`, one[fieldBinary]{fieldBinary{LegacyBinary{"a"}, "b"}}),
	accepts("its own UnmarshalJSON calls the embedded one", `1`, ownJSON{Legacy: Legacy{"1"}}),
	accepts("its own UnmarshalJSON on the value", `1`, ownJSONByValue{}),
	accepts("its own UnmarshalText", `abc`, ownTextWhole{Pass: "abc"}),
	accepts("named field", `{"Legacy":1,"Pass":"p"}`, namedField{Legacy{"1"}, "p"}),
	accepts("generic type's own on the value", `{"V":"v"}`, one[genericByValue[int]]{}),
	accepts("generic type's own", `{"V":"v"}`, one[generic[string]]{generic[string]{Value: "v"}}),
	refuses[one[fieldBinary]]("string for fields in place of UnmarshalBinary", `{"V":"$S"}`, codec.ErrWrongKind, "an object is wanted"),
}

func TestAMethodThatHidesNothingDecodes(t *testing.T) {
	for _, row := range ownMethodRows {
		t.Run(row.name, row.check)
	}
	got, err := codec.Decode[struct{ time.Time }](codec.JSON{}, []byte(`"2026-11-24T04:00:00Z"`))
	if diff := cmp.Diff(time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC), got.Time); diff != "" || err != nil {
		t.Errorf("-want +got:\n%s, %v", diff, err)
	}
}
