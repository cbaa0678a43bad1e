package engine

import (
	"strings"

	"github.com/typedsecret/typedsecret/secret"
)

// The words of package secret.
type (
	Ref        = secret.Ref
	Value      = secret.Value
	Payload    = secret.Payload
	Source     = secret.Source
	SourceFunc = secret.SourceFunc
	Backends   = secret.Backends
	ManySource = secret.ManySource
	Error      = secret.Error
)

// The errors of package secret.
var (
	ErrNotFound       = secret.ErrNotFound
	ErrDeleted        = secret.ErrDeleted
	ErrAccessDenied   = secret.ErrAccessDenied
	ErrDecryption     = secret.ErrDecryption
	ErrThrottled      = secret.ErrThrottled
	ErrInvalidRequest = secret.ErrInvalidRequest
	ErrUnavailable    = secret.ErrUnavailable
	ErrTimeout        = secret.ErrTimeout
	ErrInvalidRef     = secret.ErrInvalidRef
	ErrNotAsked       = secret.ErrNotAsked
)

// payloadOf makes a Payload of a copy of b.
func payloadOf(b []byte, isBinary bool) Payload {
	if isBinary {
		return secret.BinaryPayload(b)
	}
	return secret.StringPayload(string(b))
}

// copyOf returns a Payload of the same bytes at a place of their own: the strings of a source
// may be parts of larger ones.
func copyOf(p Payload) Payload {
	if p.IsBinary() {
		return secret.BinaryPayload(p.Bytes())
	}
	return secret.StringPayload(strings.Clone(p.Reveal()))
}
