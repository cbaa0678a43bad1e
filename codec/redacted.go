package codec

import (
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strconv"
	"unique"
	"unsafe"

	"github.com/typedsecret/typedsecret/internal/redact"
)

// Redacted is a string that is never shown: printing, logging and encoding show [REDACTED]
// in its place, also for the empty string. [Redacted.Reveal] returns the string.
//
// Every codec of this module decodes a Redacted as it decodes a string, so it can replace a
// string in T:
//
//	type DBCreds struct {
//		Username string         `json:"username"`
//		Password codec.Redacted `json:"password"`
//	}
//
// Two Redacteds of the same string are equal by ==, and a Redacted may be the key of a map.
// It may be copied, and is safe for concurrent use. The zero value holds the empty string.
//
// A Redacted decodes from every text except [REDACTED]. That text is the result of encoding
// a Redacted, so the secret was lost when it was stored.
type Redacted struct {
	// p is the pointer in a unique.Handle[string], or nil for the empty string. Equal
	// strings have the same handle. Some printers follow pointers in unexported fields,
	// where they call no methods. They can't follow this one, since it has no type.
	p unsafe.Pointer
}

// This line checks that a handle has the size of a pointer.
var _ [unsafe.Sizeof(unique.Handle[string]{})]struct{} = [unsafe.Sizeof(unsafe.Pointer(nil))]struct{}{}

// Redact makes a Redacted that holds s.
func Redact(s string) Redacted {
	if s == "" {
		return Redacted{}
	}
	h := unique.Make(s)
	return Redacted{*(*unsafe.Pointer)(unsafe.Pointer(&h))}
}

// Reveal returns the string.
func (r Redacted) Reveal() string {
	if r.p == nil {
		return ""
	}
	return (*unique.Handle[string])(unsafe.Pointer(&r.p)).Value()
}

// Equal returns r == other. Packages that compare values, such as go-cmp, use it.
func (r Redacted) Equal(other Redacted) bool { return r == other }

// Format prints [REDACTED], for every verb.
func (r Redacted) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		io.WriteString(f, strconv.Quote(redact.Text))
		return
	}
	io.WriteString(f, redact.Text)
}

// String returns [REDACTED].
func (r Redacted) String() string { return redact.Text }

// GoString returns [REDACTED].
func (r Redacted) GoString() string { return redact.Text }

// MarshalText returns [REDACTED].
func (r Redacted) MarshalText() ([]byte, error) { return []byte(redact.Text), nil }

// LogValue returns [REDACTED].
func (r Redacted) LogValue() slog.Value { return slog.StringValue(redact.Text) }

// UnmarshalText makes r hold text.
func (r *Redacted) UnmarshalText(text []byte) error {
	if string(text) == redact.Text {
		return &Error{Offset: -1, Kind: ErrValue, Reason: lostSecret}
	}
	*r = Redact(string(text))
	return nil
}

const lostSecret = "the text is " + redact.Text + ", which is what printing or encoding a codec.Redacted leaves; store the secret itself"

var redactedType = reflect.TypeFor[Redacted]()

// decodeRedacted is like decodeString, for a Redacted.
func decodeRedacted(d *decoder, v reflect.Value) {
	s, at, ok := d.scalarText("a string", d.takeQuoted())
	switch {
	case !ok:
	case string(s) == redact.Text:
		d.failAt(at, ErrValue, lostSecret)
	default:
		v.Set(reflect.ValueOf(Redact(string(s))))
	}
}
