package codec_test

import (
	"encoding/json"
	"math"

	"github.com/typedsecret/typedsecret/codec"
)

type (
	one[T any]    struct{ V T }
	quoted[T any] struct {
		//lint:ignore SA5008 on a string too it is what the rows are about
		V T `json:",string"`
	}
	port     uint16
	password string
)

var lenient = codec.JSON{Lenient: true}

var scalarRows = []decoding{
	accepts("int", `-2147483648`, math.MinInt32),
	accepts("int64", `-9223372036854775808`, int64(math.MinInt64)),
	accepts("uint64", `18446744073709551615`, uint64(math.MaxUint64)),
	accepts("float", `1.5e-3`, 1.5e-3),
	accepts("float32", `16777216`, float32(16777216)),
	accepts("bool", `true`, true),
	accepts("named number", `{"V":65535}`, one[port]{65535}),
	accepts("named string", `{"V":"$S"}`, one[password]{secretText}),
	accepts("escapes", `{"V":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, one[string]{"\"\\/\b\f\n\r\té😀"}),
	accepts("U+FFFD itself", `{"V":"\ufffd�"}`, one[string]{"\ufffd\ufffd"}),
	accepts("pointer to scalar", `{"V":7}`, one[*int]{new(7)}),
	accepts("`,string`, quoted", `{"V":"5432"}`, quoted[int]{5432}),
	accepts("`,string`, bare", `{"V":5432}`, quoted[int]{5432}),
	accepts("`,string` on a pointer", `{"V":"5432"}`, quoted[*uint16]{new(uint16(5432))}),
	accepts("`,string` on a bool", `{"V":"true"}`, quoted[bool]{true}),
	accepts("`,string` on a float", `{"V":"1.5"}`, quoted[float64]{1.5}),
	accepts("`,string` on a string takes a number", `{"V":5432}`, quoted[string]{"5432"}),
	accepts("`,string` on a string takes it as it is", `{"V":"5432"}`, quoted[string]{"5432"}),
	accepts("`,string` on a string takes it twice quoted", `{"V":"\"a\\nb\""}`, quoted[string]{"a\nb"}),
	accepts("`,string` where nobody wants it", `{"V":["a"]}`, quoted[[]string]{[]string{"a"}}),
	acceptsBy(lenient, "lenient: string for a number", `{"V":"5432"}`, one[int]{5432}),
	acceptsBy(lenient, "lenient: number for a string", `{"V":1e3}`, one[string]{"1e3"}),
	acceptsBy(lenient, "lenient: bool for a string", `{"V":true}`, one[string]{"true"}),
	acceptsBy(lenient, "lenient: string for a bool", `{"V":"false"}`, one[bool]{false}),
	acceptsBy(lenient, "lenient: elements too", `{"V":["1",2]}`, one[[]int]{[]int{1, 2}}),
	acceptsBy(lenient, "lenient: what is right stays right", `{"V":"5432"}`, one[string]{"5432"}),
	accepts("json.Number", `{"V":1e400}`, one[json.Number]{"1e400"}),
	accepts("json.Number quoted", `{"V":"12"}`, one[json.Number]{"12"}),

	refuses[one[string]]("number for a string", `{"V":$N}`, codec.ErrWrongKind,
		"V: wrong kind of value: met a number where a string is wanted", "`,string`", "JSON.Lenient"),
	refuses[one[int]]("string for a number", `{"V":"$N"}`, codec.ErrWrongKind,
		"met a string where a number is wanted", "`,string`", "JSON.Lenient", "offset 5"),
	refuses[[]int]("string for a number in an array", `["$N"]`, codec.ErrWrongKind, "[0]: ", "JSON.Lenient"),
	refuses[one[bool]]("string for a bool", `{"V":"$S"}`, codec.ErrWrongKind, "where a bool is wanted"),
	refuses[one[bool]]("number for a bool", `{"V":$N}`, codec.ErrWrongKind, "where a bool is wanted"),
	refuses[one[int]]("bool for a number", `{"V":true,"x":"$S"}`, codec.ErrWrongKind, "met a bool where a number"),
	refuses[one[string]]("object for a string", `{"V":{"$S":"$S"}}`, codec.ErrWrongKind, "met an object"),
	refuses[one[int8]]("overflow", `{"V":$N}`, codec.ErrValue, "out of the range of int8"),
	refuses[one[port]]("overflow of a named type", `{"V":$N}`, codec.ErrValue, "out of the range of codec_test.port"),
	refuses[one[uint]]("negative", `{"V":-$N}`, codec.ErrValue, "negative"),
	refuses[one[int]]("fraction", `{"V":$N.5}`, codec.ErrValue, "fraction"),
	refuses[one[int]]("exponent", `{"V":$Ne2}`, codec.ErrValue, "exponent"),
	refuses[one[float64]]("too large", `{"V":$Ne999}`, codec.ErrValue, "out of the range of float64"),
	refuses[one[any]]("too large for any", `{"V":$Ne999}`, codec.ErrValue, "float64"),
	refuses[quoted[int]]("`,string` with no number in it", `{"V":"$S"}`, codec.ErrValue, "does not hold a number"),
	refuses[quoted[int]]("`,string` with a hexadecimal number", `{"V":"0x$N"}`, codec.ErrValue),
	refuses[quoted[int]]("`,string` with an empty string", `{"V":"","x":"$S"}`, codec.ErrValue),
	refuses[quoted[bool]]("`,string` with no bool in it", `{"V":"$S"}`, codec.ErrValue, "a bool"),
	refusesBy[one[int]](lenient, "lenient: no number", `{"V":"$S"}`, codec.ErrValue),
	refusesBy[one[bool]](lenient, "lenient: number for a bool", `{"V":$N}`, codec.ErrWrongKind),
	refusesBy[one[string]](lenient, "lenient: null is missing", `{"V":null,"x":"$S"}`, codec.ErrMissingKey),
	refuses[one[json.Number]]("json.Number of text", `{"V":"$S"}`, codec.ErrValue),
}

var syntaxRows = []decoding{
	refuses[replica]("empty", ``, codec.ErrSyntax, "the secret is empty"),
	refuses[replica]("blank", " \n", codec.ErrSyntax, "the secret is empty"),
	refuses[replica]("no JSON", `$S`, codec.ErrSyntax, "this is not JSON", "offset 0"),
	refuses[replica]("byte-order mark", "\xef\xbb\xbf{\"host\":\"$S\"}", codec.ErrSyntax, "byte-order mark"),
	refuses[replica]("trailing data", `{"host":"$S"} "$S"`, codec.ErrSyntax, "more behind"),
	refuses[replica]("cut short", `{"host":"$S"`, codec.ErrSyntax, "ends too early"),
	refuses[replica]("cut in a string", `{"host":"$S`, codec.ErrSyntax, "ends too early"),
	refuses[replica]("cut in an escape", `{"host":"$S\`, codec.ErrSyntax, "ends too early"),
	refuses[replica]("single quotes", `{'host':'$S'}`, codec.ErrSyntax, "double quotes"),
	refuses[replica]("no colon", `{"host" "$S"}`, codec.ErrSyntax, "colon"),
	refuses[replica]("no comma", `{"host":"$S" "x":1}`, codec.ErrSyntax, "comma"),
	refuses[replica]("trailing comma", `{"host":"$S",}`, codec.ErrSyntax, "key"),
	refuses[[]int]("trailing comma in an array", `[$N,]`, codec.ErrSyntax),
	refuses[[]int]("no comma in an array", `[$N $N]`, codec.ErrSyntax, "comma"),
	refuses[one[int]]("leading zero", `{"V":0$N}`, codec.ErrSyntax),
	refuses[one[float64]]("no digits after the point", `{"V":$N.}`, codec.ErrSyntax, "malformed number"),
	refuses[one[bool]]("misspelt word", `{"V":tru$S}`, codec.ErrSyntax),
	refuses[replica]("control character", "{\"host\":\"$S\n\"}", codec.ErrSyntax, "control character"),
	refuses[replica]("invalid UTF-8", "{\"host\":\"$S\xff\"}", codec.ErrSyntax, "not valid UTF-8"),
	refuses[replica]("encoded surrogate", "{\"host\":\"$S\xed\xa0\x80\"}", codec.ErrSyntax, "not valid UTF-8"),
	refuses[replica]("lone surrogate", `{"host":"$S\ud800"}`, codec.ErrSyntax, "surrogate"),
	refuses[replica]("lone low surrogate", `{"host":"$S\udc00x"}`, codec.ErrSyntax, "surrogate"),
	refuses[replica]("two high surrogates", `{"host":"$S\ud800\ud800"}`, codec.ErrSyntax, "surrogate"),
	refuses[replica]("malformed escape", `{"host":"$S\u12g4"}`, codec.ErrSyntax, "escape"),
	refuses[replica]("unknown escape", `{"host":"$S\x41"}`, codec.ErrSyntax, "escape"),
	refuses[any]("too deep", deep(513), codec.ErrSyntax, "too deeply"),
	refuses[any]("far too deep", deep(1<<20), codec.ErrSyntax, "too deeply"),
	refuses[recursive]("too deep for a recursive type", deep(513), codec.ErrSyntax, "too deeply"),
}

type recursive []recursive
