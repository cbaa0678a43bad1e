// Package codec turns the bytes of a secret into a Go value, and refuses a secret or a type
// that would leave a part of the value silently empty. Each type has a default codec, which
// [For] returns: [JSON], [Text], [Bytes] or [PEM]. To decode in another way, give
// typedsecret.WithCodec one of these with other settings, or a codec of your own, made by
// [Func]. [Register] sets the codec of a type:
//
//	replica := typedsecret.New[DBCreds]("prod/replica", typedsecret.WithCodec(codec.JSON{Lenient: true}))
//
// For fields of T, [Redacted] is a string that no printer shows. [Invalid] makes the error
// of a Validate method. [Check] checks a type without a secret, in a test say.
//
// Every failure is an [*Error]. It names keys, fields, types and positions, and never holds a
// byte of the secret, wrapped causes included. [JSON] lists the rules that differ from
// encoding/json.
package codec

import (
	"bytes"
	"fmt"
	"reflect"
)

// A Codec decodes the bytes of a secret into a Go value.
//
// Decode stores the result in the value that into points to, a non-nil *T, as
// json.Unmarshal does. It must neither keep nor change data, because all callers that
// decode the same version of the secret share the bytes. After an error the contents of
// into are unspecified. A Codec is used by many goroutines at once.
type Codec interface {
	Decode(data []byte, into any) error
}

// A Sharer is a Codec that may declare that its values are by custom never modified, as
// keys and certificates are. All callers may then get the same decoded value. Without the
// declaration, each caller gets a value of its own, if the type can be modified.
type Sharer interface {
	Codec
	// Shared reports whether decoded values may be shared between callers.
	Shared() bool
}

// A Validator is a T (or a *T) that checks itself after decoding. An error from Validate
// refuses the value.
//
// The text of that error is not shown, since it could quote the secret. errors.Is still
// finds the sentinels that it wraps. To show a reason, return the result of [Invalid], or
// an error that wraps such results.
//
// A Validate must not read the handle whose value it checks: that read waits for the decoding,
// which waits for Validate. After FetchTimeout the read returns an error that names this mistake.
//
// If T gets the method from a struct that is embedded by pointer, the method is called even
// if that pointer is nil, as always in Go. Give T a method of its own then.
type Validator interface {
	Validate() error
}

// Decode decodes data with c into a new T and calls its Validate method, if it
// has one. Every error is an *[Error]; a panic in the codec or in Validate is
// one too ([ErrPanic]). The result never aliases data.
func Decode[T any](c Codec, data []byte) (T, error) {
	var v, zero T
	if err := decodeInto(c, data, &v, reflect.TypeFor[T]()); err != nil {
		return zero, err
	}
	if err := Validate(&v); err != nil {
		return zero, err
	}
	return v, nil
}

// decodeInto is the part of Decode that doesn't depend on T, so it is compiled only once.
func decodeInto(c Codec, data []byte, into any, t reflect.Type) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked("the codec", t, p)
		}
	}()
	if c == nil {
		return refuse(t, "the codec is nil")
	}
	switch c.(type) {
	case JSON, Text, Bytes, PEM, keyed, selfCopying:
	default:
		// A user's codec may keep data, although it must not.
		data = bytes.Clone(data)
	}
	if err := c.Decode(data, into); err != nil {
		return wrap(t, ErrValue, "the codec refused the value", err)
	}
	return nil
}

// Validate calls the Validate method of v, or of the value that v points to. It returns nil
// if there is no such method. Its error is an *[Error] of kind [ErrInvalid], or of kind
// [ErrPanic] if the method panicked. [Decode] does this by itself.
func Validate(v any) (err error) {
	validator, t := validatorOf(v)
	if validator == nil {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked("Validate", t, p)
		}
	}()
	cause := validator.Validate()
	if cause == nil {
		return nil
	}
	refused := wrap(t, ErrInvalid, "Validate refused the value, and its text is withheld, since it may quote the secret; codec.Invalid makes an error whose text is shown", cause)
	refused.Kind = ErrInvalid
	return refused
}

// Invalid makes the error of a Validate method, or of a type's own decoder, whose reason
// is shown. The reason must hold nothing of the secret.
//
// Join several reasons by errors.Join to show all of them. If a sentinel of your own is
// joined too, errors.Is finds it.
func Invalid(reason string) error {
	return &Error{Offset: -1, Kind: ErrInvalid, Reason: reason}
}

// validatorOf looks at v, and then at each value that it points to. It does not use nil
// pointers, since a method on one of them would panic. It also returns the type for an
// error: T, if v is a *T.
func validatorOf(v any) (Validator, reflect.Type) {
	rv := reflect.ValueOf(v)
	if !rv.IsValid() {
		return nil, nil
	}
	t := rv.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for depth := 0; depth < 4; depth++ {
		nilable := rv.Kind() == reflect.Pointer || rv.Kind() == reflect.Interface
		if nilable && rv.IsNil() {
			return nil, nil
		}
		if rv.CanInterface() {
			if validator, ok := rv.Interface().(Validator); ok && !nilInside(validator) {
				return validator, t
			}
		}
		if !nilable {
			return nil, nil
		}
		rv = rv.Elem()
	}
	return nil, nil
}

// nilInside reports whether v is a nil pointer, or a pointer to one. A method that is
// promoted through such a pointer would panic.
func nilInside(v any) bool {
	rv := reflect.ValueOf(v)
	return rv.Kind() == reflect.Pointer && rv.IsNil()
}

// selfCopying marks codecs of this package that copy data before they pass it on.
type selfCopying interface{ copiesData() }

// Func makes a Codec from a function. The function gets a copy of the secret's bytes, which
// it may keep. The text of its errors is never shown, since it could quote the secret, but
// errors.Is finds the sentinels that they wrap.
//
// The codec decodes only into a *T.
func Func[T any](decode func(data []byte) (T, error)) Codec {
	return funcCodec[T]{decode}
}

type funcCodec[T any] struct {
	decode func([]byte) (T, error)
}

func (funcCodec[T]) copiesData() {}

func (c funcCodec[T]) CheckType(t reflect.Type) error {
	switch want := reflect.TypeFor[T](); {
	case t != want:
		return refuse(t, fmt.Sprintf("this codec decodes into a non-nil *%s only", want))
	case c.decode == nil:
		return refuse(t, "the function given to codec.Func is nil")
	}
	return nil
}

func (c funcCodec[T]) Decode(data []byte, into any) error {
	p, ok := into.(*T)
	if !ok || p == nil {
		return unsupported(into, fmt.Sprintf("this codec decodes into a non-nil *%s only", reflect.TypeFor[T]()))
	}
	if err := c.CheckType(reflect.TypeFor[T]()); err != nil {
		return err
	}
	v, err := c.decode(bytes.Clone(data))
	if err != nil {
		return wrap(reflect.TypeFor[T](), ErrValue, "the codec's function refused the value", err)
	}
	*p = v
	return nil
}
