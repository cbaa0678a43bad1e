package codec

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/typedsecret/typedsecret/internal/guard"
)

// What an [*Error] may be about; errors.Is tells.
var (
	// ErrSyntax means that the secret is not what the codec reads at all: no
	// JSON, a PEM block cut off, or for these two an empty secret.
	ErrSyntax = errors.New("malformed secret")
	// ErrMissingKey means that T names a key which the secret lacks, or whose
	// value is null. Error.Missing lists them.
	ErrMissingKey = errors.New("missing key")
	// ErrDuplicateKey means that an object has one key twice.
	ErrDuplicateKey = errors.New("duplicate key")
	// ErrUnknownKey means that a strict codec met a key that T doesn't name.
	ErrUnknownKey = errors.New("unknown key")
	// ErrWrongKind means that one kind of value was met where another was
	// wanted: a string for a number, a certificate for a key.
	ErrWrongKind = errors.New("wrong kind of value")
	// ErrValue means that a value of the right kind doesn't fit: a number out
	// of range, text that is no time, whatever a type's own decoder refuses.
	ErrValue = errors.New("unfit value")
	// ErrInvalid means that the Validate method refused the decoded value.
	ErrInvalid = errors.New("invalid value")
	// ErrUnsupported means that the codec cannot decode into such a type.
	ErrUnsupported = errors.New("unsupported type")
	// ErrPanic means that a codec, a type's own decoder or Validate panicked.
	ErrPanic = guard.ErrPanic
)

// An Error says what is wrong with a secret and where, without quoting it. It
// is made of what T says (types, fields, the keys they name) and of positions,
// so it can be logged. A codec that makes one itself vouches for the same.
type Error struct {
	Type    string       // the Go type that was wanted, such as "main.DBCreds"
	Path    string       // where in the secret, such as "replicas[2].host"; a map's key is shown as [*]
	Offset  int64        // bytes before the place in the secret's bytes; negative if unknown
	Kind    error        // one of the sentinels, such as ErrWrongKind
	Reason  string       // what is wrong, in words
	Missing []MissingKey // every key that T names and the secret lacks; the first 1,000, if there are more

	cut bool // there are more missing keys than Missing lists

	// safe are causes rebuilt so that they hold nothing of the input.
	safe []error
	// is asks the real cause. A function, because no printer looks into one.
	is func(target error) bool
}

// A MissingKey is a key that T names and the secret lacks.
type MissingKey struct {
	Key   string // the key with its path, such as "replicas[2].host"
	Field string // the Go field it was for, such as "Replicas[2].Host"
	Null  bool   // the key is there, and its value is null
	Near  string // a key of the secret that differs in case, blanks, invisible characters, hyphens, underscores or dots only, or ""
}

// String names the key and the field, and what was found in its place.
func (m MissingKey) String() string {
	s := strconv.Quote(m.Key) + " (field " + m.Field
	switch {
	case m.Null:
		s += ", null in the secret"
	case m.Near != "":
		s += ", the secret has " + strconv.Quote(m.Near) + " and " + difference(m.Key, m.Near)
	}
	return s + ")"
}

// maxListed is how many missing keys a text names: an array of thousands of objects
// may lack thousands.
const maxListed = 32

// Error says it in one line. Of very many missing keys it names the first.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("codec: ")
	if e.Type != "" {
		b.WriteString("decoding " + e.Type + ": ")
	}
	if e.Kind != nil && e.Kind != ErrMissingKey || len(e.Missing) == 0 {
		if e.Path != "" {
			b.WriteString(e.Path + ": ")
		}
		b.WriteString(e.what())
		if e.Offset >= 0 && e.located() {
			b.WriteString(" (offset " + strconv.FormatInt(e.Offset, 10) + ")")
		}
		if len(e.Missing) > 0 {
			b.WriteString("; also ")
		}
	}
	for i, m := range e.Missing {
		if i == maxListed {
			format := " and %d more"
			if e.cut {
				format = " and more than %d more"
			}
			fmt.Fprintf(&b, format, len(e.Missing)-i)
			break
		}
		switch {
		case i > 0:
			b.WriteString(", ")
		case len(e.Missing) == 1:
			b.WriteString("missing key ")
		default:
			b.WriteString("missing keys ")
		}
		b.WriteString(m.String())
	}
	return b.String()
}

func (e *Error) what() string {
	switch {
	case e.Kind == nil && e.Reason == "":
		return "refused"
	case e.Kind == nil:
		return e.Reason
	case e.Reason == "":
		return e.Kind.Error()
	}
	return e.Kind.Error() + ": " + e.Reason
}

// located reports whether an offset of zero can be meant: it can where the
// codec looked at the bytes, it can't in an Error that somebody made by hand.
func (e *Error) located() bool {
	return e.Offset > 0 || e.Kind == ErrSyntax || e.Kind == ErrWrongKind
}

// Format prints the text of Error whatever the verb, so that %#v and %d don't
// go through the fields.
func (e *Error) Format(f fmt.State, verb rune) {
	if e == nil {
		io.WriteString(f, "<nil>")
		return
	}
	if verb == 'q' {
		io.WriteString(f, strconv.Quote(e.Error()))
		return
	}
	io.WriteString(f, e.Error())
}

// Is reports whether the error is of kind target or was caused by it. The cause
// itself is kept out of sight, since its text may quote the secret.
func (e *Error) Is(target error) bool {
	switch {
	case target == nil:
		return false
	case target == ErrMissingKey && len(e.Missing) > 0:
		return true
	}
	return e.is != nil && e.is(target)
}

// Unwrap returns the kind and those causes which hold nothing of the secret:
// *json.SyntaxError, *json.UnmarshalTypeError and base64.CorruptInputError as
// copies reduced to their positions and types, and other Errors.
func (e *Error) Unwrap() []error {
	var causes []error
	if e.Kind != nil {
		causes = append(causes, e.Kind)
	}
	return append(causes, e.safe...)
}

// wrap makes an *Error from any error without its text. An Error below it is
// trusted, and its own words are shown in place of reason.
func wrap(t reflect.Type, kind error, reason string, cause error) *Error {
	if !guard.Walkable(cause) {
		return &Error{
			Type: t.String(), Offset: -1, Kind: ErrPanic,
			Reason: fmt.Sprintf("%s with a %T whose methods panic, a nil pointer perhaps", reason, cause),
		}
	}
	if e, ok := errors.AsType[*Error](cause); ok && e != nil {
		c := *e
		c.is = asks(cause)
		c.Type = t.String()
		return &c
	}
	return &Error{
		Type: t.String(), Offset: -1, Kind: kind, Reason: reason,
		safe: harmless(cause), is: asks(cause),
	}
}

// addReasons puts the reasons of all Errors in cause into e, if there is more than one.
func (e *Error) addReasons(cause error) {
	if !guard.Walkable(cause) {
		return
	}
	var reasons []string
	walk(cause, 0, func(err error) {
		found, ok := err.(*Error)
		switch {
		case !ok || found == nil || found.Reason == "" || len(reasons) == maxListed:
		case found.Path != "":
			reasons = append(reasons, found.Path+": "+found.Reason)
		default:
			reasons = append(reasons, found.Reason)
		}
	})
	if len(reasons) > 1 {
		e.Path, e.Offset, e.Reason = "", -1, strings.Join(reasons, "; ")
	}
}

func asks(cause error) func(error) bool {
	return func(target error) bool { return errors.Is(cause, target) }
}

// panicked makes an error from a panic: its value's type, never its text.
func panicked(who string, t reflect.Type, value any) *Error {
	e := &Error{
		Type: t.String(), Offset: -1, Kind: ErrPanic,
		Reason: fmt.Sprintf("%s panicked with a %T at %s", who, value, guard.Origin()),
	}
	if cause, ok := value.(error); ok && guard.Walkable(cause) {
		e.safe, e.is = harmless(cause), asks(cause)
	}
	return e
}

// unsupported says that a codec cannot decode into what it was given.
func unsupported(into any, reason string) *Error {
	name := "nil"
	if t := reflect.TypeOf(into); t != nil {
		name = t.String()
		if t.Kind() == reflect.Pointer {
			name = t.Elem().String()
		}
	}
	return &Error{Type: name, Offset: -1, Kind: ErrUnsupported, Reason: reason}
}
