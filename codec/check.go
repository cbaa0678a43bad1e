package codec

import (
	"fmt"
	"reflect"
	"strings"
)

// A Checker is a Codec that can say without a secret whether it decodes into a
// type. The codecs of this package are Checkers. A Codec that embeds one of them
// and decodes by other rules needs a CheckType method of its own.
type Checker interface {
	Codec
	// CheckType returns an error if no secret can be decoded into a t, or if
	// decoding would leave a part of it empty without an error.
	CheckType(t reflect.Type) error
}

// Check returns an error if c cannot decode into a T, whatever the secret is. The
// error is an *[Error] of kind [ErrUnsupported] that names the fields in question.
// [Decode] returns the same error. Check returns nil for a Codec that is no
// [Checker].
func Check[T any](c Codec) error {
	return check(c, reflect.TypeFor[T]())
}

func check(c Codec, t reflect.Type) (err error) {
	if c == nil {
		return refuse(t, "the codec is nil")
	}
	checker, ok := c.(Checker)
	if !ok {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked("the CheckType method of the codec", t, p)
		}
	}()
	if err := checker.CheckType(t); err != nil {
		return wrap(t, ErrUnsupported, "the codec refused the type", err)
	}
	return nil
}

// refuse makes the error of a type that no secret can be decoded into, or nil if
// there is no reason to.
func refuse(t reflect.Type, reason string) error {
	if reason == "" {
		return nil
	}
	return &Error{Type: t.String(), Offset: -1, Kind: ErrUnsupported, Reason: reason}
}

// A fault is what is wrong with a type: the subject of a sentence, and the rest
// of it. The place of the type in a T is printed between the two.
type fault struct{ subject, trouble string }

// maxFaults is how many faults of a type a text shows.
const maxFaults = 8

// at prints the fault of a type that stands at path in a T.
func (f fault) at(path string) string {
	if path != "" {
		return f.subject + " (at " + path + ") " + f.trouble
	}
	return f.subject + " " + f.trouble
}

// listFaults joins the texts of faults, which is "" if there are none.
func listFaults(texts []string) string {
	if n := len(texts); n > maxFaults {
		texts = append(texts[:maxFaults:maxFaults], fmt.Sprintf("%d more such faults", n-maxFaults))
	}
	return strings.Join(texts, "; also, ")
}

// typeName names t in a fault. The definition of an unnamed struct is too long
// for that.
func typeName(t reflect.Type) string {
	if t.Kind() == reflect.Struct && t.Name() == "" {
		return "the struct"
	}
	return t.String()
}
