package codec

import (
	"bytes"
	"encoding"
	"reflect"
)

// Text decodes a secret that is one piece of text: into a string of any type,
// or by an encoding.TextUnmarshaler. A string gets exactly the bytes of the
// secret, a final newline included: to a password it might belong.
type Text struct{}

// CheckType implements [Checker].
func (Text) CheckType(t reflect.Type) error {
	if has[encoding.TextUnmarshaler](t) {
		return refuse(t, wholeRefusal(t, unmarshalText))
	}
	if t.Kind() != reflect.String {
		return refuse(t, "text decodes into a string or an encoding.TextUnmarshaler")
	}
	return nil
}

// Decode implements [Codec].
func (Text) Decode(data []byte, into any) error {
	v, err := target(into)
	if err != nil {
		return err
	}
	if err := (Text{}).CheckType(v.Type()); err != nil {
		return err
	}
	if u, ok := unmarshaler[encoding.TextUnmarshaler](v); ok {
		if err := u.UnmarshalText(bytes.Clone(data)); err != nil {
			return wrap(v.Type(), ErrValue, "its UnmarshalText method refused the text", err)
		}
		return nil
	}
	v.SetString(string(data))
	return nil
}

// Bytes hands over the secret's bytes as they are: into a byte slice of any
// type, which gets a copy, or by an encoding.BinaryUnmarshaler.
type Bytes struct{}

// CheckType implements [Checker].
func (Bytes) CheckType(t reflect.Type) error {
	if has[encoding.BinaryUnmarshaler](t) {
		return refuse(t, wholeRefusal(t, unmarshalBinary))
	}
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Uint8 {
		return refuse(t, "bytes decode into a byte slice or an encoding.BinaryUnmarshaler")
	}
	return nil
}

// Decode implements [Codec].
func (Bytes) Decode(data []byte, into any) error {
	v, err := target(into)
	if err != nil {
		return err
	}
	if err := (Bytes{}).CheckType(v.Type()); err != nil {
		return err
	}
	if u, ok := unmarshaler[encoding.BinaryUnmarshaler](v); ok {
		if err := u.UnmarshalBinary(bytes.Clone(data)); err != nil {
			return wrap(v.Type(), ErrValue, "its UnmarshalBinary method refused the bytes", err)
		}
		return nil
	}
	// An empty secret is an empty slice, not nil: it was there.
	v.SetBytes(append(make([]byte, 0, len(data)), data...))
	return nil
}

// wholeRefusal says why the method does not decode all of a t, or all of the value
// that a t points to. Type t must have the method.
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

// target is the variable that a non-nil *T points to.
func target(into any) (reflect.Value, error) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return reflect.Value{}, unsupported(into, "a codec decodes into a non-nil pointer")
	}
	return v.Elem(), nil
}

// unmarshaler finds the methods of I on the variable v, or on what v points to
// if it is a pointer, which then gets something new to point to.
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
