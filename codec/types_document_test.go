package codec_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/codec"
)

// documents makes documents for types. It takes its decisions from the entropy. At the end
// of the entropy, each decision is the first choice.
type documents struct {
	entropy []byte
	options codec.JSON
	faulty  bool // whether to make faults
	spoilt  bool // whether a fault, or a possible fault, was made
}

func (d *documents) n(n int) int {
	if len(d.entropy) == 0 {
		return 0
	}
	b := d.entropy[0]
	d.entropy = d.entropy[1:]
	return int(b) % n
}

func (d *documents) uint64() (u uint64) {
	for range 8 {
		u = u<<8 | uint64(d.n(256))
	}
	return u >> d.n(64)
}

// fault reports whether to make a fault now.
func (d *documents) fault() bool {
	if d.faulty && d.n(24) == 23 {
		d.spoilt = true
		return true
	}
	return false
}

var (
	madeTexts = []string{
		`"t"`, `"some text"`, `""`, `"\u00e9\ud83d\ude00\n"`, `"12"`, `"true"`, `"null"`, `"é😀"`, `" "`, `"\"x\""`, `"[REDACTED]"`, `"a\u0000\/"`,
	}
	madeNumbers = []string{
		`1`, `0`, `-1`, `0.1`, `1.5`, `-12.75`, `5432`, `1e3`, `2.5E-7`, `9007199254740992`, `1e23`, `16777216`, // these fit any float
		`9007199254740993`, `16777217`, `-9007199254740995`, `12345678901234567000`, `9007199254740993.0`, `1e-400`, `1e400`, `1e-45`,
		`3.14159265358979323846`, `123456789.123456789`, `18446744073709551615`, `18446744073709551616`, `-9223372036854775808`, `-0`, `0.0`, `1.0`,
		`1e0`, `255`, `256`, `127`, `128`, `65535`, `65536`, `9007199254740992.5`, `33554433e0`, `0.000000000000000000001e21`, `100000000000000000000001`,
	}
	fitNumbers = 12
)

// number returns a number that any float holds, or sometimes another one.
func (d *documents) number() string {
	i := d.n(len(madeNumbers) + 6)
	if i < fitNumbers || !d.faulty {
		return madeNumbers[i%fitNumbers]
	}
	d.spoilt = true
	if i < len(madeNumbers) {
		return madeNumbers[i]
	}
	digits := strconv.FormatUint(d.uint64(), 10)
	switch d.n(4) {
	case 0:
		digits = "1" + digits + strconv.FormatUint(d.uint64(), 10)
	case 1:
		digits += "." + strconv.FormatUint(d.uint64(), 10)
	case 2:
		digits += "e" + strconv.Itoa(d.n(256)-128)
	}
	if d.n(2) == 1 {
		return "-" + digits
	}
	return digits
}

// value makes a value for a t.
func (d *documents) value(t reflect.Type, depth int) []byte {
	if d.fault() {
		// The value may be of any type, or null.
		other := madeLeaves[d.n(len(madeLeaves))]
		switch d.n(6) {
		case 0:
			return []byte("null")
		case 1:
			return []byte("[]")
		case 2:
			return []byte(`{"A":1}`)
		}
		return d.value(other, depth+1)
	}
	switch t {
	case reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]():
		return d.anything(depth)
	case reflect.TypeFor[json.Number]():
		return []byte(d.numberText())
	case reflect.TypeFor[time.Duration]():
		return []byte([]string{`"30s"`, `1500`, `"1h2m3.5s"`, `0`, `"0"`}[d.n(5)])
	case reflect.TypeFor[time.Time]():
		return []byte([]string{`"2026-11-24T04:00:00Z"`, `"2026-11-24T04:00:00.123456789+02:00"`}[d.n(2)])
	case reflect.TypeFor[[]byte]():
		return []byte(`"` + base64.StdEncoding.EncodeToString([]byte("bytes"[:d.n(6)])) + `"`)
	case reflect.TypeFor[codec.Redacted]():
		return []byte(d.text())
	}
	switch t.Kind() {
	case reflect.String:
		return []byte(d.text())
	case reflect.Bool:
		return []byte([]string{"true", "false"}[d.n(2)])
	case reflect.Float32, reflect.Float64:
		return []byte(d.float(t))
	case reflect.Pointer:
		if d.n(8) == 7 {
			return []byte("null")
		}
		return d.value(t.Elem(), depth)
	case reflect.Slice:
		return d.array(t.Elem(), d.n(4), depth)
	case reflect.Array:
		if d.fault() {
			return d.array(t.Elem(), d.n(4), depth)
		}
		return d.array(t.Elem(), t.Len(), depth)
	case reflect.Map:
		return d.mapping(t, depth)
	case reflect.Struct:
		return d.object(t, depth)
	}
	return []byte(d.integer(t))
}

// numberText returns any number, for a json.Number.
func (d *documents) numberText() string {
	spoilt := d.spoilt
	n := d.number()
	d.spoilt = spoilt
	return n
}

func (d *documents) text() string {
	i := d.n(len(madeTexts))
	if strings.Contains(madeTexts[i], "REDACTED") {
		i = 0
	}
	return madeTexts[i]
}

func (d *documents) float(t reflect.Type) string {
	if d.n(3) > 0 {
		n := d.number()
		if t.Kind() == reflect.Float32 && (n == "9007199254740992" || n == "1e23") {
			d.spoilt = true // depends on the digits of a float32
		}
		return n
	}
	f := math.Float64frombits(d.uint64())
	if t.Kind() == reflect.Float32 {
		f = float64(math.Float32frombits(uint32(d.uint64())))
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "1"
	}
	s := strconv.FormatFloat(f, 'e', -1, t.Bits())
	return s
}

// integer returns an integer in the range of t, or sometimes another number.
func (d *documents) integer(t reflect.Type) string {
	if d.fault() {
		return d.number()
	}
	u := d.uint64()
	shift := 64 - t.Bits()
	if k := t.Kind(); reflect.Uint <= k && k <= reflect.Uintptr {
		return strconv.FormatUint(u>>shift, 10)
	}
	return strconv.FormatInt(int64(bits.RotateLeft64(u, d.n(64)))>>shift, 10)
}

func (d *documents) anything(depth int) []byte {
	switch k := d.n(9); {
	case k < 2:
		return []byte(d.text())
	case k < 5:
		return []byte(d.number())
	case k == 5:
		return []byte([]string{"null", "true", "false"}[d.n(3)])
	case k < 8 && depth < 6:
		return d.array(reflect.TypeFor[any](), d.n(3), depth+1)
	case depth < 6:
		return d.mapping(reflect.TypeFor[map[string]any](), depth+1)
	}
	return []byte("1")
}

func (d *documents) array(elem reflect.Type, n, depth int) []byte {
	doc := []byte("[")
	for i := range n {
		if i > 0 {
			doc = append(doc, ',')
		}
		doc = append(doc, d.value(elem, depth+1)...)
	}
	return append(doc, ']')
}

func (d *documents) mapping(t reflect.Type, depth int) []byte {
	doc := []byte("{")
	for i := range d.n(4) {
		if i > 0 {
			doc = append(doc, ',')
		}
		key := strconv.Itoa(i + 1)
		if t.Key().Kind() == reflect.String {
			key = []string{"k", "A", "", "é"}[i]
		}
		doc = append(doc, fmt.Sprintf("%q:", key)...)
		doc = append(doc, d.value(t.Elem(), depth+1)...)
	}
	return append(doc, '}')
}

// object makes an object for a struct. It has members for the struct's keys, in any order,
// and some others.
func (d *documents) object(t reflect.Type, depth int) []byte {
	var members []string
	seen := map[string]bool{}
	for _, f := range leavesOf(reflect.New(t).Elem()) {
		if seen[f.key] {
			continue
		}
		seen[f.key] = true
		key := f.key
		if d.fault() {
			key = []string{strings.ToLower(key), strings.ToUpper(key), key + " ", "\u200b" + key, key + "_"}[d.n(5)]
		}
		switch may := f.optional || d.options.AllowMissing; {
		case d.n(6) == 5 && may, d.fault():
			continue
		case d.n(8) == 7 && may:
			members = append(members, fmt.Sprintf("%q:null", key))
			continue
		}
		value := d.value(f.typ, depth+1)
		if c := value[0]; f.quoted && (c == '-' || c <= '9' && c >= '0') && d.n(2) == 1 {
			value = []byte(`"` + string(value) + `"`)
		}
		members = append(members, fmt.Sprintf("%q:%s", key, value))
		if d.fault() {
			members = append(members, members[len(members)-1])
		}
	}
	if !d.options.Strict && d.n(4) == 3 {
		members = append(members, `"stranger":`+string(d.anything(depth)))
	}
	if n := len(members); n > 1 {
		i, j := d.n(n), d.n(n)
		members[i], members[j] = members[j], members[i]
	}
	return []byte("{" + strings.Join(members, []string{",", " ,\n\t"}[d.n(2)]) + "}")
}
