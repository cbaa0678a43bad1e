package notify

import (
	"errors"
	"fmt"
	"time"
)

// Errors that a caller of [Parse] branches on with errors.Is.
var (
	// ErrUnknown: the message is no event that Parse knows, or is malformed.
	ErrUnknown = errors.New("no event that is known")
	// ErrIrrelevant: the message is an event that changes no secret, such as CloudTrail's
	// event of a call that only reads a secret, or of a call that failed.
	ErrIrrelevant = errors.New("an event that changes no secret")
)

// maxLayers is how many envelopes may be in one another: a record of Lambda's has the body of
// a message of SQS's, and that an envelope of SNS's.
const maxLayers = 4

// Parse reads a message: the body of an SQS message, what SNS or EventBridge posts, or what a
// relay passes on. It may be
//
//   - "Secret Label Updated", which Secrets Manager sends by itself;
//   - "AWS API Call via CloudTrail" of PutSecretValue, UpdateSecret, UpdateSecretVersionStage,
//     DeleteSecret or RestoreSecret;
//   - CloudTrail's RotationSucceeded, RotationFailed or RotationAbandoned;
//   - "Parameter Store Change" of Systems Manager;
//   - what [Format] has written.
//
// Each may stand alone, in an envelope of SNS, in a message of SQS as JSON, or in a batch of
// one as AWS Lambda and EventBridge Pipes deliver it. If a rule's input transformer leaves
// only the detail of an event, Parse reads that.
//
// An error wraps [ErrUnknown] or [ErrIrrelevant]. It quotes words that are AWS's, such as the
// source and the keys of an event, and nothing else of the message: anything may be in the
// wrong queue.
func Parse(message []byte) (Event, error) {
	o, err := decode(message)
	if err != nil {
		return Event{}, err
	}
	var sent time.Time
	for range maxLayers {
		inner, at, err := unwrap(o)
		if err != nil {
			return Event{}, err
		}
		if inner == nil {
			return parseEvent(o, sent)
		}
		o = inner
		if !at.IsZero() {
			sent = at
		}
	}
	return Event{}, fmt.Errorf("%w: more than %d envelopes are in one another", ErrUnknown, maxLayers-1)
}

// unwrap returns what is in an envelope, and when that was sent; nil if o is none.
func unwrap(o object) (inner object, sent time.Time, err error) {
	for _, key := range []string{"Records", "Messages"} { // Lambda's, and those of ReceiveMessage
		if batch := o.list(key); batch != nil {
			inner, err = one(batch)
			return inner, sent, err
		}
	}
	if inner = o.object("Sns"); inner != nil { // of Lambda's record
		return inner, sent, nil
	}
	var content string
	switch kind := o.text("Type"); {
	case kind == typeConfirmation || kind == typeUnsubscribed:
		return nil, sent, fmt.Errorf("%w: it is SNS's %s, which a Handler takes", ErrIrrelevant, kind)
	case kind == typeNotification:
		content, sent = o.text("Message"), parseTime(o.text("Timestamp"))
	default:
		content = o.firstText("body", "Body")
	}
	if content == "" {
		return nil, sent, nil
	}
	inner, err = decode([]byte(content))
	return inner, sent, err
}

// The types of what SNS posts.
const (
	typeNotification = "Notification"
	typeConfirmation = "SubscriptionConfirmation"
	typeUnsubscribed = "UnsubscribeConfirmation"
)

// parseEvent reads an event that is in no envelope. It is dated sent if it has no time.
func parseEvent(o object, sent time.Time) (Event, error) {
	detail := o.object("detail")
	if detail == nil {
		detail = o // an input transformer has left the rest out
	}
	var e Event
	var err error
	switch {
	case o.text("source") == relaySource:
		e, err = passedOn(o)
	case detail.text("labelUpdated") != "" && o.isFrom(secretsManager, "Secret Label Updated"):
		e, err = labelUpdated(o, detail)
	case detail.text("eventSource") == "secretsmanager.amazonaws.com" &&
		o.isFrom(secretsManager, "AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"):
		e, err = cloudTrail(o, detail)
	case detail.text("operation") != "" && o.isFrom("aws.ssm", "Parameter Store Change"):
		e, err = parameter(o, detail)
	default:
		return Event{}, fmt.Errorf("%w: %s", ErrUnknown, o.saw())
	}
	if err != nil {
		return Event{}, err
	}
	e.Time = parseTime(o.text("time"))
	if e.Time.IsZero() {
		e.Time = parseTime(detail.text("eventTime"))
	}
	if e.Time.IsZero() {
		e.Time = sent
	}
	return e, nil
}

const secretsManager = "aws.secretsmanager"

// isFrom reports whether an event says nothing else of its source and its type.
func (o object) isFrom(source string, types ...string) bool {
	if _, ok := o["source"]; ok && o.text("source") != source {
		return false
	}
	if _, ok := o["detail-type"]; !ok {
		return true
	}
	for _, known := range types {
		if o.text("detail-type") == known {
			return true
		}
	}
	return false
}

// parseTime returns the zero time if text is none.
func parseTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if t = t.UTC(); err != nil || !isTime(t) {
		return time.Time{}
	}
	return t
}

// isTime reports whether a time in UTC can be written as JSON. One beside the first or the
// last year that RFC 3339 has, in another zone, can't.
func isTime(t time.Time) bool { return 0 <= t.Year() && t.Year() <= 9999 }
