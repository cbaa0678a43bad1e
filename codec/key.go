package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

// Key returns a Codec for the value of one key of a secret that is a JSON object. If inner
// is a [JSON], it gets the JSON of the value. Any other inner gets the text of a JSON
// string; a value of another kind is an error ([ErrWrongKind]). The rest of the object must
// be JSON without duplicate keys, and is otherwise ignored.
func Key(key string, inner Codec) Codec { return keyed{key, inner} }

type keyed struct {
	key   string
	inner Codec
}

// CheckType implements [Checker].
func (k keyed) CheckType(t reflect.Type) error {
	switch {
	case k.inner == nil:
		return refuse(t, "the codec is nil")
	case k.key == "" || !validName(k.key):
		return refuse(t, fmt.Sprintf("a key must not be empty, and may hold letters, digits and punctuation other than quotes, backslashes and commas; the key is %q", k.key))
	}
	if c, ok := k.inner.(Checker); ok {
		return c.CheckType(t)
	}
	return nil
}

// Shared implements [Sharer].
func (k keyed) Shared() bool {
	s, ok := k.inner.(Sharer)
	return ok && s.Shared()
}

// Decode implements [Codec].
func (k keyed) Decode(data []byte, into any) error {
	v, err := target(into)
	if err != nil {
		return err
	}
	if err := k.CheckType(v.Type()); err != nil {
		return err
	}
	value, err := k.value(data, v.Type())
	if err != nil {
		return err
	}
	if err := k.inner.Decode(value, into); err != nil {
		e := wrap(v.Type(), ErrValue, "the codec refused the value", err)
		e.Path = k.within(e.Path)
		e.Missing = slices.Clone(e.Missing)
		for i := range e.Missing {
			e.Missing[i].Key = k.within(e.Missing[i].Key)
		}
		e.Offset = -1 // inner's offset is one within the value
		also := e.Also
		e.Also = nil
		for _, p := range also {
			c := *p
			if c.Path, c.Offset = k.within(c.Path), -1; !e.tells(&c) {
				e.Also = append(e.Also, &c)
			}
		}
		return e
	}
	return nil
}

// within returns the path of what is at path in the value.
func (k keyed) within(path string) string {
	if path == "" || path[0] == '[' {
		return k.key + path
	}
	return k.key + "." + path
}

// value returns the bytes that inner decodes into a t.
func (k keyed) value(data []byte, t reflect.Type) ([]byte, error) {
	tag := k.key
	if tag == "-" {
		tag = "-," // without the comma it means no key
	}
	object := reflect.New(reflect.StructOf([]reflect.StructField{{
		Name: "Value", Type: rawMessageType, Tag: reflect.StructTag(`json:` + strconv.Quote(tag)),
	}}))
	if err := (JSON{}).Decode(data, object.Interface()); err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Type = t.String()
			for i := range e.Missing {
				e.Missing[i].Field = "of WithKey"
			}
		}
		return nil, err
	}
	raw := object.Elem().Field(0).Interface().(json.RawMessage)
	switch k.inner.(type) {
	case JSON, *JSON:
		return raw, nil
	}
	var text string
	if len(raw) == 0 || raw[0] != '"' {
		return nil, &Error{
			Type: t.String(), Path: k.key, Offset: -1, Kind: ErrWrongKind,
			Reason: "the value of the key is no string, and the codec reads text; give codec.JSON{} by WithCodec, or another T",
		}
	}
	if err := (JSON{}).Decode(raw, &text); err != nil {
		return nil, err
	}
	return []byte(text), nil
}
