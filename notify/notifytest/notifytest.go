// Package notifytest checks that a [notify.Receiver] keeps the contract that a cache relies
// on. A test of the implementation describes its carrier by a [Harness] and calls [Run]:
//
//	func TestConformance(t *testing.T) {
//		notifytest.Run(t, func(t testing.TB) notifytest.Harness {
//			queue := newQueue(t)
//			return notifytest.Harness{
//				Receiver: func(onError func(error)) notify.Receiver { … },
//				Send:     func(message []byte) { … },
//				Keeps:    true,
//				…
//			}
//		})
//	}
//
// Leave a field of the Harness nil if the carrier, or the test's server, can't do it. Run logs
// what it could not check without it.
package notifytest

import (
	"testing"

	"github.com/typedsecret/typedsecret/notify"
)

// A Harness is a carrier, such as a queue, with nothing in it, and the means to use it.
// Receiver and Send are required. A field that is nil or false is a capability that is
// lacking.
//
// The functions report their own failures through the testing.TB that the Harness was made
// for. Send and Left may be called by several goroutines at once.
type Harness struct {
	// Receiver returns a new Receiver of the carrier, whose setting OnError is onError.
	Receiver func(onError func(err error)) notify.Receiver

	// Send gives the carrier a message, and returns once the carrier has it. It is not called
	// between Break and mend.
	Send func(message []byte)

	// Keeps: the carrier keeps messages for a Receiver that is not connected, and delivers
	// again what was not taken. Set its timeouts so that it does so within some seconds. If
	// false, the carrier is lossy, and the Receiver makes events of the kind [notify.Missed].
	Keeps bool

	// Break breaks each connection of a Receiver, and refuses new ones until mend is called.
	// The carrier keeps its messages meanwhile.
	Break func() (mend func())

	// RotateCredentials changes the credentials with which Receivers connect. The old ones are
	// refused from now on, and connections made with them break. A Receiver that exists gets
	// the new ones when it asks for them, as it would from a secret.
	RotateCredentials func()

	// Left returns how many messages the carrier still has: those that wait, and those that it
	// has delivered and that are neither taken nor given back. It needs Keeps.
	Left func() int

	// MaxMessage is the most bytes of a message that the carrier takes. 0: more than
	// [notify.MaxSize].
	MaxMessage int

	// AnyBytes: a message may have any bytes, and may be empty. If false, it is text.
	AnyBytes bool
}

var checks = []struct {
	name string
	run  func(*suite)
}{
	{"shapes", (*suite).shapes},
	{"burst", (*suite).burst},
	{"not-taken", (*suite).notTaken},
	{"poison", (*suite).poison},
	{"size", (*suite).size},
	{"reconnect", (*suite).reconnect},
	{"late-start", (*suite).lateStart},
	{"credentials", (*suite).credentials},
	{"shutdown", (*suite).shutdown},
	{"stop", (*suite).stop},
	{"goroutines", (*suite).goroutines},
}

// Run checks a Receiver, each part of the contract in a subtest of its own. It calls harness
// for each of them, so that no message of one is delivered in another. Run it under the race
// detector too.
func Run(t *testing.T, harness func(t testing.TB) Harness) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(newSuite(t, c.name, harness(t))) })
	}
}

// A suite is the Harness in one check. It is a testing.TB so that the suite's own test can
// take note of failures in place of failing.
type suite struct {
	testing.TB
	Harness
	check string
}

func newSuite(t testing.TB, check string, h Harness) *suite {
	t.Helper()
	if h.Receiver == nil || h.Send == nil {
		t.Fatal("notifytest: the Harness lacks Receiver or Send")
	}
	if h.Left != nil && !h.Keeps {
		t.Fatal("notifytest: the Harness has Left without Keeps")
	}
	return &suite{TB: t, Harness: h, check: check}
}

// needs ends the check if the Harness can't do what it is about.
func (s *suite) needs(has bool, what string) {
	s.Helper()
	if !has {
		s.Skipf("not checked: the Harness has no %s", what)
	}
}

// lacks logs what a check leaves out.
func (s *suite) lacks(what, lacking string) {
	s.Helper()
	s.Logf("not checked: %s, since the Harness has no %s", what, lacking)
}
