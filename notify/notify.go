// Package notify learns of rotations from the events that AWS sends, so that a rotation is
// seen in seconds and not at the next refresh.
//
// [Parse] reads an event in each form in which it arrives, and [Format] writes the one in
// which a relay passes it on. A [Handler] takes the posts of SNS
// and EventBridge over HTTPS. A [Receiver] brings the events of another carrier; those that
// need a library of their own are nested modules.
//
// Deliveries are late, repeated, out of order, or lost, and what reaches a queue may be
// forged. So an event is a hint to look now, and never the news itself: no value is taken
// from it, and the slow refresh stays on.
//
// No event, and no error of this package, holds a secret.
package notify

import (
	"context"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/secret"
)

// A Kind says what has happened to a secret.
type Kind string

// The kinds of events.
const (
	// LabelMoved: a version stage has moved to the version VersionID, or from all versions
	// if that is empty.
	LabelMoved Kind = "label moved"
	// ValuePut: PutSecretValue or UpdateSecret was called. UpdateSecret may have changed no
	// more than a description.
	ValuePut Kind = "value put"
	// Rotated: a rotation has ended, and AWSCURRENT and AWSPREVIOUS have moved.
	Rotated Kind = "rotated"
	// RotationFailed: a rotation has failed, and AWSCURRENT is where it was.
	RotationFailed Kind = "rotation failed"
	// RotationAbandoned: AWSPENDING was taken off, and AWSCURRENT is where it was.
	RotationAbandoned Kind = "rotation abandoned"
	// Deleted: the secret is marked for deletion.
	Deleted Kind = "deleted"
	// Restored: the secret is marked for deletion no more.
	Restored Kind = "restored"
	// ParameterChanged: a parameter of Parameter Store was created, updated or labelled.
	ParameterChanged Kind = "parameter changed"
	// ParameterDeleted: a parameter of Parameter Store was deleted.
	ParameterDeleted Kind = "parameter deleted"
	// Missed: the carrier was away, and events may be lost: look at all that is held, at a
	// pace. A [Receiver] whose carrier keeps nothing sends it after each reconnect. It is the
	// only kind that names no secret, and Parse returns none.
	Missed Kind = "events may be missed"
)

// kinds are those of the events that Parse returns.
var kinds = []Kind{
	LabelMoved, ValuePut, Rotated, RotationFailed, RotationAbandoned, Deleted, Restored, ParameterChanged, ParameterDeleted,
}

// An Event is a hint that a secret, or a parameter, may have changed.
type Event struct {
	Kind Kind

	// ARN and Name say which secret; one may be empty. An ARN without a Name is as somebody
	// wrote it in a call: it may lack the hyphen and six characters at its end.
	ARN, Name string

	// Stages are the version stages that have moved. If there is none, it may be any.
	Stages []string

	// VersionID is the version that has the Stages now; empty if the event does not say.
	VersionID string

	// Time is when it happened, to the second, by AWS's clock; zero if the event does not say.
	Time time.Time
}

// arnSuffix is the length of what a secret's ARN has behind the name: a hyphen and six
// characters.
const arnSuffix = 7

// IDs returns the IDs by which the secret may be asked for: its name, its ARN, and its ARN
// without the end that Secrets Manager adds. If nothing tells that end from a part of the
// name, both readings are there.
func (e Event) IDs() []string {
	var ids []string
	add := func(more ...string) {
		for _, id := range more {
			if id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	add(e.Name, e.ARN)
	arn, err := secret.ParseARN(e.ARN)
	if err != nil {
		return ids // there is none, or it is a parameter's
	}
	if e.Name == "" {
		add(arn.Name)
	}
	if hasSuffix(arn.Name) && arn.Name != e.Name {
		add(arn.Name[:len(arn.Name)-arnSuffix], e.ARN[:len(e.ARN)-arnSuffix])
	}
	return ids
}

// hasSuffix reports whether the name from an ARN ends as those of full ARNs do.
func hasSuffix(name string) bool {
	at := len(name) - arnSuffix
	if at <= 0 || name[at] != '-' {
		return false
	}
	for _, b := range []byte(name[at+1:]) {
		if (b < '0' || b > '9') && (b|0x20 < 'a' || b|0x20 > 'z') {
			return false
		}
	}
	return true
}

// A Receiver brings the events of a carrier, such as a queue or a topic, to this process.
// Package notifytest checks that one keeps what is said here, and a [Delivery] is the part
// that all have in common.
//
// Receive calls handle for each event, from one goroutine or several, until ctx ends; then it
// returns nil. An error says that it can't go on, since its settings are wrong: no connection
// that fails and no message is a reason to return. It connects anew by itself, with a back-off
// and with the credentials of that moment, so that those may be rotated.
//
// Handle returns soon. If it returns an error or panics, the event has not been taken, and a
// carrier that can deliver it again does so, while it delivers the others. A message is given
// up that [Parse] does not know or that is larger than [MaxSize]: it is taken from the queue,
// so that it is not delivered for ever. So is one whose error is [ErrIrrelevant].
//
// A Receiver has a setting OnError, a function that it calls with each failure to connect,
// each connection that breaks, each event that handle has not taken, and each message that is
// given up, irrelevant ones excepted. These errors quote nothing of a message.
//
// A carrier that keeps nothing loses what is sent while the Receiver is not connected. So an
// event of the kind [Missed] follows each connection, as soon as events come again: each
// except one that the first attempt to connect has made. It follows too when the Receiver has
// to drop events, and takes the place of an event that handle has not taken. If handle does not
// take it, it is handed over again.
//
// When ctx ends, Receive takes no more messages, waits for the calls of handle that are under
// way, and gives back to the carrier what it has not handed over. It leaves no goroutine
// behind, and may be called again.
type Receiver interface {
	Receive(ctx context.Context, handle func(ctx context.Context, e Event) error) error
}
