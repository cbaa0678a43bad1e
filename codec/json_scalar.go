package codec

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"reflect"
	"strconv"
	"sync"
	"time"
)

var (
	durationType   = reflect.TypeFor[time.Duration]()
	timeType       = reflect.TypeFor[time.Time]()
	rawMessageType = reflect.TypeFor[json.RawMessage]()
	urlType        = reflect.TypeFor[url.URL]()
	numberType     = reflect.TypeFor[json.Number]()
)

// takeQuoted reports whether the current scalar belongs to a field that is tagged
// `,string`, and clears that mark.
func (d *decoder) takeQuoted() bool {
	q := d.quoted
	d.quoted = false
	return q
}

// scalarText reads a string. If the field is tagged `,string` or the decoder is lenient, it
// also reads a bare number or bool.
func (d *decoder) scalarText(wanted string, quoted bool) (s []byte, at int, ok bool) {
	c := d.peek()
	at = d.pos
	switch c {
	case '"':
		s = d.text()
		if quoted && len(s) > 1 && s[0] == '"' {
			// encoding/json quotes a string field with this tag twice.
			if _, reason := checkJSON(s); reason == "" {
				inner := decoder{data: s}
				inner.peek()
				s = inner.text()
			}
		}
		return s, at, true
	case '{', '[', 'n':
		d.wrongKind(wanted)
		return nil, at, false
	}
	if !quoted && !d.options.Lenient {
		d.wrongKindHint(wanted, d.remedies())
		return nil, at, false
	}
	return d.literal(), at, true
}

// scalarLiteral reads a number (or a bool). If the field is tagged `,string` or the decoder
// is lenient, it also reads a string that holds one.
func (d *decoder) scalarLiteral(wanted string, is func([]byte) bool) (lit []byte, at int, ok bool) {
	quoted := d.takeQuoted()
	c := d.peek()
	at = d.pos
	if c == '"' {
		if !quoted && !d.options.Lenient {
			d.wrongKindHint(wanted, d.remedies())
			return nil, at, false
		}
		if lit = d.text(); !is(lit) {
			d.failAt(at, ErrValue, "the string does not hold "+wanted+nearText(lit, "leave it out", is))
			return nil, at, false
		}
		return lit, at, true
	}
	if kindName(c) != wanted {
		d.wrongKind(wanted)
		return nil, at, false
	}
	return d.literal(), at, true
}

func isBool(b []byte) bool { return string(b) == "true" || string(b) == "false" }

func decodeString(d *decoder, v reflect.Value) {
	if s, _, ok := d.scalarText("a string", d.takeQuoted()); ok {
		v.SetString(string(s))
	}
}

func decodeBool(d *decoder, v reflect.Value) {
	if lit, _, ok := d.scalarLiteral("a bool", isBool); ok {
		v.SetBool(lit[0] == 't')
	}
}

func decodeInt(d *decoder, v reflect.Value) {
	lit, at, ok := d.scalarLiteral("a number", isNumber)
	if !ok {
		return
	}
	n, err := strconv.ParseInt(string(lit), 10, v.Type().Bits())
	if err != nil {
		d.failNumber(at, v.Type(), lit)
		return
	}
	v.SetInt(n)
}

func decodeUint(d *decoder, v reflect.Value) {
	lit, at, ok := d.scalarLiteral("a number", isNumber)
	if !ok {
		return
	}
	n, err := strconv.ParseUint(string(lit), 10, v.Type().Bits())
	if err != nil {
		d.failNumber(at, v.Type(), lit)
		return
	}
	v.SetUint(n)
}

func decodeFloat(d *decoder, v reflect.Value) {
	lit, at, ok := d.scalarLiteral("a number", isNumber)
	if !ok {
		return
	}
	f, reason := parseFloat(lit, v.Type().Bits())
	if reason != "" {
		d.failAt(at, ErrValue, reason)
		return
	}
	v.SetFloat(f)
}

// decodeNumber decodes a json.Number, which holds the number's own text. As in
// encoding/json, a string with a number in it is accepted too.
func decodeNumber(d *decoder, v reflect.Value) {
	d.quoted = d.quoted || d.peek() == '"'
	if lit, _, ok := d.scalarLiteral("a number", isNumber); ok {
		v.SetString(string(lit))
	}
}

// decodeDuration accepts a string for time.ParseDuration, or a number of nanoseconds, as
// encoding/json does. A number in a string means nanoseconds only with the tag `,string`;
// otherwise its unit was probably forgotten.
func decodeDuration(d *decoder, v reflect.Value) {
	if d.peek() != '"' {
		decodeInt(d, v)
		return
	}
	quoted, at := d.takeQuoted(), d.pos
	s := d.text()
	if quoted && isNumber(s) {
		n, err := strconv.ParseInt(string(s), 10, 64)
		if err != nil {
			d.failNumber(at, v.Type(), s)
			return
		}
		v.SetInt(n)
		return
	}
	n, err := time.ParseDuration(string(s))
	if err != nil {
		d.failAt(at, ErrValue, `a string such as "30s" or a number of nanoseconds is wanted`+
			nearText(s, "leave it out", takenBy(setDuration, durationType)))
		return
	}
	v.SetInt(int64(n))
}

func decodeBase64(d *decoder, v reflect.Value) {
	at := d.pos
	text := d.text()
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(b, text)
	if err != nil {
		d.failAt(at, ErrValue, "the string is not base64")
		return
	}
	v.SetBytes(b[:n])
}

// decodeJSON passes the current value to its type's UnmarshalJSON method.
func decodeJSON(d *decoder, v reflect.Value) {
	quoted := d.takeQuoted()
	c, at := d.peek(), d.pos
	if c == 'n' && v.Type() != rawMessageType {
		// By custom UnmarshalJSON ignores null.
		d.wrongKind("a value")
		return
	}
	before := d.found()
	raw := d.skip()
	duplicates := d.found() > before
	if quoted && c == '"' {
		inner := decoder{data: raw}
		raw = inner.text()
		if _, reason := checkJSON(raw); reason != "" || string(raw) == "null" {
			d.failAt(at, ErrValue, "the string does not hold a JSON value, as the tag `,string` has it")
			return
		}
	}
	u, ok := v.Addr().Interface().(json.Unmarshaler)
	if !ok {
		d.failAt(at, ErrUnsupported, "JSON cannot be decoded into a "+v.Type().String())
		return
	}
	if err := u.UnmarshalJSON(bytes.Clone(raw)); err != nil {
		d.failCause(at, v.Type(), "UnmarshalJSON", "", err, duplicates)
	}
}

// decodeText passes a string to its type's UnmarshalText method.
func decodeText(d *decoder, v reflect.Value) {
	s, at, ok := d.scalarText("a string", d.takeQuoted())
	if !ok {
		return
	}
	read := func(text []byte, v reflect.Value) error {
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(text)
	}
	if err := read(bytes.Clone(s), v); err != nil {
		near := nearText(s, "leave it out", takenBy(read, v.Type()))
		if v.Type() == timeType {
			d.failAt(at, ErrValue, "a time such as 2006-01-02T15:04:05Z (RFC 3339) is wanted"+near)
			return
		}
		d.failCause(at, v.Type(), "UnmarshalText", near, err, false)
	}
}

// decodeBinary decodes a string by the type's UnmarshalBinary method, and an object
// by the plan for the type's fields, if that has no faults.
func decodeBinary(object *plan) func(*decoder, reflect.Value) {
	refusal := sync.OnceValue(func() string { return object.refusal(false) })
	return func(d *decoder, v reflect.Value) {
		if d.peek() != '"' {
			if reason := refusal(); reason != "" {
				d.wrongKindHint("a string", "; its fields cannot be decoded one by one: "+reason)
				return
			}
			object.decode(d, v)
			return
		}
		d.quoted = false
		at := d.pos
		text := d.text()
		read := func(text []byte, v reflect.Value) error {
			return v.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(text)
		}
		if err := read(bytes.Clone(text), v); err != nil {
			d.failCause(at, v.Type(), "UnmarshalBinary", nearText(text, "leave it out", takenBy(read, v.Type())), err, false)
		}
	}
}

// A keyDecoder turns the key of an object into a map's key.
type keyDecoder func(d *decoder, text []byte, at int) (reflect.Value, bool)

// mapKey returns the keyDecoder for keys of type t, or nil if there is none.
func mapKey(t reflect.Type) keyDecoder {
	if reflect.PointerTo(t).Implements(textUnmarshaler) {
		return func(d *decoder, text []byte, at int) (reflect.Value, bool) {
			k := reflect.New(t)
			if err := k.Interface().(encoding.TextUnmarshaler).UnmarshalText(bytes.Clone(text)); err != nil {
				d.failCause(at, t, "UnmarshalText", "", err, false)
				return k, false
			}
			return k.Elem(), true
		}
	}
	switch k := t.Kind(); {
	case k == reflect.String:
		return func(d *decoder, text []byte, at int) (reflect.Value, bool) {
			return reflect.ValueOf(string(text)).Convert(t), true
		}
	case reflect.Int <= k && k <= reflect.Int64:
		return func(d *decoder, text []byte, at int) (reflect.Value, bool) {
			n, err := strconv.ParseInt(string(text), 10, t.Bits())
			return intKey(d, reflect.ValueOf(n), t, err, at)
		}
	case reflect.Uint <= k && k <= reflect.Uintptr:
		return func(d *decoder, text []byte, at int) (reflect.Value, bool) {
			n, err := strconv.ParseUint(string(text), 10, t.Bits())
			return intKey(d, reflect.ValueOf(n), t, err, at)
		}
	}
	return nil
}

func intKey(d *decoder, n reflect.Value, t reflect.Type, err error, at int) (reflect.Value, bool) {
	if err != nil {
		d.failAt(at, ErrValue, "a key is not a number in the range of "+t.String())
		return n, false
	}
	return n.Convert(t), true
}
