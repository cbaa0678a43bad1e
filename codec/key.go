package codec

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
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
	case k.key == "" || strings.Contains(k.key, ","):
		return refuse(t, "a key must not be empty or hold a comma")
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
		if e.Path = k.key + "." + e.Path; strings.HasSuffix(e.Path, ".") {
			e.Path = k.key
		}
		e.Offset = -1 // inner's offset is one within the value
		return e
	}
	return nil
}

// value returns the bytes that inner decodes into a t.
func (k keyed) value(data []byte, t reflect.Type) ([]byte, error) {
	object := reflect.New(reflect.StructOf([]reflect.StructField{{
		Name: "Value", Type: rawMessageType, Tag: reflect.StructTag(`json:` + strconv.Quote(k.key)),
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
	if _, isJSON := k.inner.(JSON); isJSON {
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
