package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxSize is the most bytes of a message: what SNS and EventBridge deliver is not larger.
const MaxSize = 256 << 10

// maxDepth is the most objects and arrays in one another. CloudTrail's have about eight.
const maxDepth = 32

// An object is a JSON object whose members are read when they are needed. A key is matched
// exactly; of two that are the same, the last one counts.
type object map[string]json.RawMessage

// decode reads one object. An array of one object is as good: EventBridge Pipes delivers
// batches.
func decode(message []byte) (object, error) {
	if len(message) > MaxSize {
		return nil, fmt.Errorf("%w: it has %d bytes; at most %d are read", ErrUnknown, len(message), MaxSize)
	}
	message = bytes.TrimSpace(message)
	if depth(message) > maxDepth {
		return nil, fmt.Errorf("%w: more than %d objects and arrays are in one another", ErrUnknown, maxDepth)
	}
	var all []json.RawMessage
	if len(message) > 0 && message[0] == '[' {
		if err := unmarshal(message, &all); err != nil {
			return nil, err
		}
		return one(all)
	}
	var o object
	if err := unmarshal(message, &o); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errNoObject
	}
	return o, nil
}

var errNoObject = fmt.Errorf("%w: it is JSON, but no object", ErrUnknown)

// one returns the only object of a batch.
func one(batch []json.RawMessage) (object, error) {
	if len(batch) != 1 {
		return nil, fmt.Errorf("%w: it is a batch of %d messages; Parse takes one, so call it for each of them", ErrUnknown, len(batch))
	}
	var o object
	if json.Unmarshal(batch[0], &o) != nil || o == nil {
		return nil, errNoObject
	}
	return o, nil
}

// unmarshal says where a message stops being JSON, and quotes nothing of it.
func unmarshal(message []byte, to any) error {
	err := json.Unmarshal(message, to)
	if err == nil {
		return nil
	}
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return fmt.Errorf("%w: it is no JSON at byte %d of %d", ErrUnknown, syntax.Offset, len(message))
	}
	return errNoObject
}

// depth returns how many objects and arrays are in one another.
func depth(text []byte) (most int) {
	now, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case inString && b == '\\':
			i++
		case b == '"':
			inString = !inString
		case inString:
		case b == '{' || b == '[':
			now++
			most = max(most, now)
		case b == '}' || b == ']':
			now--
		}
	}
	return most
}

// text returns a member that is a string; else "".
func (o object) text(key string) (text string) {
	_ = json.Unmarshal(o[key], &text)
	return text
}

// texts returns those of an array that are strings.
func (o object) texts(key string) (texts []string) {
	for _, raw := range o.list(key) {
		var text string
		if json.Unmarshal(raw, &text) == nil && text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// object returns a member that is an object; else nil.
func (o object) object(key string) (member object) {
	_ = json.Unmarshal(o[key], &member)
	return member
}

// list returns a member that is an array; else nil.
func (o object) list(key string) (list []json.RawMessage) {
	_ = json.Unmarshal(o[key], &list)
	return list
}

// firstText returns the first of several members that is a string and not empty.
func (o object) firstText(keys ...string) string {
	for _, key := range keys {
		if text := o.text(key); text != "" {
			return text
		}
	}
	return ""
}

// knownKeys are those that an error names. Others are counted: a message that is in the
// wrong queue may have anything for a key.
var knownKeys = []string{
	"Body", "Message", "MessageId", "Messages", "Records", "Signature", "SigningCertURL", "Sns",
	"Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
	"account", "additionalEventData", "arn", "awsRegion", "body", "detail", "detail-type", "errorCode",
	"eventID", "eventName", "eventSource", "eventSourceARN", "eventTime", "eventType", "id", "labelUpdated",
	"messageId", "name", "operation", "receiptHandle", "region", "requestParameters", "resources",
	"responseElements", "secretId", "serviceEventDetails", "source", "stages", "time", "type", "userIdentity",
	"version", "versionId",
}

// saw says what an object is, in words that are AWS's.
func (o object) saw() string {
	var b strings.Builder
	b.WriteString("it has ")
	if source := o.text("source"); isSource(source) {
		fmt.Fprintf(&b, "source %s, ", source)
		if words := o.text("detail-type"); isWords(words) {
			fmt.Fprintf(&b, "detail-type %q, ", words)
		}
	}
	b.WriteString(o.keys())
	if detail := o.object("detail"); detail != nil {
		fmt.Fprintf(&b, "; its detail has %s", detail.keys())
	}
	return b.String()
}

// keys lists the keys of an object.
func (o object) keys() string {
	var known []string
	for _, key := range knownKeys {
		if _, ok := o[key]; ok {
			known = append(known, key)
		}
	}
	slices.Sort(known)
	switch others := len(o) - len(known); {
	case len(known) == 0:
		return fmt.Sprintf("no key that an event has, and %d more", others)
	case others > 0:
		return fmt.Sprintf("the keys %s and %d more", strings.Join(known, ", "), others)
	}
	return "the keys " + strings.Join(known, ", ")
}

const maxShown = 64

// isSource reports whether text names a service of AWS as EventBridge does: aws.s3.
func isSource(text string) bool {
	name, ok := strings.CutPrefix(text, "aws.")
	return ok && name != "" && len(name) <= maxShown && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// isWords reports whether text may be a detail-type of AWS: some words of letters.
func isWords(text string) bool {
	if len(text) > maxShown || !strings.Contains(text, " ") {
		return false
	}
	for _, word := range strings.Split(text, " ") {
		if !isWord(word) {
			return false
		}
	}
	return true
}

// isWord reports whether text consists of letters, as the name of an API's action does.
func isWord(text string) bool {
	for _, b := range []byte(text) {
		if b|0x20 < 'a' || b|0x20 > 'z' {
			return false
		}
	}
	return text != "" && len(text) <= maxShown
}
