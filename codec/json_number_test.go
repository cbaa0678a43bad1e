package codec_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
)

// numberRows list numbers that a float accepts, since fractions are rounded as usual, and
// numbers that it refuses, since rounding would change more than a fraction.
var numberRows = []decoding{
	accepts("a fraction that no float holds", `0.1`, 0.1),
	accepts("a fraction of many digits", `3.14159265358979323846`, math.Pi),
	accepts("an integer of 53 bits", `9007199254740992`, 9007199254740992.0),
	accepts("an integer beyond, held exactly", `9007199254740994`, 9007199254740994.0),
	accepts("an integer that only its exponent makes large", `1e23`, 1e23),
	accepts("an integer of 24 bits", `16777216`, float32(16777216)),
	accepts("the largest", `1.7976931348623157e308`, math.MaxFloat64),
	accepts("the largest float32", `3.4028235e38`, float32(math.MaxFloat32)),
	accepts("the smallest", `5e-324`, math.SmallestNonzeroFloat64),
	accepts("the smallest float32", `1e-45`, float32(math.SmallestNonzeroFloat32)),
	accepts("zero, by its exponent", `0.00e-999`, 0.0),
	accepts("negative zero", `-0`, math.Copysign(0, -1)),
	accepts("any of an integer", `[9007199254740992,-1,0.1]`, []any{9007199254740992.0, -1.0, 0.1}),
	accepts("an integer as a json.Number", `{"V":9007199254740993}`, one[json.Number]{"9007199254740993"}),
	accepts("json.Number alone", `9007199254740993`, json.Number("9007199254740993")),
	accepts("json.Number alone, quoted", `"12"`, json.Number("12")),

	refuses[float64]("an integer that float64 changes", `9007199254740993`, codec.ErrValue, "float64", "exactly", "json.Number"),
	refuses[float64]("a negative one", `-9007199254740993`, codec.ErrValue, "exactly"),
	refuses[float64]("one that is printed alike", `12345678901234567000`, codec.ErrValue, "exactly"),
	refuses[float64]("one with a fraction of zero", `9007199254740993.0`, codec.ErrValue, "exactly"),
	refuses[float64]("one with an exponent", `9.007199254740993e15`, codec.ErrValue, "exactly"),
	refuses[float64]("one with a fraction", `9007199254740993.5`, codec.ErrValue, "exactly"),
	refuses[float32]("an integer that float32 changes", `16777217`, codec.ErrValue, "float32", "exactly"),
	refuses[float32]("a fraction behind one", `123456789.5`, codec.ErrValue, "float32"),
	refuses[any]("an integer that any changes", `9007199254740993`, codec.ErrValue, "float64", "exactly"),
	refuses[one[any]]("any further in", `{"V":[{"a":9007199254740993}]}`, codec.ErrValue, "V[0][*]: ", "offset 11"),
	refuses[map[string]any]("any in a map", `{"$S":9007199254740993}`, codec.ErrValue, "exactly"),
	refuses[one[*float64]]("by pointer", `{"V":9007199254740993}`, codec.ErrValue, "V: "),
	refuses[quoted[float64]]("in quotes", `{"V":"9007199254740993"}`, codec.ErrValue, "exactly"),
	refusesBy[one[float32]](lenient, "in quotes, lenient", `{"V":"16777217"}`, codec.ErrValue, "exactly"),
	refuses[float64]("too small", `1e-400`, codec.ErrValue, "too small for a float64"),
	refuses[float64]("almost too small", `1.234567e-320`, codec.ErrValue, "too small for a float64"),
	refuses[float32]("too small for float32", `1.2e-45`, codec.ErrValue, "too small for a float32"),
	refuses[any]("too small for any", `-1e-999999999999`, codec.ErrValue, "too small for a float64"),
	refuses[json.Number]("json.Number of a text", `$S`, codec.ErrSyntax),
	refuses[json.Number]("json.Number of a quoted text", `"$S"`, codec.ErrValue),
}

// TestFloatsOfAllSizesComeBack decodes floats that encoding/json has encoded.
func TestFloatsOfAllSizesComeBack(t *testing.T) {
	for bits := range 1 << 16 {
		if f := math.Float32frombits(uint32(bits)<<16 | uint32(bits)); !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) {
			comesBack(t, f)
		}
		if f := math.Float64frombits(uint64(bits)<<48 | uint64(bits)); !math.IsNaN(f) && !math.IsInf(f, 0) && math.Abs(f) < 1<<53 {
			comesBack(t, f)
		}
	}
}

func comesBack[F float32 | float64](t *testing.T, f F) {
	t.Helper()
	doc, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := codec.Decode[F](codec.JSON{}, doc)
	if exact := math.Abs(float64(f)) < 1<<24 || math.Abs(float64(f)) >= 1e21; err != nil && exact || err == nil && got != f {
		t.Fatalf("%s: %v, %v", doc, got, err)
	}
}
