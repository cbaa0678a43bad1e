package redact

import (
	"errors"
	"reflect"
	"slices"
)

// Withhold returns an error with this text in place of err, whose own text may quote a secret.
// errors.Is finds what err wraps, except for the given errors, which would be misleading here.
// errors.As finds nothing. The tree of err must be finite; see guard.Walkable.
func Withhold(err error, text string, except ...error) error {
	return &withheld{text, func(target error) bool {
		t := reflect.TypeOf(target)
		if t != nil && t.Comparable() && slices.Contains(except, target) {
			return false
		}
		return errors.Is(err, target)
	}}
}

type withheld struct {
	text string
	is   func(target error) bool // a function, into which nothing that prints can look
}

func (w *withheld) Is(target error) bool { return w.is(target) }

func (w *withheld) Error() string { return w.text }
