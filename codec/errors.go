package codec

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/typedsecret/typedsecret/internal/guard"
)

// These are the kinds of an [*Error]; use errors.Is.
var (
	// ErrSyntax means that the codec can't read the secret at all: it is not JSON, a PEM
	// block is cut off, or the secret is empty where JSON or PEM is expected.
	ErrSyntax = errors.New("malformed secret")
	// ErrMissingKey means that T names a key which the secret lacks, or whose
	// value is null. Error.Missing lists them.
	ErrMissingKey = errors.New("missing key")
	// ErrDuplicateKey means that an object has one key twice.
	ErrDuplicateKey = errors.New("duplicate key")
	// ErrUnknownKey means that a strict codec found a key that T doesn't name.
	ErrUnknownKey = errors.New("unknown key")
	// ErrWrongKind means that the secret has another kind of value than T: a string for a
	// number, a certificate for a key.
	ErrWrongKind = errors.New("wrong kind of value")
	// ErrValue means that a value of the right kind doesn't fit: a number out of range,
	// text that is no time, or a value that a type's own decoder refuses.
	ErrValue = errors.New("unfit value")
	// ErrInvalid means that the Validate method, or a type's own decoder by [Invalid], refused
	// the value.
	ErrInvalid = errors.New("invalid value")
	// ErrUnsupported means that the codec cannot decode into such a type.
	ErrUnsupported = errors.New("unsupported type")
	// ErrPanic means that a codec, a type's own decoder or Validate panicked.
	ErrPanic = guard.ErrPanic
)

// An Error says what is wrong with a secret and where, without quoting it. It can be
// logged, since it holds only names from T (types, fields and their keys) and positions. A
// codec that makes an Error itself must keep to the same rule.
//
// [JSON] reports all problems of a secret in one Error. Path, Offset, Kind and Reason are of
// the first one, Missing has all missing keys, and Also has the others. errors.Is finds the
// kind of each. Errors that a codec, a Validate method or a type's own decoder joins by
// [errors.Join] become one Error in the same way.
type Error struct {
	Type    string       // the Go type, such as "main.DBCreds"
	Path    string       // the place in the secret, such as "replicas[2].host"; a map's key is shown as [*]
	Offset  int64        // the number of bytes before the place; negative if unknown
	Kind    error        // one of the sentinels above, such as ErrWrongKind
	Reason  string       // what is wrong, in words
	Missing []MissingKey // all keys that T names and the secret lacks; at most the first 1,000
	Also    []*Error     // the problems after the first, without a Type or missing keys; at most 100
	Cut     bool         // whether the secret has more problems than Missing and Also list

	// opaque says that wrap made this error from one that wraps no Error.
	opaque bool
	// safe are copies of causes that hold nothing of the input.
	safe []error
	// is calls errors.Is for the real cause. It is a function, because no printer looks
	// into one.
	is func(target error) bool
}

// A MissingKey is a key that T names and the secret lacks.
type MissingKey struct {
	Key   string // the key with its path, such as "replicas[2].host"
	Field string // the Go field for the key, such as "Replicas[2].Host"
	Null  bool   // whether the key exists with the value null
	Near  string // a key of the secret that differs only in case, blanks, invisible characters, hyphens, underscores or dots, or ""
}

// String returns the key, the field, and what the secret has in place of the key.
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

// An array of thousands of objects may lack thousands of keys, and have thousands of other
// problems. These are the most that a text names.
const (
	maxListed = 32 // missing keys
	maxTold   = 8  // other problems, since each has a reason of its own
)

// Error returns the error as one line. If there are very many problems or missing keys, it
// names only the first ones.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("codec: ")
	if e.Type != "" {
		b.WriteString("decoding " + e.Type + ": ")
	}
	problems := e.problems()
	for i, p := range problems {
		if i > 0 {
			b.WriteString("; also ")
		}
		if i == maxTold {
			b.WriteString(count(len(problems)-i, e.Cut && len(e.Also) >= maxAlso) + " more")
			break
		}
		b.WriteString(p.problem())
	}
	if len(problems) > 0 && len(e.Missing) > 0 {
		b.WriteString("; also ")
	}
	for i, m := range e.Missing {
		if i == maxListed {
			b.WriteString(" and " + count(len(e.Missing)-i, e.Cut && len(e.Missing) >= maxMissing) + " more")
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
	if e.Cut && len(e.Also) < maxAlso && len(e.Missing) < maxMissing { // else the numbers above say it
		b.WriteString("; also more")
	}
	return b.String()
}

// count prints a number of things of which there may be more.
func count(n int, more bool) string {
	if more {
		return "more than " + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// problems returns the first problem and those of Also. It leaves the first out if that
// only stands for the missing keys.
func (e *Error) problems() []*Error {
	if len(e.Missing) > 0 && e.Reason == "" && (e.Kind == nil || e.Kind == ErrMissingKey) {
		return e.Also
	}
	return append([]*Error{e}, e.Also...)
}

// tells reports whether e already has a problem that reads the same as other. Two problems
// of one kind may, in a value whose inner positions are unknown.
func (e *Error) tells(other *Error) bool {
	same := func(p *Error) bool {
		return p.Offset == other.Offset && p.Path == other.Path && p.problem() == other.problem()
	}
	return same(e) || slices.ContainsFunc(e.Also, same)
}

// problem describes the first problem and its place.
func (e *Error) problem() string {
	text := e.what()
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	if e.Offset >= 0 && e.located() {
		text += " (offset " + strconv.FormatInt(e.Offset, 10) + ")"
	}
	return text
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

// located reports whether an offset of zero is a real position. It is if the codec looked
// at the bytes; in an Error that a user's code made, it is just not set.
func (e *Error) located() bool {
	return e.Offset > 0 || e.Kind == ErrSyntax || e.Kind == ErrWrongKind
}

// Format prints the text of Error for every verb, so that %#v and %d don't print the
// fields.
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

// Is reports whether the error is of kind target or was caused by it. The cause itself
// can't be reached, since its text may quote the secret.
func (e *Error) Is(target error) bool {
	switch {
	case target == nil:
		return false
	case target == ErrMissingKey && len(e.Missing) > 0:
		return true
	}
	return e.is != nil && e.is(target)
}

// Unwrap returns the kind, the causes that hold nothing of the secret, and the problems of
// Also. The causes are copies of *json.SyntaxError, *json.UnmarshalTypeError and
// base64.CorruptInputError with only their positions and types.
func (e *Error) Unwrap() []error {
	var causes []error
	if e.Kind != nil {
		causes = append(causes, e.Kind)
	}
	causes = append(causes, e.safe...)
	for _, p := range e.Also {
		causes = append(causes, p)
	}
	return causes
}

// wrap makes an *Error from any error, without the error's text. If the error wraps Errors,
// these are trusted, and their problems are shown in place of reason.
func wrap(t reflect.Type, kind error, reason string, cause error) *Error {
	if !guard.Walkable(cause) {
		return &Error{
			Type: t.String(), Offset: -1, Kind: ErrPanic,
			Reason: fmt.Sprintf("%s with a %T whose methods panic, a nil pointer perhaps", reason, cause),
		}
	}
	if e, ok := errors.AsType[*Error](cause); ok && e != nil {
		c := *e
		c.is = asksAround(cause)
		c.Type = t.String()
		walk(cause, 0, func(err error) bool {
			other, ok := err.(*Error)
			if ok && other != nil && other != e {
				c.join(other)
			}
			return !ok
		})
		return &c
	}
	return &Error{
		Type: t.String(), Offset: -1, Kind: kind, Reason: reason,
		opaque: true, safe: harmless(cause), is: asks(cause),
	}
}

// join adds the problems of another Error.
func (e *Error) join(other *Error) {
	keys := append(slices.Clip(e.Missing), other.Missing...)
	e.Missing = keys[:min(len(keys), maxMissing)]
	e.Cut = e.Cut || other.Cut || len(keys) > maxMissing
	for _, p := range other.problems() {
		switch p = p.alone(); {
		case e.tells(p):
		case len(e.Also) < maxAlso:
			e.Also = append(slices.Clip(e.Also), p)
		default:
			e.Cut = true
		}
	}
}

// alone returns a copy of the first problem, for Also.
func (e *Error) alone() *Error {
	c := *e
	c.Type, c.Missing, c.Also, c.Cut, c.opaque = "", nil, nil, false, false
	return &c
}

func asks(cause error) func(error) bool {
	return func(target error) bool { return errors.Is(cause, target) }
}

// asksAround is asks for a cause that wraps Errors. It leaves out the further problems of these, which
// the new Error lists too: a type that decodes itself may be within another one, and with each level
// twice as many errors would be asked.
func asksAround(cause error) func(error) bool {
	return func(target error) (found bool) {
		if target == nil {
			return false
		}
		walk(cause, 0, func(err error) bool {
			e, ok := err.(*Error)
			switch {
			case found:
			case !ok:
				found = matches(err, target)
			case e != nil: // each is asked once: it may have asked others
				found = err == target || target == ErrMissingKey && len(e.Missing) > 0 || errors.Is(e.alone(), target)
			}
			return !ok && !found
		})
		return found
	}
}

// anyOf returns a function that asks all of them, and last, which may be nil.
func anyOf(all []func(error) bool, last func(error) bool) func(error) bool {
	if len(all) == 0 {
		return last
	}
	return func(target error) bool {
		asked := func(is func(error) bool) bool { return is(target) }
		return slices.ContainsFunc(all, asked) || last != nil && last(target)
	}
}

// matches is errors.Is for err alone, without what it wraps.
func matches(err, target error) bool {
	if reflect.TypeOf(target).Comparable() && err == target {
		return true
	}
	x, ok := err.(interface{ Is(error) bool })
	return ok && x.Is(target)
}

// panicked makes an error from a panic. It shows the type of the panic's value, never its
// text.
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

// unsupported returns the error of a codec that cannot decode into this value.
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
