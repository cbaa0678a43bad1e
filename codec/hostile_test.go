package codec_test

import (
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
)

type ten struct{ A, B, C, D, E, F, G, H, I, J string }

// wide has 50 fields with keys that are not optional.
type wide struct {
	V1, V2, V3, V4, V5 ten
}

type flat struct {
	A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, B0, B1, B2, B3, B4, B5, B6, B7, B8, B9 string
	C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, D0, D1, D2, D3, D4, D5, D6, D7, D8, D9 string
	E0, E1, E2, E3, E4, E5, E6, E7, E8, E9                                         string
}

// flatByCodec has an UnmarshalJSON that uses codec.JSON, so the missing keys come from
// that.
type flatByCodec struct{ f flat }

func (f *flatByCodec) UnmarshalJSON(b []byte) error { return codec.JSON{}.Decode(b, &f.f) }

// TestASmallSecretMakesNoLargeError: 64 kB of empty objects lack a million keys.
func TestASmallSecretMakesNoLargeError(t *testing.T) {
	empty := strings.Repeat("{},", 1<<16/3)
	array, object := "["+empty+"{}]", "{"+strings.TrimSuffix(strings.Repeat(`"":{},`, 1<<16/6), ",")+"}"
	for name, decode := range map[string]func() error{
		"elements":                func() error { return failure[[]flat](codec.JSON{}, array) },
		"elements, lenient":       func() error { return failure[[]flat](lenient, array) },
		"elements that decode":    func() error { return failure[[]flatByCodec](codec.JSON{}, array) },
		"elements by pointer":     func() error { return failure[[]*flat](codec.JSON{}, array) },
		"elements of an array":    func() error { return failure[[1]flat](codec.JSON{}, array) },
		"arrays of elements":      func() error { return failure[[][]flat](codec.JSON{}, "["+array+","+array+"]") },
		"structs in elements":     func() error { return failure[[]wide](codec.JSON{}, strings.ReplaceAll(array, "{}", nested)) },
		"duplicates in a map":     func() error { return failure[map[string]flat](codec.JSON{}, object) },
		"keys that are strangers": func() error { return failure[flat](codec.JSON{}, strangers) },
		"keys nearly the same":    func() error { return failure[flat](codec.JSON{}, siblings) },
		"nulls for every field":   func() error { return failure[[]flat](codec.JSON{}, nulls) },
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := decode()
			runtime.ReadMemStats(&after)
			if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 20 {
				t.Errorf("%d MB were allocated", mb)
			}
			e, ok := errors.AsType[*codec.Error](err)
			if !ok || len(e.Missing) > 1000 || len(err.Error()) > 5000 {
				t.Errorf("got %T with %d missing keys in %d bytes", err, len(e.Missing), len(err.Error()))
			}
		})
	}
}

const nested = `{"V1":{},"V2":{},"V3":{},"V4":{},"V5":{}}`

// strangers are keys that no field has. siblings differ from a field's key only by blanks.
var (
	strangers = manyMembers(func(i int) string { return strconv.Itoa(i) })
	siblings  = manyMembers(func(i int) string { return strings.Repeat(" ", i%100) + "A0" + strings.Repeat(" ", i/100) })
)

func manyMembers(key func(int) string) string {
	members := make([]string, 9999)
	for i := range members {
		members[i] = strconv.Quote(key(i)) + ":1"
	}
	return "{" + strings.Join(members, ",") + "}"
}

var nulls = func() string {
	var one strings.Builder
	for _, c := range "ABCDE" {
		for i := range 10 {
			one.WriteString(`"` + string(c) + string(rune('0'+i)) + `":null,`)
		}
	}
	object := "{" + strings.TrimSuffix(one.String(), ",") + "}"
	return "[" + strings.Repeat(object+",", 1000) + object + "]"
}()

// TestAShortListIsWhole: a list is cut only far beyond what a person would read.
func TestAShortListIsWhole(t *testing.T) {
	err := failure[[]flat](codec.JSON{}, "["+strings.Repeat("{},", 9)+"{}]")
	e, ok := errors.AsType[*codec.Error](err)
	if !ok || len(e.Missing) != 500 || !strings.HasSuffix(err.Error(), " and 468 more") {
		t.Errorf("%d missing keys: %v", len(e.Missing), err)
	}
}
