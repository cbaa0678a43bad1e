package codec_test

import (
	"io"
	"reflect"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/typedsecret/typedsecret/codec"
)

// structOf makes struct types with tags that go vet refuses in source code.
func structOf(fields ...reflect.StructField) reflect.Type { return reflect.StructOf(fields) }

func text(name string, tag reflect.StructTag) reflect.StructField { return typed[string](name, tag) }

func typed[T any](name string, tag reflect.StructTag) reflect.StructField {
	f := reflect.StructField{Name: name, Type: reflect.TypeFor[T](), Tag: tag}
	if 'a' <= name[0] && name[0] <= 'z' || name[0] == '_' {
		f.PkgPath = "codec_test"
	}
	return f
}

func embedded[T any](tag reflect.StructTag) reflect.StructField {
	t := reflect.TypeFor[T]()
	name := t.Name()
	if t.Kind() == reflect.Pointer {
		name = t.Elem().Name()
	}
	return reflect.StructField{Name: name, Type: t, Tag: tag, Anonymous: true}
}

// losesIn is like loses, for a type that only reflect can make.
func losesIn(name string, t reflect.Type, input string, says ...string) losing {
	decode := func(input string) error { return codec.JSON{}.Decode([]byte(input), reflect.New(t).Interface()) }
	return losing{name, decode, func() error { return codec.JSON{}.CheckType(t) }, inputs.Replace(input), says}
}

// Left and Right have keys in common.
type (
	Left  struct{ Host, L string }
	Right struct{ Host, R string }
	// Tagged has Left's key by its tag.
	Tagged struct {
		Server string `json:"Host"`
	}
	// Renamed has Left's key under another field.
	Renamed struct {
		Left
		Server string `json:"Host"`
	}
	viaLeft     struct{ Left }
	viaLeftToo  struct{ Left }
	deeperLeft  struct{ viaLeft }
	deeperLeft2 struct{ viaLeft }
	twoWays     struct {
		viaLeft
		viaLeftToo
	}
	sameTwoWays struct {
		deeperLeft
		deeperLeft2
	}
	shadowsBoth struct {
		Left
		Right
		Host string
	}
	shadowsTagged struct {
		Tagged
		Server string
	}
)

var sameKeyRows = []losing{
	losesIn("two fields with one tag", structOf(text("A", `json:"a"`), text("B", `json:"a"`)), `{"a":"$S"}`,
		`the fields A and B of the struct have the same key "a", so that neither is filled`, `json:"-"`),
	losesIn("two optional fields with one tag", structOf(text("A", `json:"a,omitempty"`), text("B", `json:"a,omitempty"`)), `{"a":"$S"}`, `A and B`),
	losesIn("a tag like another field's name", structOf(text("A", `json:"B"`), text("B", ``)), `{"B":"$S"}`,
		`the fields A and B of the struct have the same key "B", so that B stays empty`),
	losesIn("a field's name like an earlier tag", structOf(text("B", ``), text("A", `json:"B"`)), `{"B":"$S"}`,
		`the fields B and A of the struct have the same key "B", so that B stays empty`),
	loses[ambiguous]("two embedded structs", `{"L":"l","R":"r","Host":"$S"}`,
		`the fields left.Host and right.Host of codec_test.ambiguous have the same key "Host"`),
	losesIn("two embedded structs, one by pointer", structOf(embedded[Left](``), embedded[*Right](``)), `{"L":"l"}`, `Left.Host and Right.Host`),
	loses[one[[]ambiguous]]("in a slice", `{"V":[{"L":"l","R":"r","Host":"$S"}]}`, `of codec_test.ambiguous (at V[*]) have`),
	losesIn("a tagged one of two embedded", structOf(embedded[Left](``), embedded[Tagged](``)), `{"L":"l","Host":"$S"}`,
		`the fields Left.Host and Tagged.Server of the struct have the same key "Host", so that Left.Host stays empty`),
	loses[diamond]("one struct embedded in two ways", `{"Host":"$S","ID":"i"}`, `viaA.deepHost.Host and viaB.deepHost.Host`),
	loses[twoWays]("in two ways by one name", `{"Host":"$S","L":"$S"}`, `viaLeft.Left.Host and viaLeftToo.Left.Host`, `viaLeft.Left.L and viaLeftToo.Left.L`),
	loses[sameTwoWays]("in two ways further down", `{"Host":"$S","L":"$S"}`, `deeperLeft.viaLeft.Left.Host and deeperLeft2.viaLeft.Left.Host`),
	loses[Renamed]("an outer field of another name", `{"Host":"$S","L":"l"}`,
		`the fields Server and Left.Host of codec_test.Renamed have the same key "Host", so that Left.Host stays empty`, "or rename Server to Host"),
}

func TestFieldsWithOneKeyAreRefused(t *testing.T) {
	for _, row := range sameKeyRows {
		t.Run(row.name, row.check)
	}
}

var shadowRows = []decoding{
	accepts("outer field dominates", `{"host":"x","User":"u"}`, outerWins{Base{"", "u"}, "x"}),
	accepts("outer field dominates two", `{"Host":"x","L":"l","R":"r"}`, shadowsBoth{Left{"", "l"}, Right{"", "r"}, "x"}),
	accepts("outer field of another key", `{"Host":"x","Server":"y"}`, shadowsTagged{Tagged{"x"}, "y"}),
	accepts("case differs", `{"a":"x","A":"y"}`, struct {
		A string `json:"a"`
		B string `json:"A"`
	}{"x", "y"}),
	accepts("one of two is left out", `{"A":"x"}`, struct {
		A string
		B string `json:"-"`
	}{A: "x"}),
}

func TestAFieldThatShadowsIsFilled(t *testing.T) {
	for _, row := range shadowRows {
		t.Run(row.name, row.check)
	}
}

// opaque has no field that a decoder could set.
type opaque struct {
	//lint:ignore U1000 unexported fields have no key
	secret string
}

// Reader is embedded below.
type Reader interface{ Read([]byte) (int, error) }

var settableRows = []losing{
	losesIn("unexported with a tag", structOf(text("User", ``), text("password", `json:"password"`)), `{"User":"u","password":"$S"}`,
		`the field password of the struct has the tag json:"password" but is unexported, so that nothing can set it; export it, or tag it json:"-"`),
	losesIn("unexported, optional", structOf(text("User", ``), text("password", `json:",omitempty"`)), `{"User":"u"}`, "field password"),
	losesIn("unexported further down", reflect.SliceOf(structOf(text("User", ``), reflect.StructField{
		Name: "In", Type: structOf(text("Name", ``), text("token", `json:"token"`)),
	})), `[{"User":"u","In":{"Name":"n"}}]`, `the field token of the struct (at [*].In) has the tag json:"token"`),
	losesIn("unexported with a tag that is malformed", structOf(text("User", ``), text("password", `json: "password"`)), `{"User":"u"}`, "field password"),
	loses[struct{ opaque }]("all unexported", `{"secret":"$S"}`, "no field that JSON can set"),
	loses[opaque]("none exported", `{"secret":"$S"}`, "codec_test.opaque has no field that JSON can set"),
	loses[one[*opaque]]("none exported in a field", `{"V":{"secret":"$S"}}`, "codec_test.opaque (at V) has no field that JSON can set"),
	loses[one[atomic.Int64]]("a type of the standard library's", `{"V":{}}`, "atomic.Int64 (at V)"),
	loses[struct{ *hidden }]("embedded pointer to unexported", `{"Key":"$S"}`,
		"the struct embeds *codec_test.hidden, a pointer to an unexported type, which nothing can set, so that hidden.Key stays empty"),
	loses[struct {
		*hidden
		Pass string
	}]("embedded pointer to unexported, beside a field", `{"Pass":"$S"}`, "hidden.Key"),
	loses[struct {
		*hidden `json:"hidden"`
		Pass    string
	}]("embedded pointer to unexported, with a tag", `{"Pass":"$S"}`, "*codec_test.hidden"),
	loses[struct {
		password `json:"password"`
		User     string
	}]("embedded unexported string with a tag", `{"User":"u","password":"$S"}`, `the field password of the struct has the tag json:"password" but is unexported`),
	loses[hidesReader]("embedded unexported with a method", `{"r":{"Key":"$S"},"h":{"Key":"l"}}`,
		"the field readsItself of codec_test.hidesReader is unexported, so that the UnmarshalText method of codec_test.readsItself cannot be called"),
	loses[struct {
		Reader
		Pass string
	}]("embedded interface", `{"Pass":"$S"}`, "the interface codec_test.Reader (at Reader)"),
	loses[struct {
		R    io.Reader `json:",omitempty"`
		Pass string
	}]("interface with methods", `{"Pass":"$S"}`, "the interface io.Reader (at R)"),
	loses[struct {
		C    chan int `json:",omitempty"`
		Pass string
	}]("channel", `{"Pass":"$S"}`, "a chan int (at C)"),
	loses[struct {
		F    *func() `json:"f"`
		Pass string
	}]("function", `{"Pass":"$S"}`, "a func() (at F)"),
	loses[struct {
		P    unsafe.Pointer `json:",omitzero"`
		Pass string
	}]("unsafe pointer", `{"Pass":"$S"}`, "unsafe.Pointer (at P)"),
	loses[map[string]complex128]("complex number", `{}`, "a complex128 (at [*])"),
	loses[one[map[float64]string]]("map with impossible keys", `{"V":{}}`, "map[float64]string (at V)"),
	loses[struct {
		S    *selfPointer `json:",omitempty"`
		Pass string
	}]("pointer to itself", `{"Pass":"$S"}`, "(at S)"),
}

func TestAFieldThatNothingCanSetIsRefused(t *testing.T) {
	for _, row := range settableRows {
		t.Run(row.name, row.check)
	}
}

var tagRows = []losing{
	losesIn("blank behind the colon", structOf(text("A", `json: "a"`)), `{"A":"$S"}`, `the field A of the struct has a malformed tag`, `json:"name"`),
	losesIn("no quotes", structOf(text("A", `json:a`)), `{"A":"$S"}`, `malformed`),
	losesIn("no colon", structOf(text("A", `json "a"`)), `{"A":"$S"}`, `malformed`),
	losesIn("single quotes", structOf(text("A", `json:'a'`)), `{"A":"$S"}`, `malformed`),
	losesIn("no end", structOf(text("A", `json:"a`)), `{"A":"$S"}`, `malformed`),
	losesIn("an equals sign", structOf(text("A", `json="a"`)), `{"A":"$S"}`, `malformed`),
	losesIn("a bad escape", structOf(text("A", `json:"a\q"`)), `{"A":"$S"}`, `malformed`),
	losesIn("behind a malformed one", structOf(text("A", `yaml:a json:"a"`)), `{"A":"$S"}`, `malformed`),
	losesIn("behind a comma", structOf(text("A", `yaml:"a",json:"a"`)), `{"A":"$S"}`, `the key ",json"`),
	losesIn("capitals", structOf(text("A", `JSON:"a"`)), `{"A":"$S"}`, `the key "JSON"`),
	losesIn("twice", structOf(text("A", `json:"a" json:"b"`)), `{"a":"$S"}`, `two json tags`),
	losesIn("no name", structOf(text("A", `json:"a\"b"`)), `{"A":"$S"}`, `the name "a\"b"`),
	losesIn("misspelt option", structOf(text("A", `json:"a,omitemtpy"`)), `{"a":"$S"}`, `the option "omitemtpy"`, "omitempty, omitzero and string"),
	losesIn("blank before the option", structOf(text("A", `json:"a, omitempty"`)), `{"a":"$S"}`, `the option " omitempty"`),
	losesIn("option in capitals", structOf(typed[*int]("A", `json:"a,String"`)), `{"a":1}`, `the option "String"`),
	losesIn("required pointer", structOf(typed[*int]("A", `json:"a,required"`)), `{}`, `the option "required"`),
	losesIn("inline of a field", structOf(typed[*Left]("A", `json:",inline"`)), `{"Host":"$S"}`, `the option "inline"`, "embed"),
	losesIn("inline with a name", structOf(embedded[Left](`json:"left,inline"`)), `{"left":{"Host":"h","L":"$S"}}`, `the option "inline"`),
}

func TestATagThatIsIgnoredIsRefused(t *testing.T) {
	for _, row := range tagRows {
		t.Run(row.name, row.check)
	}
}

type noKeyOnPurpose struct {
	Pass string `json:"pass" yaml:"p"`
	Done func() `json:"-"`
	_    [0]func()
	//lint:ignore U1000 unexported fields have no key
	cached time.Time
	//lint:ignore U1000 unexported fields have no key
	also chan int `json:"-"`
	//lint:ignore U1000 unexported fields have no key
	hinted string `jsonschema:"x" desc:"a json string"`
}

var quietTagRows = []decoding{
	accepts("fields without a key", `{"pass":"p"}`, noKeyOnPurpose{Pass: "p"}),
	accepts("inline of what is embedded", `{"Host":"h","L":"l","ID":"i"}`, struct {
		Left `json:",inline"`
		ID   string
	}{Left{"h", "l"}, "i"}),
	accepts("no field at all", `{"V":{}}`, one[struct{}]{}),
	accepts("an option left out", `{"a":"x"}`, struct {
		//lint:ignore SA5008 encoding/json ignores it
		A string `json:"a,"`
	}{"x"}),
	accepts("`,string` on what it is not for", `{"a":["x"]}`, struct {
		//lint:ignore SA5008 encoding/json ignores it
		A []string `json:"a,string"`
	}{[]string{"x"}}),
}

func TestATagThatSaysWhatIsMeantDecodes(t *testing.T) {
	for _, row := range quietTagRows {
		t.Run(row.name, row.check)
	}
}
