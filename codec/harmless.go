package codec

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// harmless rebuilds from an error's tree those causes that callers look for
// with errors.As and that can be shown to hold nothing of the input. Whatever it
// doesn't know it leaves out: decoders like to quote what they could not read.
func harmless(cause error) []error {
	var safe []error
	walk(cause, 0, func(err error) {
		switch e := err.(type) {
		case *json.SyntaxError:
			if e != nil {
				// The message quotes a character; the copy has none.
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
	})
	return safe
}

// walk visits err and what it wraps, as errors.Is does, to a sane depth: a tree
// of errors comes from a user's code and might be a circle.
func walk(err error, depth int, visit func(error)) {
	if err == nil || depth > 32 {
		return
	}
	visit(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		walk(e.Unwrap(), depth+1, visit)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			walk(err, depth+1, visit)
		}
	}
}

// jsonKind keeps of json.UnmarshalTypeError's Value the word for the kind.
func jsonKind(value string) string {
	word, _, _ := strings.Cut(value, " ")
	switch word {
	case "number", "string", "bool", "array", "object", "null":
		return word
	}
	return "value"
}
