package schema_test

import (
	"encoding/json"
	"fmt"
	"go/types"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"golang.org/x/tools/go/packages"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/schema"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/schema/internal/samples"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/shape"
	"github.com/typedsecret/typedsecret/codec"
)

// A pair is one type, for the codec and for the command.
type pair struct {
	goes  reflect.Type
	reads types.Type
}

var loaded = sync.OnceValue(func() *types.Scope {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo}, "./internal/samples")
	if err != nil || len(pkgs) != 1 || len(pkgs[0].Errors) > 0 {
		panic(fmt.Sprint(err, pkgs))
	}
	return pkgs[0].Types.Scope()
})

// pairsOf returns the types of the fields of a struct of package samples.
func pairsOf(name string, t reflect.Type) (all []pair) {
	st := loaded().Lookup(name).Type().Underlying().(*types.Struct)
	for i := range st.NumFields() {
		all = append(all, pair{t.Field(i).Type, st.Field(i).Type()})
	}
	return all
}

// A maker makes types and documents. Its decisions come from the entropy; at its end, each is 0.
type maker struct {
	entropy []byte
	options codec.JSON
	faults  bool
}

func (m *maker) n(n int) int {
	if len(m.entropy) == 0 {
		return 0
	}
	b := m.entropy[0]
	m.entropy = m.entropy[1:]
	return int(b) % n
}

var names = []string{"a", "b", "A", "key_1", "Kelvin", "x y", "d.e"}

// typ makes a type.
func (m *maker) typ(depth int) pair {
	leaves, structs := pairsOf("Leaves", reflect.TypeFor[samples.Leaves]()), pairsOf("Structs", reflect.TypeFor[samples.Structs]())
	kind := m.n(10)
	if depth > 2 {
		kind = m.n(4)
	}
	switch kind {
	case 4:
		e := m.typ(depth + 1)
		return pair{reflect.PointerTo(e.goes), types.NewPointer(e.reads)}
	case 5:
		e := m.typ(depth + 1)
		return pair{reflect.SliceOf(e.goes), types.NewSlice(e.reads)}
	case 6:
		e, n := m.typ(depth+1), m.n(3)
		return pair{reflect.ArrayOf(n, e.goes), types.NewArray(e.reads, int64(n))}
	case 7:
		e := m.typ(depth + 1)
		return pair{reflect.MapOf(reflect.TypeFor[string](), e.goes), types.NewMap(types.Typ[types.String], e.reads)}
	case 8:
		return structs[m.n(len(structs))]
	case 9:
		return m.structure(depth)
	}
	return leaves[m.n(len(leaves))]
}

func (m *maker) structure(depth int) pair {
	var fields []reflect.StructField
	var vars []*types.Var
	var tags []string
	for i := range m.n(5) {
		e, name := m.typ(depth+1), "F"+strconv.Itoa(i)
		tag := ""
		if k := m.n(len(names) + 3); k < len(names) {
			tag = fmt.Sprintf(`json:"%s%d%s"`, names[k], i, []string{"", "", ",omitempty", ",string", ",omitzero,string"}[m.n(5)])
		}
		fields = append(fields, reflect.StructField{Name: name, Type: e.goes, Tag: reflect.StructTag(tag)})
		vars = append(vars, types.NewField(0, nil, name, e.reads, false))
		tags = append(tags, tag)
	}
	return pair{reflect.StructOf(fields), types.NewStruct(vars, tags)}
}

// FuzzSchemaAgreesWithTheCodec makes a type and a document. The schema of the type, judged by
// another project's validator, must accept the document if and only if codec.JSON does.
func FuzzSchemaAgreesWithTheCodec(f *testing.F) {
	rng := rand.New(rand.NewPCG(22, 4))
	for range 200 {
		f.Add(byte(rng.Uint32()), randomBytes(rng))
	}
	f.Fuzz(func(t *testing.T, options byte, entropy []byte) { compare(t, options, entropy) })
}

func randomBytes(rng *rand.Rand) []byte {
	b := make([]byte, 50+rng.IntN(250))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestSchemaAgreesWithTheCodec(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 5))
	count := map[string]int{}
	for range 3000 {
		count[compare(t, byte(rng.Uint32()), randomBytes(rng))]++
		if t.Failed() {
			return
		}
	}
	t.Log(count)
	for what, least := range map[string]int{"accepted": 500, "refused": 500} {
		if count[what] < least {
			t.Errorf("%s: %d of %v", what, count[what], count)
		}
	}
}

// compare returns what both say about a document.
func compare(t *testing.T, options byte, entropy []byte) string {
	t.Helper()
	m := &maker{entropy: entropy, options: codec.JSON{Strict: options&1 != 0, Lenient: options&2 != 0}, faults: options&4 != 0}
	p := m.typ(0)
	if m.options.CheckType(p.goes) != nil {
		return "unfit"
	}
	r := schema.Reading{Codec: shape.JSON, Shape: shape.Of(p.reads)}
	r.Options.Strict, r.Options.Lenient = m.options.Strict, m.options.Lenient
	text, err := json.Marshal(r.Schema())
	if err != nil {
		t.Fatal(err)
	}
	doc := m.document(p.goes, 0)
	got, why := judge(t, text, doc)
	want := m.options.Decode([]byte(doc), reflect.New(p.goes).Interface())
	if (want == nil) != got {
		t.Fatalf("%+v of %v\n%s\ncodec: %v\nschema: %v\n%s", m.options, p.goes, doc, want, why, text)
	}
	if got {
		return "accepted"
	}
	return "refused"
}

// judge reports whether a document is valid by a schema.
func judge(t *testing.T, text []byte, doc string) (valid bool, why error) {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var instance any
	if err := json.Unmarshal([]byte(doc), &instance); err != nil {
		t.Fatalf("the test makes no JSON: %v: %s", err, doc)
	}
	why = resolved.Validate(instance)
	return why == nil, why
}

func (m *maker) pick(texts ...string) string { return texts[m.n(len(texts))] }

// document makes a document for a t, with some faults.
func (m *maker) document(t reflect.Type, depth int) string {
	if m.faults && m.n(16) == 15 {
		return m.pick("null", `"text"`, "12", "true", "[]", "{}", `{"a":1}`, "-7", "0.5", `"12"`, `"true"`, `"30s"`, "300", "[1]")
	}
	switch t {
	case reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]():
		return m.pick("null", `"x"`, "1", `{"a":[1,null]}`, "true")
	case reflect.TypeFor[json.Number]():
		return m.pick("1", `"1.5e3"`, "-0.25")
	case reflect.TypeFor[samples.Leaves]().Field(11).Type: // time.Duration
		return m.pick(`"30s"`, "1500", `"-1h2.5m.5s"`, `"0"`, `"+0"`, `""`, `"1"`, `"s"`, `"1µs"`)
	case reflect.TypeFor[samples.Leaves]().Field(12).Type: // time.Time
		return m.pick(`"2026-11-24T04:00:00Z"`, `"2026-11-24T04:00:00.123+02:00"`, `"2026-11-24"`, `"2026-13-24T04:00:00Z"`, `"2026-11-24T24:00:00Z"`, `"2026-11-24t04:00:00Z"`)
	case reflect.TypeFor[[]byte]():
		return m.pick(`"YQ=="`, `""`, `"YWI="`, `"YWJj"`, `"Y"`, `"YQ"`, `"YQ=\n="`, `"Y\nWJj\r\n"`, "[1,2]", `"Y-Jj"`, "[256]")
	case reflect.TypeFor[codec.Redacted]():
		return m.pick(`"x"`, `"[REDACTED]"`, `""`)
	}
	switch t.Kind() {
	case reflect.String:
		return m.pick(`"t"`, `""`, `"é\n"`, `"12"`)
	case reflect.Bool:
		return m.pick("true", "false")
	case reflect.Float32, reflect.Float64:
		return m.pick("1.5", "0", "-3", "1e10")
	case reflect.Int, reflect.Int8, reflect.Int64:
		return m.pick("1", "0", "-1", "127", "-128")
	case reflect.Uint16, reflect.Uint64, reflect.Uint8:
		return m.pick("1", "0", "255")
	case reflect.Pointer:
		if m.n(4) == 3 || depth > 8 {
			return "null"
		}
		return m.document(t.Elem(), depth)
	case reflect.Slice, reflect.Array:
		n := m.n(3)
		if t.Kind() == reflect.Array && !(m.faults && m.n(8) == 7) {
			n = t.Len()
		}
		if t.Kind() == reflect.Slice && depth > 6 {
			n = 0
		}
		list := make([]string, n)
		for i := range list {
			list[i] = m.document(t.Elem(), depth+1)
		}
		return "[" + strings.Join(list, ",") + "]"
	case reflect.Map:
		keys := []string{"x", "Y z"}
		if t.Key().Kind() != reflect.String {
			keys = []string{"12", m.pick("3", "+4", "x", "-1", "")}
		}
		var list []string
		for _, k := range keys[:m.n(3)%(len(keys)+1)] {
			if depth < 6 {
				list = append(list, strconv.Quote(k)+":"+m.document(t.Elem(), depth+1))
			}
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	o := object{m: m, depth: depth, seen: map[string]bool{}}
	o.fields(t)
	if m.n(6) == 5 {
		o.add("unknown", "1")
	}
	return "{" + strings.Join(o.members, ",") + "}"
}

// An object is one that is being made.
type object struct {
	m       *maker
	depth   int
	members []string
	seen    map[string]bool
}

// add adds a member, unless its key is there, since JSON Schema does not see a duplicate.
func (o *object) add(key, value string) {
	if !o.seen[key] {
		o.seen[key] = true
		text, _ := json.Marshal(key)
		o.members = append(o.members, string(text)+":"+value)
	}
}

func (o *object) fields(t reflect.Type) {
	m := o.m
	for sf := range t.Fields() {
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		inner := sf.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case sf.Tag.Get("json") == "-":
			continue
		case sf.Anonymous && inner.Kind() == reflect.Struct && name == "":
			if sf.Type.Kind() != reflect.Pointer || m.n(2) == 0 {
				o.fields(inner)
			}
			continue
		case !sf.IsExported() && !sf.Anonymous:
			continue
		case name == "":
			name = sf.Name
		}
		optional := strings.Contains(options, "omit") || sf.Type.Kind() == reflect.Pointer
		if optional && m.n(3) == 0 || m.faults && m.n(12) == 11 {
			if m.n(4) == 3 {
				o.add(m.pick(strings.ToUpper(name), " "+name, name+"\u200b", strings.ToLower(name), strings.ReplaceAll(name, "_", "-"), strings.ReplaceAll(name, "K", "\u212a")), "1")
			}
			continue
		}
		value := m.document(sf.Type, o.depth+1)
		if strings.Contains(options, "string") && m.n(2) == 0 && value[0] != '"' && value[0] != '{' && value[0] != '[' && value != "null" {
			value = strconv.Quote(value)
		}
		o.add(name, value)
	}
}
