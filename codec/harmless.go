package codec

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// harmless copies those causes from an error's tree for which callers use errors.As,
// without any part of the input. It leaves all other causes out, since decoders often quote
// the input.
func harmless(cause error) []error {
	var safe []error
	walk(cause, 0, func(err error) bool {
		switch e := err.(type) {
		case *json.SyntaxError:
			if e != nil {
				// The message quotes a character, so the copy has no message.
				safe = append(safe, &json.SyntaxError{Offset: e.Offset})
			}
		case *json.UnmarshalTypeError:
			if e != nil && e.Type != nil {
				// Value may be "number 1234" and Field may be a map's key.
				safe = append(safe, &json.UnmarshalTypeError{
					Value: jsonKind(e.Value), Type: e.Type, Offset: e.Offset,
				})
			}
		case base64.CorruptInputError:
			safe = append(safe, e)
		}
		return true
	})
	return safe
}

// walk visits err and the errors that it wraps, as errors.Is does. If visit returns false for
// an error, walk leaves out what that error wraps. The depth is bounded, since a tree of errors
// from a user's code may be a cycle.
func walk(err error, depth int, visit func(error) bool) {
	if err == nil || depth > 32 || !visit(err) {
		return
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		walk(e.Unwrap(), depth+1, visit)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			walk(err, depth+1, visit)
		}
	}
}

// jsonKind returns only the word for the kind from json.UnmarshalTypeError's Value.
func jsonKind(value string) string {
	word, _, _ := strings.Cut(value, " ")
	switch word {
	case "number", "string", "bool", "array", "object", "null":
		return word
	}
	return "value"
}
