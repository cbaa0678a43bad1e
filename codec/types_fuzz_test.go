package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/codec"
)

// FuzzTypesAndDocuments makes a struct type, and a document for it with some faults. A
// decoded value must equal the document: no field in the document stays zero, and each
// number is unchanged. A document without a fault must be decoded.
func FuzzTypesAndDocuments(f *testing.F) {
	rng := rand.New(rand.NewPCG(19, 1))
	for i := range 300 {
		f.Add(uint16(i), byte(i), randomBytes(rng))
	}
	f.Fuzz(func(t *testing.T, which uint16, options byte, entropy []byte) {
		decodeMade(t, which, options, entropy)
	})
}

// TestTypesAndDocuments runs the fuzz target's function on many inputs, and counts the
// results.
func TestTypesAndDocuments(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 2))
	count := map[string]int{}
	for range 20_000 {
		count[decodeMade(t, uint16(rng.Uint32()), byte(rng.Uint32()), randomBytes(rng))]++
		if t.Failed() {
			return
		}
	}
	for what, least := range map[string]int{"clean": 2000, "decoded": 500, "refused": 2000, "unfit": 500} {
		if count[what] < least {
			t.Errorf("%s: %d of %v", what, count[what], count)
		}
	}
}

func randomBytes(rng *rand.Rand) []byte {
	b := make([]byte, 100+rng.IntN(200))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// decodeMade decodes a document that the entropy makes for a type, and returns the result
// in a word.
func decodeMade(t *testing.T, which uint16, options byte, entropy []byte) string {
	t.Helper()
	made := madeType(which)
	c := codec.JSON{Strict: options&1 != 0, Lenient: options&2 != 0, AllowMissing: options&4 != 0}
	d := &documents{entropy: entropy, options: c, faulty: options&8 != 0}
	doc := d.value(made, 0)
	if !json.Valid(doc) {
		t.Fatalf("the test makes no JSON: %s", doc)
	}
	unfit := c.CheckType(made)
	if (codec.JSON{}).CheckType(made) != nil {
		d.spoilt = true // some field is unfit, which AllowMissing refuses only if the document has its key
	}
	got := reflect.New(made)
	err := c.Decode(doc, got.Interface())
	switch {
	case unfit != nil:
		if !errors.Is(err, codec.ErrUnsupported) {
			t.Errorf("%v is unfit, %v, and decodes: %v", made, unfit, err)
		}
		return "unfit"
	case err != nil && !d.spoilt:
		t.Fatalf("%+v refuses %s for %v: %v", c, doc, made, err)
		fallthrough
	case err != nil:
		wantWellFormed(t, err, doc)
		return "refused"
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var says any
	if err := dec.Decode(&says); err != nil {
		t.Fatal(err)
	}
	o := oracle{c}
	if wrong := o.differs(got.Elem(), says, false); wrong != "" {
		t.Errorf("%+v decodes %s into %v: %s", c, doc, made, wrong)
	}
	if d.spoilt {
		return "decoded"
	}
	return "clean"
}

// madeTypes are few, since reflect.StructOf and the codec keep all types in memory.
var madeTypes [4096]struct {
	once sync.Once
	typ  reflect.Type
}

func madeType(which uint16) reflect.Type {
	m := &madeTypes[which%uint16(len(madeTypes))]
	m.once.Do(func() {
		rng := rand.New(rand.NewPCG(uint64(which%uint16(len(madeTypes))), 0))
		m.typ = makeStruct(rng, 3)
	})
	return m.typ
}

var (
	madeLeaves = []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[string](), reflect.TypeFor[password](), reflect.TypeFor[codec.Redacted](),
		reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[int32](), reflect.TypeFor[int64](),
		reflect.TypeFor[uint](), reflect.TypeFor[port](), reflect.TypeFor[uint64](), reflect.TypeFor[float32](), reflect.TypeFor[float64](),
		reflect.TypeFor[any](), reflect.TypeFor[any](), reflect.TypeFor[json.Number](), reflect.TypeFor[json.RawMessage](),
		reflect.TypeFor[time.Duration](), reflect.TypeFor[time.Time](), reflect.TypeFor[[]byte](),
	}
	madeTags = []reflect.StructTag{
		``, ``, ``, `json:"a"`, `json:"b_c"`, `json:"Host"`, `json:"x,omitempty"`, `json:",omitempty"`, `json:"y,omitzero"`,
		`json:",string"`, `json:"z,string"`, `json:"w,omitempty,string"`, `json:"-"`,
	}
	madeKeys = []reflect.Type{reflect.TypeFor[string](), reflect.TypeFor[int16](), reflect.TypeFor[port](), reflect.TypeFor[password]()}
)

func makeType(rng *rand.Rand, depth int) reflect.Type {
	if depth > 0 {
		switch rng.IntN(9) {
		case 0:
			return reflect.PointerTo(makeType(rng, depth-1))
		case 1:
			return reflect.SliceOf(makeType(rng, depth-1))
		case 2:
			return reflect.ArrayOf(2, makeType(rng, depth-1))
		case 3:
			return reflect.MapOf(madeKeys[rng.IntN(len(madeKeys))], makeType(rng, depth-1))
		case 4, 5:
			return makeStruct(rng, depth-1)
		}
	}
	return madeLeaves[rng.IntN(len(madeLeaves))]
}

func makeStruct(rng *rand.Rand, depth int) reflect.Type {
	var fields []reflect.StructField
	taken := map[string]bool{}
	for range 1 + rng.IntN(5) {
		f := reflect.StructField{
			Name: string("ABCDEFGHa"[rng.IntN(9)]), Type: makeType(rng, depth), Tag: madeTags[rng.IntN(len(madeTags))],
		}
		if f.Name == "a" {
			f.PkgPath, f.Tag = "codec_test", ""
		}
		if rng.IntN(8) == 0 {
			f = randomEmbedded[rng.IntN(len(randomEmbedded))]
		}
		if !taken[f.Name] {
			taken[f.Name] = true
			fields = append(fields, f)
		}
	}
	return reflect.StructOf(fields)
}
