// Package notify learns of rotations from the events that AWS sends, so that a rotation is
// seen in seconds and not at the next refresh.
//
// A carrier brings an event from AWS to the process: a queue, a topic, a broker, or a post over
// HTTPS. A [Receiver] takes the events of one carrier; those of SQS, Redis and NATS are modules
// of their own, in notify/sqs, notify/redis and notify/nats. A [Handler] takes the posts of SNS
// and EventBridge. [Parse] reads an event in each form in which AWS sends it, and [Format]
// writes the form in which a relay passes it on.
//
// An event may be late, repeated, out of order, lost, or forged. So it is a hint to look now,
// and never the news itself: no value is taken from it, and the slow refresh, which the TTL of
// the cache brings, stays on.
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
	// LabelMoved: a version stage has moved to the version VersionID. If that is empty, no
	// version has the stage any more.
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
	// Missed: events may have been lost, so look at all that is held, at a pace. A [Receiver]
	// whose carrier keeps nothing makes it after each reconnect. It is the only kind that
	// names no secret, and Parse never returns it.
	Missed Kind = "events may be missed"
)

// kinds are those of the events that Parse returns.
var kinds = []Kind{
	LabelMoved, ValuePut, Rotated, RotationFailed, RotationAbandoned, Deleted, Restored, ParameterChanged, ParameterDeleted,
}

// An Event is a hint that a secret, or a parameter, may have changed.
type Event struct {
	Kind Kind

	// ARN and Name say which secret; one may be empty. If Name is empty, ARN may be what a
	// caller of the API wrote: without the hyphen and six characters at its end.
	ARN, Name string

	// Stages are the version stages that have moved. If it is empty, any may have.
	Stages []string

	// VersionID is the version that has the Stages now; empty if the event does not say.
	VersionID string

	// Time is when the change happened, to the second, by AWS's clock; zero if the event does
	// not say.
	Time time.Time
}

// arnSuffix is the length of what a secret's ARN has behind the name: a hyphen and six
// characters.
const arnSuffix = 7

// IDs returns the IDs by which the secret may be asked for: its name, its ARN, and its ARN
// without the end that Secrets Manager adds. If that end may as well be a part of the name,
// IDs returns both readings.
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

// A Receiver brings the events of one carrier to this process. Package notifytest tests that an
// implementation keeps this contract, and a [Delivery] is the part that all of them share.
//
// Receive calls handle for each event, from one goroutine or several, until ctx ends; then it
// returns nil. It returns an error only if its settings are wrong: a connection that fails and
// a message that is malformed are no reason to return. It connects anew by itself, with a
// back-off and with the credentials of that moment, so that those may be rotated.
//
// Handle must return soon. If it returns an error or panics, it has not taken the event. A
// carrier that can deliver the event again does so, and delivers the others meanwhile.
//
// A message for which [Parse] returns an error is given up: the Receiver removes it from the
// carrier, which would else deliver it for ever.
//
// A Receiver has a setting OnError, a function that it calls with each failure to connect,
// each connection that breaks, each event that handle has not taken, and each message that is
// given up, unless its error is [ErrIrrelevant]. These errors quote nothing of a message.
//
// A carrier that keeps nothing loses what is sent while the Receiver is not connected. The
// Receiver of such a carrier makes an event of the kind [Missed]
//
//   - when events come again after a connection that broke, or an attempt to connect that
//     failed;
//   - when it has to drop events;
//   - in place of an event that handle has not taken.
//
// If handle does not take that event either, the Receiver hands it over again.
//
// When ctx ends, Receive takes no more messages, waits for the calls of handle that are under
// way, and gives back to the carrier what it has not handed over. It leaves no goroutine
// behind, and may be called again.
type Receiver interface {
	Receive(ctx context.Context, handle func(ctx context.Context, e Event) error) error
}
