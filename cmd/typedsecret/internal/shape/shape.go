// Package shape says which documents a T takes. It reads a type of go/types as package
// codec reads one of reflect: the same choice of a codec, the same keys, the same kinds. What
// only a method of the type decides is [Custom].
package shape

import (
	"fmt"
	"go/types"

	"golang.org/x/tools/go/types/typeutil"
)

// A Kind is what a value is in a secret's JSON.
type Kind int

// The kinds of values.
const (
	Custom   Kind = iota // what the type's own method takes; any JSON but null
	Any                  // any JSON
	Object               // a struct: the keys are Fields
	Map                  // any keys, values of Elem
	Array                // elements of Elem, Len of them, or any number if Len is negative
	String               // any string
	Redacted             // a codec.Redacted: any string but [REDACTED]
	Text                 // a string that a method of the type takes
	Binary               // such a string, or an object of Fields
	Time                 // a string by RFC 3339
	Duration             // a string such as 30s, or a number of nanoseconds
	Number               // a json.Number
	Bool
	Int     // Bits wide
	Uint    // Bits wide
	Float   // Bits wide
	Bytes   // base64, or an array of numbers
	PEM     // PEM text, or an object with PEM text
	Pointer // null, or Elem
)

// A Shape is the documents of one type. Shapes may refer to themselves.
type Shape struct {
	Kind     Kind
	Name     string // of the type in Go
	IsNamed  bool   // whether the type is declared, and not built in
	Nullable bool   // null is a value
	Fields   []Field
	Elem     *Shape
	Keys     *Shape // of a Map
	Len      int64
	Bits     int
	IsList   bool // of PEM: an array of texts is taken too

	// Fault is why nothing decodes into the type, or "". It is not complete: codec.Check
	// has the last word.
	Fault string
}

// A Field is one key of an Object.
type Field struct {
	Key      string
	Name     string // the field's name in Go, after those of the structs in which it is embedded
	Optional bool   // the key may be missing or null
	Quoted   bool   // tagged `,string`: a bare value and a quoted one are taken
	Shape    *Shape

	// Pointers are the structs on the way that are embedded by pointer. The key may be
	// missing if no key of the innermost one is there.
	Pointers []string
}

// Codecs of a whole secret.
const (
	JSON      = "codec.JSON"
	PlainText = "codec.Text"
	Raw       = "codec.Bytes"
	PEMText   = "codec.PEM"
)

// CodecOf returns the codec that codec.For returns for t, if none is registered.
func CodecOf(t types.Type) string {
	for range 8 {
		switch {
		case isPEM(t):
			return PEMText
		case has(t, "UnmarshalText"), isNamed(t, "time.Duration"), isNamed(t, "net/url.URL"), isNamed(deref(t), "net/url.URL"):
			return PlainText
		case has(t, "UnmarshalJSON"), isNamed(t, "encoding/json.Number"):
			return JSON
		case has(t, "UnmarshalBinary"):
			return Raw
		case kindOf(t)&types.IsString != 0:
			return PlainText
		case isBytes(t):
			return Raw
		}
		p, ok := t.Underlying().(*types.Pointer)
		if !ok {
			break
		}
		t = p.Elem()
	}
	return JSON
}

// Of returns the shape of t.
func Of(t types.Type) *Shape {
	r := &reader{seen: typeutil.Map{}}
	return r.shape(t)
}

// A reader makes the shapes of one T. A type that contains itself finds its shape in seen.
type reader struct{ seen typeutil.Map }

func (r *reader) shape(t types.Type) *Shape {
	t = types.Unalias(t)
	if s, ok := r.seen.At(t).(*Shape); ok {
		return s
	}
	s := &Shape{Name: nameOf(t)}
	_, s.IsNamed = t.(*types.Named)
	r.seen.Set(t, s)
	r.fill(s, t)
	return s
}

// nameOf returns a type as a reader writes it, with the names of packages.
func nameOf(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return p.Name() })
}

func (r *reader) fill(s *Shape, t types.Type) {
	_, isPointer := t.Underlying().(*types.Pointer)
	switch {
	case isPEM(t):
		s.Kind, s.IsList = PEM, isNamed(deref(t), "crypto/x509.CertPool") || isSlice(t) && !isNamed(t, "crypto/ed25519.PrivateKey")
	case isByPointer(t):
		s.Fault = "make it a *" + s.Name + ", which takes PEM text"
	case isNamed(t, library+".Redacted"):
		s.Kind = Redacted
	case isNamed(t, "time.Duration"):
		s.Kind = Duration
	case isNamed(t, "time.Time"):
		s.Kind = Time
	case isNamed(t, "encoding/json.RawMessage"):
		s.Kind, s.Nullable = Any, true
	case types.IsInterface(t):
		s.Kind, s.Nullable = Any, true
		if _, isParameter := t.(*types.TypeParam); isParameter {
			return
		}
		if t.Underlying().(*types.Interface).NumMethods() > 0 {
			s.Fault = "nothing says what type of value the interface is to hold"
		}
	case !isPointer && has(t, "UnmarshalJSON"):
		s.Kind = Custom
	case !isPointer && has(t, "UnmarshalText"):
		s.Kind = Text
	case isNamed(t, "net/url.URL"):
		s.Kind = Text // its fields have a part that nothing fills
	case isStruct(t) && has(t, "UnmarshalBinary"):
		s.Kind, s.Fields = Binary, r.fields(t)
	default:
		r.fillKind(s, t)
	}
}

func (r *reader) fillKind(s *Shape, t types.Type) {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		fillBasic(s, t, u)
	case *types.Struct:
		s.Kind, s.Fields = Object, r.fields(t)
	case *types.Map:
		s.Kind, s.Keys, s.Elem = Map, r.shape(u.Key()), r.shape(u.Elem())
	case *types.Slice:
		s.Kind, s.Len, s.Elem = Array, -1, r.shape(u.Elem())
		if isBytes(t) {
			s.Kind = Bytes
		}
	case *types.Array:
		s.Kind, s.Len, s.Elem = Array, u.Len(), r.shape(u.Elem())
	case *types.Pointer:
		s.Kind, s.Nullable, s.Elem = Pointer, true, r.shape(u.Elem())
	default:
		s.Fault = "no JSON value fills a " + s.Name
	}
}

func fillBasic(s *Shape, t types.Type, b *types.Basic) {
	sizes := types.SizesFor("gc", "amd64")
	switch info := b.Info(); {
	case isNamed(t, "encoding/json.Number"):
		s.Kind = Number
	case info&types.IsString != 0:
		s.Kind = String
	case info&types.IsBoolean != 0:
		s.Kind = Bool
	case info&types.IsUnsigned != 0:
		s.Kind, s.Bits = Uint, int(sizes.Sizeof(b))*8
	case info&types.IsInteger != 0:
		s.Kind, s.Bits = Int, int(sizes.Sizeof(b))*8
	case info&types.IsFloat != 0:
		s.Kind, s.Bits = Float, int(sizes.Sizeof(b))*8
	default:
		s.Fault = "no JSON value fills a " + s.Name
	}
}

// String returns what the value is, in a few words.
func (s *Shape) String() string { return s.words(0) }

// Target returns the shape behind pointers.
func (s *Shape) Target() *Shape {
	for depth := 0; s.Kind == Pointer && depth < 8; depth++ {
		s = s.Elem
	}
	return s
}

func (s *Shape) words(depth int) string {
	if depth == 8 {
		return s.Name // it contains itself
	}
	depth++
	if s.Fault != "" {
		return "nothing: " + s.Fault
	}
	switch s.Kind {
	case Custom:
		return "what " + s.Name + " takes"
	case Any:
		return "any JSON"
	case Object:
		return "object"
	case Map:
		return "object of " + s.Elem.words(depth)
	case Array:
		if s.Len >= 0 {
			return fmt.Sprintf("array of %d of %s", s.Len, s.Elem.words(depth))
		}
		return "array of " + s.Elem.words(depth)
	case Text:
		return "string for " + s.Name
	case Binary:
		return "string or object for " + s.Name
	case Time:
		return "time (RFC 3339)"
	case Duration:
		return "duration, such as \"30s\""
	case Number, Float:
		return "number"
	case Bool:
		return "bool"
	case Int, Uint:
		return "integer"
	case Bytes:
		return "base64"
	case PEM:
		return "PEM text"
	case Pointer:
		return s.Elem.words(depth)
	}
	return "string"
}
