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

// Decode implements [Codec].
func (Text) Decode(data []byte, into any) error {
	v, err := target(into)
	if err != nil {
		return err
	}
	if u, ok := unmarshaler[encoding.TextUnmarshaler](v); ok {
		if err := u.UnmarshalText(bytes.Clone(data)); err != nil {
			return wrap(v.Type(), ErrValue, "its UnmarshalText method refused the text", err)
		}
		return nil
	}
	if v.Kind() != reflect.String {
		return unsupported(into, "text decodes into a string or an encoding.TextUnmarshaler")
	}
	v.SetString(string(data))
	return nil
}

// Bytes hands over the secret's bytes as they are: into a byte slice of any
// type, which gets a copy, or by an encoding.BinaryUnmarshaler.
type Bytes struct{}

// Decode implements [Codec].
func (Bytes) Decode(data []byte, into any) error {
	v, err := target(into)
	if err != nil {
		return err
	}
	if u, ok := unmarshaler[encoding.BinaryUnmarshaler](v); ok {
		if err := u.UnmarshalBinary(bytes.Clone(data)); err != nil {
			return wrap(v.Type(), ErrValue, "its UnmarshalBinary method refused the bytes", err)
		}
		return nil
	}
	if v.Kind() != reflect.Slice || v.Type().Elem().Kind() != reflect.Uint8 {
		return unsupported(into, "bytes decode into a byte slice or an encoding.BinaryUnmarshaler")
	}
	// An empty secret is an empty slice, not nil: it was there.
	v.SetBytes(append(make([]byte, 0, len(data)), data...))
	return nil
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
