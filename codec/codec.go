// Package codec turns the bytes of a secret into a Go value, and refuses whatever would
// otherwise become a silent zero. A type has a codec by itself: [JSON], [Text], [Bytes] or
// [PEM], as [For] says. To decode otherwise, give typedsecret.WithCodec one of these with
// other settings, or one of your own, made by [Func]; [Register] sets the codec of a type:
//
//	replica := typedsecret.New[DBCreds]("prod/replica", typedsecret.WithCodec(codec.JSON{Lenient: true}))
//
// For a T, [Redacted] is a string that no printer shows, and [Invalid] makes the error of a
// Validate method. [Check] refuses a type without a secret, for a test.
//
// Every failure is an [*Error]. It names keys, fields, types and positions, and never holds a
// byte of the secret, wrapped causes included. Read on with [JSON], for the rules that differ
// from encoding/json.
package codec

import (
	"bytes"
	"fmt"
	"reflect"
)

// A Codec decodes the bytes of a secret into a Go value.
//
// Decode stores the result in the value that into points to, a non-nil *T, as
// json.Unmarshal does. It must neither keep nor change data, because the bytes
// are shared with everybody else who decodes the same version of the secret.
// After an error the contents of into are unspecified. A Codec is used by many
// goroutines at once.
type Codec interface {
	Decode(data []byte, into any) error
}

// A Sharer is a Codec that may declare that what it makes is by custom never
// modified, as keys and certificates are. One decoded value may then be handed
// to every caller; without the declaration each caller of a type that could be
// modified gets a value of its own.
type Sharer interface {
	Codec
	// Shared reports whether decoded values may be shared between callers.
	Shared() bool
}

// A Validator is a T (or a *T) that checks itself once it was decoded. An error
// from Validate refuses the value.
//
// The text of that error is not shown, for it could quote the secret; errors.Is
// still finds the sentinels it wraps. To have a reason shown, return [Invalid], or an error
// that wraps some.
//
// A method that T has from a struct embedded by pointer is called although that
// pointer may be nil, as Go has it; let T have one of its own then.
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

// decodeInto is the part of Decode that doesn't depend on T, kept apart so that
// it is compiled once.
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
		// A codec from outside may forget that it must not keep data.
		data = bytes.Clone(data)
	}
	if err := c.Decode(data, into); err != nil {
		return wrap(t, ErrValue, "the codec refused the value", err)
	}
	return nil
}

// Validate calls the Validate method of v, or of what v points to, and returns
// nil if there is none. Its error is an *[Error] of kind [ErrInvalid], or of
// kind [ErrPanic] if the method panicked. [Decode] does this by itself.
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
	refused.addReasons(cause)
	return refused
}

// Invalid makes the error of a Validate method, or of a type's own decoder, whose reason
// is shown. The reason must hold nothing of the secret.
//
// Several reasons are shown if they are joined by errors.Join, and a sentinel of yours is
// found by errors.Is if it is among them.
func Invalid(reason string) error {
	return &Error{Offset: -1, Kind: ErrInvalid, Reason: reason}
}

// validatorOf looks at v and then at each value that it points to, and leaves
// nil pointers alone: a method on one of them would panic. It also returns the
// type to name in an error: T, if v is a *T.
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

// nilInside reports whether v is a pointer that is nil, or a pointer to one: in
// the latter case a method promoted through it would panic.
func nilInside(v any) bool {
	rv := reflect.ValueOf(v)
	return rv.Kind() == reflect.Pointer && rv.IsNil()
}

// selfCopying marks codecs of ours that copy data before anybody else sees it.
type selfCopying interface{ copiesData() }

// Func makes a Codec from a function. The function gets a copy of the secret's
// bytes that is its own to keep; the text of its errors is never shown, for it
// could quote the secret, but errors.Is sees the sentinels they wrap.
//
// The codec decodes into a *T and into nothing else.
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
