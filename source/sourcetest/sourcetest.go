// Package sourcetest checks that a [secret.Source] keeps the contract that a
// cache relies on. A test of the implementation describes itself by a [Harness]
// and calls [Run]:
//
//	func TestConformance(t *testing.T) {
//		sourcetest.Run(t, sourcetest.Harness{
//			Source: source,
//			Put:    func(t testing.TB, id, value string) { … },
//			…
//		})
//	}
//
// Leave nil in the Harness what a source or its service can't do; Run logs
// what it could not check for that.
package sourcetest

import (
	"testing"

	"github.com/typedsecret/typedsecret/secret"
)

// A Harness is a source and the means to set up what it reads. Source and Put
// are required. A field that is nil or false is a capability that is lacking.
//
// The functions report their own failures through t, and may be called again
// for the same ID only where that is said. Changes must show in the next Fetch.
type Harness struct {
	// Source is what is checked.
	Source secret.Source

	// ID makes a valid secret ID of a name, which has letters, digits and
	// hyphens only. If nil, the name is the ID.
	ID func(name string) string

	// Put makes a secret whose value is a text.
	Put func(t testing.TB, id, value string)
	// PutBinary makes a secret whose value is bytes.
	PutBinary func(t testing.TB, id string, value []byte)
	// Rotate gives a secret that Put made another value; any number of times.
	Rotate func(t testing.TB, id, value string)
	// Remove deletes a secret.
	Remove func(t testing.TB, id string)

	// Empty: a value may be empty.
	Empty bool
	// VersionIDs: each value has a version ID, and other bytes have another.
	VersionIDs bool
	// Pinning: a Ref's VersionID is honoured, and the version before the
	// latest rotation is kept. It takes VersionIDs.
	Pinning bool
	// Stages: AWSCURRENT is the latest version, AWSPREVIOUS the one before.
	Stages bool

	// Failures are the ways in which the service can be made to fail. Each
	// function lets fetches fail from now on until stop is called.
	Failures map[Failure]func(t testing.TB) (stop func())

	// Requests returns how many requests have reached the service so far.
	Requests func() int
}

// A Failure is a way for a service to fail.
type Failure string

const (
	// Unavailable: the service answers that it has a fault.
	Unavailable Failure = "unavailable"
	// Unreachable: the connection breaks before an answer is here.
	Unreachable Failure = "unreachable"
	// Throttled: the service answers that there are too many requests.
	Throttled Failure = "throttled"
	// Denied: the service answers that reading is not permitted.
	Denied Failure = "denied"
	// Undecryptable: the service answers that it can't decrypt the secret.
	Undecryptable Failure = "undecryptable"
	// Garbled: the answer contains the secret and can't be parsed.
	Garbled Failure = "garbled"
	// CutOff: the answer ends in the middle.
	CutOff Failure = "cut off"
	// Hanging: no answer comes.
	Hanging Failure = "hanging"
)

// sentinels say into what a Source sorts each Failure.
var sentinels = map[Failure]error{
	Unavailable:   secret.ErrUnavailable,
	Unreachable:   secret.ErrUnavailable,
	Throttled:     secret.ErrThrottled,
	Denied:        secret.ErrAccessDenied,
	Undecryptable: secret.ErrDecryption,
	Garbled:       secret.ErrUnavailable,
	CutOff:        secret.ErrUnavailable,
	Hanging:       secret.ErrTimeout,
}

// Run checks h.Source, each part of the contract in a subtest of its own. Run it
// under the race detector too.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.Source == nil || h.Put == nil {
		t.Fatal("sourcetest: the Harness lacks Source or Put")
	}
	if h.Pinning && !h.VersionIDs {
		t.Fatal("sourcetest: the Harness has Pinning without VersionIDs")
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(&suite{TB: t, Harness: h, check: c.name}) })
	}
}
