package codec

import (
	"bytes"
	"reflect"
	"strconv"
)

// JSON decodes JSON by the rules of encoding/json for fields, tags, embedding
// and the types that unmarshal themselves, and refuses what encoding/json lets
// pass as a zero or as something near what was meant:
//
//   - A key that a struct of T names and the secret lacks, or whose value is
//     null, is an error that lists every such key, unless the field is
//     omitempty, omitzero or a pointer; a pointer to a key or a certificate is as
//     another field. The keys of a struct embedded by pointer
//     may be missing all together. A field that is an interface or a
//     json.RawMessage takes null as a value.
//   - Keys match exactly, case included; the error shows a near miss. An optional field
//     too is missing if the secret has its key in another case, or with a blank or an
//     invisible character more.
//   - A key twice in one object is an error, wherever the object is.
//   - Null elsewhere (an element, a map's value, the whole secret) is refused
//     by everything but pointers, interfaces and json.RawMessage.
//   - A number that a float would change is refused, in an interface too, which holds a
//     float64: an integer that the float does not hold exactly (9007199254740993), any
//     other number so large that its fraction or its last digits before the point are
//     lost, and one too small. A fraction such as 0.1 is rounded as usual.
//   - Invalid UTF-8 and lone surrogates are errors, as are nesting over 512
//     deep and an array of another length than the Go array's.
//
// Where a number is met for a string, or a string for a number, the error names
// the two remedies. A field tagged `,string` takes the bare value beside the
// quoted one that encoding/json wants; on a string field it takes a number or a
// bool as its text, and "null" as that text. Lenient does the same for every scalar
// in the secret, but for a time.Duration: whether "30" is seconds is not to be guessed.
//
// A time.Duration takes "30s" or a number of nanoseconds. A struct that has an
// UnmarshalBinary method and no other, such as url.URL, takes a string. The types of keys
// and certificates that [PEM] lists take a string of PEM text.
//
// A T, or a type inside it, that would leave a field empty without an error is
// refused whatever the secret is, by [Check] and by each Decode:
//
//   - A struct that has UnmarshalJSON or UnmarshalText from an embedded field,
//     since that method decodes the whole struct and fills the embedded field only.
//     A struct may declare the method itself. A struct may also have the method
//     from a field embedded by value, without a tag, if that is its only field with
//     a key: the struct is decoded as that field is. An embedded struct whose
//     method is not promoted is refused, since nothing would call the method. A
//     promoted UnmarshalBinary that would hide fields is not used.
//   - Two fields with one key, also if one is tagged and the other is not. A field
//     may have the key of a more deeply embedded one if it has that one's Go name
//     too, and so shadows it in Go.
//   - A tag on an unexported field; an embedded pointer to an unexported struct; a
//     struct that has fields, but none to set; a channel, a function, an interface
//     with methods, and any other type that no JSON value fills.
//   - A json tag that reflect.StructTag does not find (`json: "x"`), and a name or an
//     option in it that encoding/json ignores, such as omitemtpy. The option inline is
//     allowed where a struct is embedded without a name.
//
// A field with the tag `json:"-"` is left out of these checks.
//
// The zero value is ready for use and is what [For] answers.
type JSON struct {
	// Strict refuses keys that T doesn't name.
	Strict bool
	// Lenient takes a quoted number or bool where a bare one is wanted, and a
	// bare one where a string is wanted.
	Lenient bool
	// AllowMissing is for a T of another package, whose fields cannot be tagged: a key
	// that the secret lacks, or that is null, leaves its field as it is. A key that
	// differs from a field's in case only is taken for that field's, as encoding/json
	// has it. A field that no JSON value fills, such as a function, is refused only if
	// the secret has its key.
	AllowMissing bool
}

// CheckType implements [Checker].
func (c JSON) CheckType(t reflect.Type) error { return refuse(t, c.refusalOf(planFor(t))) }

func (c JSON) refusalOf(r root) string {
	if c.AllowMissing {
		return r.unfit
	}
	return r.refusal
}

// Decode implements [Codec]. It reads the whole of data as one JSON value.
func (c JSON) Decode(data []byte, into any) error {
	v, err := target(into)
	if err != nil {
		return err
	}
	p := planFor(v.Type())
	if reason := c.refusalOf(p); reason != "" {
		return refuse(v.Type(), reason)
	}
	if at, reason := checkJSON(data); reason != "" {
		return &Error{Type: v.Type().String(), Offset: int64(at), Kind: ErrSyntax, Reason: reason}
	}
	d := decoder{data: data, options: c}
	d.path = d.pathBuf[:0]
	if d.peek() == 'n' && v.Kind() == reflect.Pointer {
		// A nil pointer out of a secret would be a crash at the first use.
		d.wrongKind("a value")
	} else {
		p.decode(&d, v)
	}
	if d.err == nil && len(d.missing) == 0 {
		return nil
	}
	e := d.err
	if e == nil {
		e = &Error{Offset: -1, Kind: ErrMissingKey}
	}
	e.Type = v.Type().String()
	e.Missing, e.cut = d.missing, d.cut
	return e
}

// A decoder walks a document that checkJSON has found well-formed, so it needs
// to look for no error of syntax. It goes on after the first problem, because
// all the missing keys are wanted in one error.
type decoder struct {
	data    []byte
	pos     int
	options JSON
	quoted  bool   // the field in hand is tagged `,string`; its scalar takes this back
	path    []step // from T to the value in hand
	pathBuf [8]step
	err     *Error // the first problem other than missing keys
	missing []MissingKey
	cut     bool // there are more missing keys than are noted
}

// A step of a path is a field, or an element if field is nil: of a map, if the
// index is negative, for a map's key is part of the secret.
type step struct {
	field *field
	index int
}

// peek skips white space and returns the byte that the next value begins with.
func (d *decoder) peek() byte {
	for {
		switch c := d.data[d.pos]; c {
		case ' ', '\t', '\r', '\n':
			d.pos++
		default:
			return c
		}
	}
}

// next reports whether another element or member follows in the array or object
// that end closes, and goes to it; first says that none has been read. After the
// last one it goes past the end.
func (d *decoder) next(first bool, end byte) bool {
	c := d.peek()
	if c == end {
		d.pos++
		return false
	}
	if !first {
		d.pos++ // the comma
		d.peek()
	}
	return true
}

// key reads a member's key and goes to its value. The key may be part of data.
func (d *decoder) key() []byte {
	k := d.text()
	d.peek()
	d.pos++ // the colon
	d.peek()
	return k
}

// text reads the string in hand; the result may be part of data.
func (d *decoder) text() []byte {
	raw, escaped := d.rawText()
	if escaped {
		return unescape(raw)
	}
	return raw
}

// rawText goes past the string in hand and returns what is between its quotes.
func (d *decoder) rawText() (raw []byte, escaped bool) {
	start := d.pos + 1
	i := start
	for {
		switch d.data[i] {
		case '"':
			d.pos = i + 1
			return d.data[start:i], escaped
		case '\\':
			escaped = true
			i++
		}
		i++
	}
}

// literal goes past the number, true, false or null in hand and returns it.
func (d *decoder) literal() []byte {
	start := d.pos
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return d.data[start:d.pos]
		}
		d.pos++
	}
	return d.data[start:]
}

// skip goes past the value in hand, looks for duplicate keys in it, and returns
// its bytes, which are part of data.
func (d *decoder) skip() []byte {
	start := d.pos
	switch d.peek() {
	case '"':
		d.rawText()
	case '[':
		d.pos++
		for first := true; d.next(first, ']'); first = false {
			d.skip()
		}
	case '{':
		var keys keySet
		d.pos++
		for first := true; d.next(first, '}'); first = false {
			at := d.pos
			if !keys.add(d.key()) {
				d.failAt(at, ErrDuplicateKey, "an object has one key twice")
			}
			d.skip()
		}
	default:
		d.literal()
	}
	return d.data[start:d.pos]
}

// fail notes a problem with the value in hand, if it is the first.
func (d *decoder) fail(kind error, reason string) {
	d.failAt(d.pos, kind, reason)
}

func (d *decoder) failAt(at int, kind error, reason string) {
	if d.err == nil {
		d.err = &Error{Path: d.pathString(""), Offset: int64(at), Kind: kind, Reason: reason}
	}
}

// failCause notes that a method of the value's own type returned an error. The hint, if
// there is one, is a clause.
func (d *decoder) failCause(at int, t reflect.Type, method, hint string, cause error) {
	path := d.pathString("")
	e := wrap(t, ErrValue, "the "+method+" method of "+t.String()+" refused it"+hint, cause)
	// The method may have used a codec of ours, whose paths begin at its value.
	field := d.fieldString("")
	for _, m := range e.Missing {
		m.Key, m.Field = join(path, m.Key), join(field, m.Field)
		d.note(m)
	}
	d.cut = d.cut || e.cut
	if d.err == nil && (e.Kind != ErrMissingKey || len(e.Missing) == 0) {
		e.Path, e.Offset = join(path, e.Path), int64(at)
		d.err = e
	}
}

// maxMissing is how many missing keys an error lists. A secret of 64 kB may lack millions.
const maxMissing = 1000

// miss notes that the object in hand lacks the key of f.
func (d *decoder) miss(f *field, m MissingKey) {
	if d.cut {
		return
	}
	m.Key, m.Field = d.pathString(f.name), d.fieldString(f.goName)
	d.note(m)
}

// note adds m to the missing keys. Once the list is full, the rest of the secret is passed
// over: elements that nobody will see are not decoded.
func (d *decoder) note(m MissingKey) {
	if len(d.missing) == maxMissing {
		d.cut = true
		return
	}
	d.missing = append(d.missing, m)
}

// wrongKind notes that the value in hand is not of the wanted kind, and goes
// past it.
func (d *decoder) wrongKind(wanted string) {
	d.wrongKindHint(wanted, "")
}

func (d *decoder) wrongKindHint(wanted, hint string) {
	c := d.peek()
	if c == '"' && d.err == nil && (wanted == "an object" || wanted == "an array") && holdsJSON(d.data[d.pos:]) {
		hint += "; the string holds JSON in turn: it was encoded twice"
	}
	d.fail(ErrWrongKind, "met "+kindName(c)+" where "+wanted+" is wanted"+hint)
	d.skip()
}

// holdsJSON reports whether the string that data begins with holds an object or an array.
func holdsJSON(data []byte) bool {
	inner := decoder{data: data}
	text := bytes.TrimSpace(inner.text())
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false
	}
	_, reason := checkJSON(text)
	return reason == ""
}

// remedies are what helps where a bare scalar was met for a quoted one or the
// reverse. The tag is for fields of scalar types only.
func (d *decoder) remedies() string {
	if n := len(d.path); n > 0 && d.path[n-1].field != nil && isScalar(d.path[n-1].field.typ) {
		return "; tag the field `,string` or set JSON.Lenient to take either"
	}
	return "; set JSON.Lenient to take either"
}

func kindName(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a bool"
	case 'n':
		return "null"
	}
	return "a number"
}

func (d *decoder) push(f *field, index int) { d.path = append(d.path, step{f, index}) }
func (d *decoder) pop()                     { d.path = d.path[:len(d.path)-1] }

// pathString prints the path in the secret's terms with name behind it.
func (d *decoder) pathString(name string) string {
	return d.printPath(name, func(f *field) string { return f.name })
}

// fieldString prints the path in Go's terms with name behind it.
func (d *decoder) fieldString(name string) string {
	return d.printPath(name, func(f *field) string { return f.goName })
}

func (d *decoder) printPath(name string, of func(*field) string) string {
	var b bytes.Buffer
	for _, s := range d.path {
		switch {
		case s.field != nil:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(of(s.field))
		case s.index < 0:
			b.WriteString("[*]")
		default:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return join(b.String(), name)
}

// join puts two pieces of a path together.
func join(path, name string) string {
	if path == "" || name == "" || name[0] == '[' {
		return path + name
	}
	return path + "." + name
}
