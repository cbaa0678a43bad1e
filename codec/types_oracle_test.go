package codec_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/typedsecret/typedsecret/codec"
)

// A leaf is a field with a key, also one that is promoted.
type leaf struct {
	key      string
	typ      reflect.Type
	value    reflect.Value // not valid if its embedded struct is a nil pointer
	optional bool
	quoted   bool
	depth    int
	shadowed bool // whether a less deeply embedded field has its name
}

// leavesOf lists the fields of a struct that have a key. It leaves out fields that a less
// deeply embedded field with the same key shadows in Go too.
func leavesOf(v reflect.Value) []leaf {
	all := appendLeaves(nil, v, v.Type(), 0, depths(v.Type(), 0, map[string]int{}))
	return slices.DeleteFunc(slices.Clone(all), func(l leaf) bool {
		return l.shadowed && slices.ContainsFunc(all, func(other leaf) bool { return other.key == l.key && other.depth < l.depth })
	})
}

func appendLeaves(all []leaf, v reflect.Value, t reflect.Type, depth int, least map[string]int) []leaf {
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		in := f.Type
		if in.Kind() == reflect.Pointer {
			in = in.Elem()
		}
		var fv reflect.Value
		if v.IsValid() {
			fv = v.Field(i)
		}
		switch {
		case key == "-" && options == "":
		case f.Anonymous && key == "" && in.Kind() == reflect.Struct:
			if f.Type.Kind() == reflect.Pointer && fv.IsValid() {
				fv = fv.Elem() // not valid if it is nil
			}
			all = appendLeaves(all, fv, in, depth+1, least)
		case !f.IsExported():
		default:
			l := leaf{key: key, typ: f.Type, value: fv, optional: f.Type.Kind() == reflect.Pointer || strings.Contains(options, "omit")}
			if key == "" {
				l.key = f.Name
			}
			l.quoted, l.depth, l.shadowed = strings.Contains(options, "string") && isScalarType(in), depth, depth > least[f.Name]
			all = append(all, l)
		}
	}
	return all
}

// An oracle checks a codec's result by a second implementation of the rules.
type oracle struct{ options codec.JSON }

// differs returns how v differs from the document, or "". The document was decoded by
// encoding/json, with json.Number for its numbers.
func (o oracle) differs(v reflect.Value, says any, quoted bool) string {
	wrong := fmt.Sprintf("%v is %#v where the document says %#v", v.Type(), v, says)
	text, isText := says.(string)
	number, isNumber := says.(json.Number)
	loose := quoted || o.options.Lenient
	switch x := v.Interface().(type) {
	case json.RawMessage:
		var in any
		dec := json.NewDecoder(strings.NewReader(string(x)))
		dec.UseNumber()
		if dec.Decode(&in) == nil && reflect.DeepEqual(in, says) {
			return ""
		}
		return wrong
	case codec.Redacted:
		return o.differs(reflect.ValueOf(x.Reveal()), says, quoted)
	case json.Number:
		if string(x) == string(number) || string(x) == text {
			return ""
		}
		return wrong
	case time.Duration:
		if want, err := time.ParseDuration(text); isText && err == nil && x == want {
			return ""
		}
	case time.Time:
		if want, err := time.Parse(time.RFC3339, text); isText && err == nil && x.Equal(want) {
			return ""
		}
		return wrong
	case []byte:
		if want, err := base64.StdEncoding.DecodeString(text); isText && err == nil && string(x) == string(want) {
			return ""
		}
	}
	if isText && loose && v.Kind() != reflect.String && isScalarKind(v.Kind()) {
		switch text {
		case "true", "false":
			says = text == "true"
		default:
			number, isNumber = json.Number(text), true
		}
	}
	same := false
	switch v.Kind() {
	case reflect.String:
		same = isText && (v.String() == text || quoted && strconv.Quote(v.String()) == text) ||
			loose && v.String() == fmt.Sprint(says) && says != nil
	case reflect.Bool:
		same = v.Interface() == says
	case reflect.Float32, reflect.Float64:
		same = isNumber && isTheFloat(v.Float(), v.Type().Bits(), string(number))
	case reflect.Pointer:
		if says == nil || v.IsNil() {
			same = says == nil && v.IsNil()
			break
		}
		return o.differs(v.Elem(), says, quoted)
	case reflect.Interface:
		return o.differsAny(v.Interface(), says)
	case reflect.Slice, reflect.Array:
		return o.differsArray(v, says, wrong)
	case reflect.Map:
		return o.differsMap(v, says, wrong)
	case reflect.Struct:
		return o.differsStruct(v, says, wrong)
	default:
		n, ok := new(big.Rat).SetString(string(number))
		same = isNumber && ok && n.IsInt() && n.Num().String() == fmt.Sprint(toInteger(v))
	}
	if same {
		return ""
	}
	return wrong
}

func isScalarType(t reflect.Type) bool {
	return t == reflect.TypeFor[codec.Redacted]() || t.Kind() == reflect.String || isScalarKind(t.Kind())
}

func isScalarKind(k reflect.Kind) bool { return reflect.Bool <= k && k <= reflect.Float64 }

func toInteger(v reflect.Value) any {
	if v.CanInt() {
		return v.Int()
	}
	return v.Uint()
}

// isTheFloat reports whether f is the float for the number in text: the nearest one, with
// the same integer part.
func isTheFloat(f float64, bits int, text string) bool {
	n, ok := new(big.Rat).SetString(text)
	if !ok || math.IsInf(f, 0) || math.IsNaN(f) {
		return false
	}
	got := new(big.Rat).SetFloat64(f)
	if got.Cmp(n) == 0 {
		return true
	}
	if f == 0 || n.IsInt() && !strings.ContainsAny(text, ".eE") {
		return false
	}
	digits := 53
	if bits == 32 {
		digits = 24
	}
	if back, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'e', -1, bits)); back.Cmp(n) == 0 {
		return true
	}
	// A rounded number differs by less than one in its last digit, and in no digit before
	// the point.
	off := new(big.Rat).Sub(got, n)
	off.Quo(off.Abs(off), new(big.Rat).Abs(n))
	return off.Cmp(big.NewRat(1, 1<<digits)) <= 0 && math.Abs(f) < math.Ldexp(1, digits)
}

func (o oracle) differsAny(x, says any) string {
	switch x := x.(type) {
	case float64:
		if n, ok := says.(json.Number); ok && isTheFloat(x, 64, string(n)) {
			return ""
		}
	case []any:
		return o.differsArray(reflect.ValueOf(x), says, "not the array")
	case map[string]any:
		return o.differsMap(reflect.ValueOf(x), says, "not the object")
	default:
		if reflect.DeepEqual(x, says) {
			return ""
		}
	}
	return fmt.Sprintf("any is %#v where the document says %#v", x, says)
}

func (o oracle) differsArray(v reflect.Value, says any, wrong string) string {
	elems, ok := says.([]any)
	if !ok || len(elems) != v.Len() || v.Kind() == reflect.Slice && v.IsNil() {
		return wrong
	}
	for i, e := range elems {
		if wrong := o.differs(v.Index(i), e, false); wrong != "" {
			return fmt.Sprintf("[%d]: %s", i, wrong)
		}
	}
	return ""
}

func (o oracle) differsMap(v reflect.Value, says any, wrong string) string {
	members, ok := says.(map[string]any)
	if !ok || len(members) != v.Len() || v.IsNil() {
		return wrong
	}
	for it := v.MapRange(); it.Next(); {
		if wrong := o.differs(it.Value(), members[fmt.Sprint(it.Key())], false); wrong != "" {
			return fmt.Sprintf("[%v]: %s", it.Key(), wrong)
		}
	}
	return ""
}

func (o oracle) differsStruct(v reflect.Value, says any, wrong string) string {
	members, ok := says.(map[string]any)
	if !ok {
		return wrong
	}
	leaves := leavesOf(v)
	isKey := func(key string) bool {
		return slices.ContainsFunc(leaves, func(l leaf) bool { return l.key == key })
	}
	for _, l := range leaves {
		said, named := members[l.key]
		for key := range members {
			if !isKey(key) && plainKey(key) == plainKey(l.key) {
				if !o.options.AllowMissing || named || !strings.EqualFold(key, l.key) {
					return fmt.Sprintf("%s: the document has %q", l.key, key)
				}
				said, named = members[key], true
			}
		}
		mayLack := l.optional || o.options.AllowMissing
		switch {
		case !l.value.IsValid(): // its embedded struct is a nil pointer
			if named && said != nil {
				return l.key + " has no struct to be in"
			}
		case named && said == nil && mayLack && l.typ.Kind() != reflect.Interface && l.typ.Kind() != reflect.Slice, !named && mayLack:
			if !l.value.IsZero() {
				return l.key + " is not zero"
			}
		case !named:
			return l.key + " is missing"
		default:
			if wrong := o.differsField(l, said); wrong != "" {
				return l.key + ": " + wrong
			}
		}
	}
	return ""
}

func (o oracle) differsField(l leaf, says any) string {
	if says == nil && l.typ.Kind() == reflect.Slice && l.typ != reflect.TypeFor[json.RawMessage]() && l.value.IsNil() && (l.optional || o.options.AllowMissing) {
		return ""
	}
	return o.differs(l.value, says, l.quoted)
}

// plainKey returns a key without case, blanks and invisible characters.
func plainKey(key string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '\u200b' {
			return -1
		}
		return r
	}, key))
}
