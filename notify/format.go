package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// relaySource is the source of an event that a relay passes on.
const relaySource = "typedsecret.relay"

// A relayed event has the layout of EventBridge's events: its detail-type is the Kind.
type relayed struct {
	Source string        `json:"source"`
	Kind   Kind          `json:"detail-type"`
	Time   *time.Time    `json:"time,omitempty"`
	Detail relayedDetail `json:"detail"`
}

type relayedDetail struct {
	ARN       string   `json:"arn,omitempty"`
	Name      string   `json:"name,omitempty"`
	Stages    []string `json:"stages,omitempty"`
	VersionID string   `json:"versionId,omitempty"`
}

// Format returns an event as one line of JSON, the form in which a relay passes it on. [Parse]
// reads the same event from it, with its Time in UTC.
//
// It returns an error for an event that Parse never returns: one of the kind [Missed], or
// one whose name, ARN, stage or version ID is malformed. The error says which part is wrong,
// and quotes nothing.
func Format(e Event) ([]byte, error) {
	out := relayed{relaySource, e.Kind, nil, relayedDetail{e.ARN, e.Name, e.Stages, e.VersionID}}
	if !e.Time.IsZero() {
		at := e.Time.UTC()
		out.Time = &at
	}
	wrong := e.wrong()
	switch {
	case e.Kind == Missed:
		wrong = "its kind is Missed, which is this process's alone"
	case !slices.Contains(kinds, e.Kind):
		wrong = "its kind is none that is known"
	case out.Time != nil && !isTime(*out.Time):
		wrong = "the year of its time is none that JSON can have"
	}
	if wrong != "" {
		return nil, fmt.Errorf("notify: an event can't be passed on: %s", wrong)
	}
	var message bytes.Buffer
	encoder := json.NewEncoder(&message)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		return nil, fmt.Errorf("notify: an event can't be passed on: %w", err)
	}
	return bytes.TrimSpace(message.Bytes()), nil
}

// passedOn reads what Format has written. A key that it does not know is ignored, so that a
// later relay may say more; what it knows must be right.
func passedOn(o object) (Event, error) {
	e := Event{Kind: Kind(o.text("detail-type"))}
	detail := o.object("detail")
	_, dated := o["time"]
	switch {
	case !slices.Contains(kinds, e.Kind):
		return Event{}, malformed("detail-type is no kind of event that a relay passes on", o)
	case detail == nil:
		return Event{}, malformed("detail is missing", o)
	case dated && parseTime(o.text("time")).IsZero():
		return Event{}, malformed("time is none", o)
	}
	for _, member := range []struct {
		key string
		to  any
	}{{"arn", &e.ARN}, {"name", &e.Name}, {"stages", &e.Stages}, {"versionId", &e.VersionID}} {
		if raw, ok := detail[member.key]; ok && json.Unmarshal(raw, member.to) != nil {
			return Event{}, malformed("detail."+member.key+" is of another type", o)
		}
	}
	return e.checked(o)
}
