package secret

import (
	"fmt"
	"log/slog"
	"time"
	"unsafe"

	"github.com/typedsecret/typedsecret/internal/redact"
)

// A Value is one version of a secret, as a Source fetched it. Printing a Value
// in any way shows its description and not its Payload.
type Value struct {
	Payload   Payload
	ARN       string
	Name      string
	VersionID string
	Stages    []string  // version stages of this version when it was fetched
	Created   time.Time // of the version; in UTC, once it comes from a Cache
	FetchedAt time.Time // when the Cache got it
	// Replica is the region that it came from, if that is not the one that the secret
	// is read from first: then the value may be older than what is written there.
	Replica string
}

// A Payload is the secret itself: what Secrets Manager calls SecretString or
// SecretBinary. It is immutable, the zero Payload is an empty SecretString, and
// no way of printing or encoding it shows the secret; Bytes and Reveal do.
type Payload struct {
	_ [0]func() // not comparable: two Payloads of the same bytes would differ

	// Where the bytes are, which never change. Not a string, since what has no type
	// can't be followed by fmt, encoding/* and go-cmp, who reach unexported fields
	// through pointers too.
	data unsafe.Pointer
	size int // of a SecretBinary, its complement
}

// StringPayload makes a Payload of a SecretString.
func StringPayload(s string) Payload {
	return Payload{data: unsafe.Pointer(unsafe.StringData(s)), size: len(s)}
}

// BinaryPayload makes a Payload of a SecretBinary; it copies b.
func BinaryPayload(b []byte) Payload {
	p := StringPayload(string(b))
	p.size = ^p.size
	return p
}

// IsBinary tells a SecretBinary from a SecretString.
func (p Payload) IsBinary() bool { return p.size < 0 }

// Reveal returns the secret as a string, whichever kind it is.
func (p Payload) Reveal() string {
	size := p.size
	if p.IsBinary() {
		size = ^size
	}
	return unsafe.String((*byte)(p.data), size)
}

// Bytes returns a copy of the secret.
func (p Payload) Bytes() []byte { return []byte(p.Reveal()) }

// Equal reports whether p and q are of one kind and hold the same bytes.
func (p Payload) Equal(q Payload) bool {
	return p.IsBinary() == q.IsBinary() && p.Reveal() == q.Reveal()
}

// Format prints [REDACTED], for every verb.
func (p Payload) Format(f fmt.State, _ rune) { fmt.Fprint(f, redact.Text) }

// String returns [REDACTED].
func (p Payload) String() string { return redact.Text }

// GoString returns [REDACTED].
func (p Payload) GoString() string { return redact.Text }

// MarshalText returns [REDACTED].
func (p Payload) MarshalText() ([]byte, error) { return []byte(redact.Text), nil }

// LogValue returns [REDACTED].
func (p Payload) LogValue() slog.Value { return slog.StringValue(redact.Text) }
