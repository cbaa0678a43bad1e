package codec

import (
	"bytes"
	"encoding"
	"net/url"
	"reflect"
	"time"
	"unicode/utf8"
)

// Text decodes a secret that is one text: into a string of any type, a time.Duration such
// as 30s, a url.URL, an encoding.TextUnmarshaler, or a pointer to any of these. A string
// gets exactly the bytes of the secret, with a final newline, which may belong to a
// password. Bytes that are not UTF-8 are no text, and are refused; a []byte takes them.
type Text struct {
	// TrimNewline removes one newline, \n or \r\n, from the end of the secret. Editors and
	// echo add such a newline.
	TrimNewline bool
}

// CheckType implements [Checker].
func (Text) CheckType(t reflect.Type) error {
	base, ok := pointee(t, isText)
	switch {
	case !ok:
		return refuse(t, "text decodes into a string, a time.Duration, a url.URL or an encoding.TextUnmarshaler, or a pointer to one")
	case has[encoding.TextUnmarshaler](base):
		return refuse(t, wholeRefusal(base, unmarshalText))
	}
	return nil
}

func isText(t reflect.Type) bool {
	return t.Kind() == reflect.String || t == durationType || t == urlType || has[encoding.TextUnmarshaler](t)
}

// Decode implements [Codec].
func (c Text) Decode(data []byte, into any) error {
	v, err := target(into)
	if err != nil {
		return err
	}
	t := v.Type()
	if err := c.CheckType(t); err != nil {
		return err
	}
	if c.TrimNewline {
		data = trimNewline(data)
	}
	if at := notUTF8(data); at >= 0 {
		return &Error{
			Type: t.String(), Offset: int64(at), Kind: ErrValue,
			Reason: "the secret is not UTF-8, so it is no text; a []byte takes any bytes, those of a SecretBinary for instance",
		}
	}
	near := func(read func([]byte, reflect.Value) error) string {
		return nearText(data, "store it without, or use codec.Text{TrimNewline: true}", takenBy(read, t))
	}
	v = settle(v, isText)
	if u, ok := unmarshaler[encoding.TextUnmarshaler](v); ok {
		if err := u.UnmarshalText(bytes.Clone(data)); err != nil {
			return wrap(t, ErrValue, "its UnmarshalText method refused the text"+near(func(text []byte, v reflect.Value) error {
				u, _ := unmarshaler[encoding.TextUnmarshaler](settle(v, isText))
				return u.UnmarshalText(text)
			}), err)
		}
		return nil
	}
	switch v.Type() {
	case durationType:
		if setDuration(data, v) != nil {
			return &Error{Type: t.String(), Offset: -1, Kind: ErrValue, Reason: `a duration such as 30s is wanted` + near(setDuration)}
		}
	case urlType:
		if err := setURL(data, v); err != nil {
			return wrap(t, ErrValue, "the text is no URL"+near(setURL), err)
		}
	default:
		v.SetString(string(data))
	}
	return nil
}

// notUTF8 returns the index of the first byte that is not UTF-8, or -1.
func notUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return -1
}

func setDuration(text []byte, v reflect.Value) error {
	n, err := time.ParseDuration(string(text))
	if err == nil {
		settle(v, isText).SetInt(int64(n))
	}
	return err
}

func setURL(text []byte, v reflect.Value) error {
	u, err := url.Parse(string(text))
	if err == nil {
		settle(v, isText).Set(reflect.ValueOf(*u))
	}
	return err
}

// takenBy returns a function that reports whether read accepts a text for a t.
func takenBy(read func([]byte, reflect.Value) error, t reflect.Type) func([]byte) bool {
	return func(text []byte) bool { return read(text, reflect.New(t).Elem()) == nil }
}

// Bytes decodes the secret's bytes as they are: into a byte slice of any type, which gets a
// copy, an encoding.BinaryUnmarshaler, or a pointer to either.
type Bytes struct{}

// CheckType implements [Checker].
func (Bytes) CheckType(t reflect.Type) error {
	base, ok := pointee(t, isBytes)
	switch {
	case !ok:
		return refuse(t, "bytes decode into a byte slice or an encoding.BinaryUnmarshaler, or a pointer to one")
	case has[encoding.BinaryUnmarshaler](base):
		return refuse(t, wholeRefusal(base, unmarshalBinary))
	}
	return nil
}

func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 || has[encoding.BinaryUnmarshaler](t)
}

// Decode implements [Codec].
func (Bytes) Decode(data []byte, into any) error {
	v, err := target(into)
	if err != nil {
		return err
	}
	t := v.Type()
	if err := (Bytes{}).CheckType(t); err != nil {
		return err
	}
	v = settle(v, isBytes)
	if u, ok := unmarshaler[encoding.BinaryUnmarshaler](v); ok {
		if err := u.UnmarshalBinary(bytes.Clone(data)); err != nil {
			near := nearText(data, "store it without", takenBy(func(text []byte, v reflect.Value) error {
				u, _ := unmarshaler[encoding.BinaryUnmarshaler](settle(v, isBytes))
				return u.UnmarshalBinary(text)
			}, t))
			return wrap(t, ErrValue, "its UnmarshalBinary method refused the bytes"+near, err)
		}
		return nil
	}
	// An empty secret is an empty slice, not nil, since the secret exists.
	v.SetBytes(append(make([]byte, 0, len(data)), data...))
	return nil
}

// wholeRefusal returns why the method does not decode all of a t, or all of the value that
// a t points to. Type t must have the method.
func wholeRefusal(t reflect.Type, method string) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var texts []string
	for _, f := range promotedFaults(t, method) {
		texts = append(texts, f.at(""))
	}
	return listFaults(texts)
}

// target returns the variable to which a non-nil *T points.
func target(into any) (reflect.Value, error) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return reflect.Value{}, unsupported(into, "a codec decodes into a non-nil pointer")
	}
	return v.Elem(), nil
}

// maxPointers bounds the pointers in a row that are followed, since a type may point to
// itself.
const maxPointers = 8

// pointee returns t, or the first type behind its pointers that fits.
func pointee(t reflect.Type, fits func(reflect.Type) bool) (base reflect.Type, ok bool) {
	for range maxPointers {
		if fits(t) {
			return t, true
		}
		if t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	return nil, false
}

// settle follows the pointers of v to the type that pointee finds, allocates new variables
// for them, and returns the last one.
func settle(v reflect.Value, fits func(reflect.Type) bool) reflect.Value {
	for !fits(v.Type()) {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	return v
}

// unmarshaler finds the methods of I on the variable v. If v is a pointer, it allocates a
// new value and finds them on that.
func unmarshaler[I any](v reflect.Value) (I, bool) {
	if i, ok := v.Addr().Interface().(I); ok {
		return i, true
	}
	if v.Kind() == reflect.Pointer && v.Type().Implements(reflect.TypeFor[I]()) {
		v.Set(reflect.New(v.Type().Elem()))
		i, ok := v.Interface().(I)
		return i, ok
	}
	var none I
	return none, false
}
