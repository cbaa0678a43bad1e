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

// Check returns an error if c cannot decode any secret into a T. The error is an *[Error]
// of kind [ErrUnsupported] that names the fields in question. [Decode] returns the same
// error. Check returns nil for a Codec that is no [Checker].
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

// refuse makes the error of a type into which no secret can be decoded. It returns nil if
// the reason is empty.
func refuse(t reflect.Type, reason string) error {
	if reason == "" {
		return nil
	}
	return &Error{Type: t.String(), Offset: -1, Kind: ErrUnsupported, Reason: reason}
}

// A fault is what is wrong with a type, as a sentence in two parts: the subject, and the
// rest. The place of the type in a T is printed between the two.
type fault struct{ subject, trouble string }

// maxFaults is the most faults of a type that a text shows.
const maxFaults = 8

// at prints the fault of a type that is at path in a T.
func (f fault) at(path string) string {
	if path != "" {
		return f.subject + " (at " + path + ") " + f.trouble
	}
	return f.subject + " " + f.trouble
}

// listFaults joins the texts of faults. It returns "" if there are none.
func listFaults(texts []string) string {
	if n := len(texts); n > maxFaults {
		texts = append(texts[:maxFaults:maxFaults], fmt.Sprintf("%d more such faults", n-maxFaults))
	}
	return strings.Join(texts, "; also, ")
}

// typeName returns the name of t for a fault. An unnamed struct is "the struct", since its
// definition is too long.
func typeName(t reflect.Type) string {
	if t.Kind() == reflect.Struct && t.Name() == "" {
		return "the struct"
	}
	return t.String()
}
