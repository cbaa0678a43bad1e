package codec_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
)

// Deep embeds structs that others embed too.
type Deep struct {
	*Left
	Own string
}

var (
	randomTags = []reflect.StructTag{
		``, ``, ``, `json:"A"`, `json:"B"`, `json:"Host"`, `json:"x"`, `json:"x,omitempty"`, `json:",omitempty"`,
		`json:"-"`, `json:"-,"`, `json: "x"`, `JSON:"x"`, `json:"x,omitemtpy"`, `yaml:"x"`, `yaml:x json:"x"`,
	}
	randomEmbedded = []reflect.StructField{
		embedded[Left](``), embedded[*Left](``), embedded[Right](``), embedded[*Right](``), embedded[Tagged](``),
		embedded[Renamed](``), embedded[Deep](``), embedded[Left](`json:"x"`), embedded[*Right](`json:"-"`), embedded[Deep](`json:",inline"`),
	}
)

// randomStruct makes a struct type of a few strings, embedded structs and, at most
// depth levels down, slices of such structs.
func randomStruct(rng *rand.Rand, depth int) reflect.Type {
	var fields []reflect.StructField
	taken := map[string]bool{}
	for range 1 + rng.IntN(4) {
		f := text(string("ABCabc"[rng.IntN(6)]), randomTags[rng.IntN(len(randomTags))])
		switch kind := rng.IntN(8); {
		case kind < 2:
			f = randomEmbedded[rng.IntN(len(randomEmbedded))]
		case kind == 2 && depth > 0:
			f.Type = reflect.SliceOf(randomStruct(rng, depth-1))
		}
		if !taken[f.Name] {
			taken[f.Name] = true
			fields = append(fields, f)
		}
	}
	return reflect.StructOf(fields)
}

// fill puts a text into every string of v that can be set.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("filled")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	}
}

// depths records, for each name, the least depth of a field of t with that name.
func depths(t reflect.Type, depth int, least map[string]int) map[string]int {
	for i := range t.NumField() {
		f := t.Field(i)
		if d, ok := least[f.Name]; !ok || depth < d {
			least[f.Name] = depth
		}
		if inner := f.Type; f.Anonymous {
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			depths(inner, depth+1, least)
		}
	}
	return least
}

// empty returns the name of an empty field of v that should be filled: no tag says that it
// has no key, and no field of the same name shadows it.
func empty(v reflect.Value, depth int, least map[string]int) string {
	for i := range v.NumField() {
		f, fv := v.Type().Field(i), v.Field(i)
		tag := f.Tag.Get("json")
		if tag == "-" || !f.IsExported() && !strings.Contains(strings.ToLower(string(f.Tag)), "json") {
			continue
		}
		for fv.Kind() == reflect.Pointer && !fv.IsNil() {
			fv = fv.Elem()
		}
		inside := ""
		switch {
		case fv.Kind() == reflect.Struct && f.Anonymous && tag != "x":
			inside = empty(fv, depth+1, least)
		case depth > least[f.Name]:
		case fv.Kind() == reflect.Struct:
			inside = empty(fv, 0, depths(fv.Type(), 0, map[string]int{}))
		case fv.Kind() == reflect.Slice && fv.Len() == 1:
			inside = empty(fv.Index(0), 0, depths(fv.Type().Elem(), 0, map[string]int{}))
		case fv.IsZero():
			return f.Name
		}
		if inside != "" {
			return f.Name + "." + inside
		}
	}
	return ""
}

// TestNoFieldStaysEmpty encodes structs with a text in each field by encoding/json, and
// decodes the result. Either the struct type is refused, or each field has its text again.
func TestNoFieldStaysEmpty(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 3))
	decoded, refused := 0, 0
	for range 3000 {
		typ := randomStruct(rng, 2)
		full := reflect.New(typ)
		fill(full.Elem())
		doc, err := json.Marshal(full.Interface())
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(typ)
		if err := (codec.JSON{}).Decode(doc, got.Interface()); err != nil {
			if !errors.Is(err, codec.ErrUnsupported) {
				t.Fatalf("%v from %s: %v", typ, doc, err)
			}
			refused++
			continue
		}
		decoded++
		if name := empty(got.Elem(), 0, depths(typ, 0, map[string]int{})); name != "" {
			t.Fatalf("%v from %s: %s is empty", typ, doc, name)
		}
	}
	if decoded < 300 || refused < 300 {
		t.Errorf("%d types were decoded, %d refused", decoded, refused)
	}
}
