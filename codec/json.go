package codec

import (
	"bytes"
	"reflect"
	"strconv"
)

// JSON decodes JSON by the rules of encoding/json for fields, tags, embedding and types
// that unmarshal themselves. It refuses secrets that encoding/json would decode to a zero
// or to a nearly right value:
//
//   - A key that a struct of T names must be in the secret, and not null. The exceptions
//     are fields with omitempty or omitzero and pointers, except for pointers to keys and
//     certificates. The keys of a struct embedded by pointer may all be missing together. A
//     field that is an interface or a json.RawMessage takes null as a value.
//   - Keys match exactly, case included; the error shows a near miss. A near miss is also
//     an error for an optional field: if the secret has its key in another case, or with an
//     additional blank or invisible character.
//   - A duplicate key is an error in every object of the secret.
//   - Null in other places (an element, a map's value, the whole secret) is an error,
//     except for pointers, interfaces and json.RawMessage.
//   - A number that a float would change is an error, also in an interface, which holds a
//     float64. That is an integer that the float does not hold exactly (9007199254740993),
//     a number so large that its fraction or its last digits before the point would be
//     lost, and a number that is too small. A fraction such as 0.1 is rounded as usual.
//   - Invalid UTF-8, lone surrogates, nesting deeper than 512, and an array of another
//     length than the Go array's are errors.
//
// One error reports all problems of a secret, every missing key included. If the secret is not
// well-formed JSON, that is the only problem reported. A problem that only follows from another
// one is left out.
//
// If the secret has a number for a string, or a string for a number, the error names the
// two remedies. The first is the tag `,string`: the field takes the bare value beside the
// quoted one that encoding/json wants. A string field with this tag takes a number or a
// bool as its text, and "null" as that text. The second is Lenient, which does the same for
// every scalar in the secret. It does not for a time.Duration, since nothing says whether
// "30" means seconds.
//
// A time.Duration takes "30s" or a number of nanoseconds. A struct that has an
// UnmarshalBinary method and no other, such as url.URL, takes a string. The types of keys
// and certificates that [PEM] lists take a string of PEM text.
//
// [Check] and each Decode refuse a T if it, or a type inside it, would leave a field empty
// without an error:
//
//   - A struct that has UnmarshalJSON or UnmarshalText from an embedded field, since that
//     method decodes the whole struct and fills the embedded field only. A struct may
//     declare the method itself. A struct may also have the method from a field that is
//     embedded by value, without a tag, if that is its only field with a key. The struct is
//     then decoded as that field is. An embedded struct whose method is not promoted is
//     refused, since nothing would call the method. A promoted UnmarshalBinary that would
//     hide fields is not used.
//   - Two fields with the same key, also if only one of them is tagged. A field may have
//     the key of a more deeply embedded one if both have the same Go name, so that it
//     shadows the other in Go.
//   - A tag on an unexported field; an embedded pointer to an unexported struct; a
//     struct that has fields, but none to set; a channel, a function, an interface
//     with methods, and any other type that no JSON value fills.
//   - A json tag that reflect.StructTag does not find (`json: "x"`), and a name or an
//     option in it that encoding/json ignores, such as omitemtpy. The option inline is
//     allowed where a struct is embedded without a name.
//
// A field with the tag `json:"-"` is left out of these checks.
//
// The zero value is ready for
// use. [For] returns it.
type JSON struct {
	// Strict refuses keys that T doesn't name.
	Strict bool
	// Lenient accepts a quoted number or bool for a bare one, and a bare one for a string.
	Lenient bool
	// AllowMissing is for a T of another package, whose fields cannot be tagged. If the
	// secret lacks a key, or it is null, the field keeps its value. As in encoding/json, a
	// key that differs from a field's key only in case counts as that key. A field that no
	// JSON value fills, such as a function, is refused only if the secret has its key.
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
		// A nil pointer from a secret would panic at its first use.
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
	e.Missing, e.Cut = d.missing, d.cut || d.more
	e.is = anyOf(d.around, e.is)
	return e
}

// A decoder walks a document that checkJSON has found well-formed, so it does not check the
// syntax. It goes on after the first problem, so that one error lists all problems.
// A problem that only follows from another one is not recorded.
type decoder struct {
	data    []byte
	pos     int
	options JSON
	quoted  bool   // whether the current field is tagged `,string`; its scalar clears this
	path    []step // from T to the current value
	pathBuf [8]step
	err     *Error // the first problem other than missing keys; its Also has the further ones
	missing []MissingKey
	around  []func(error) bool // ask the errors that types' own decoders returned of missing keys alone
	cut     bool               // whether there are more missing keys than are recorded
	more    bool               // whether there are more other problems than are recorded
}

// A step of a path is a field, or an element if field is nil. A negative index means an
// element of a map, whose key is not shown, since it is part of the secret.
type step struct {
	field *field
	index int
}

// peek skips white space and returns the first byte of the next value.
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

// next goes to the next element or member of the array or object that end closes. It
// reports whether there is one; after the last one it goes past the end. first says that
// none has been read yet.
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

// text reads the current string. The result may be part of data.
func (d *decoder) text() []byte {
	raw, escaped := d.rawText()
	if escaped {
		return unescape(raw)
	}
	return raw
}

// rawText goes past the current string and returns the bytes between its quotes.
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

// literal goes past the current number, true, false or null, and returns it.
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

// skip goes past the current value, looks for duplicate keys in it, and returns its bytes,
// which are part of data.
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

// wrongKind records that the current value is not of the wanted kind, and goes past it.
func (d *decoder) wrongKind(wanted string) {
	d.wrongKindHint(wanted, "")
}

func (d *decoder) wrongKindHint(wanted, hint string) {
	c := d.peek()
	if c == '"' && !d.full() && (wanted == "an object" || wanted == "an array") && holdsJSON(d.data[d.pos:]) {
		hint += "; the string holds JSON in turn: it was encoded twice"
	}
	d.fail(ErrWrongKind, "met "+kindName(c)+" where "+wanted+" is wanted"+hint)
	d.skip()
}

// holdsJSON reports whether the string at the beginning of data holds an object or an
// array.
func holdsJSON(data []byte) bool {
	inner := decoder{data: data}
	text := bytes.TrimSpace(inner.text())
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false
	}
	_, reason := checkJSON(text)
	return reason == ""
}

// remedies returns the advice for a bare scalar in place of a quoted one, or the reverse.
// The tag is only for fields of scalar types.
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

// pathString prints the path, with name at its end, by the secret's keys.
func (d *decoder) pathString(name string) string {
	return d.printPath(name, func(f *field) string { return f.name })
}

// fieldString prints the path, with name at its end, by Go's fields.
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

// join joins two parts of a path.
func join(path, name string) string {
	if path == "" || name == "" || name[0] == '[' {
		return path + name
	}
	return path + "." + name
}
