package notify_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/internal/awsevent"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secret"
)

// FuzzParse reads any message, alone and in an envelope. It puts a secret somewhere into the
// message, in place of so many bytes, and looks for it in the errors.
func FuzzParse(f *testing.F) {
	for _, row := range shapes {
		f.Add(row.message, uint(len(row.message)/2), uint(0))
		f.Add(awsevent.InSNS(row.message), uint(30), uint(5))
	}
	for _, wrap := range wrappings {
		f.Add(wrap(native), uint(120), uint(20))
	}
	f.Add(passedOn, uint(60), uint(4))
	f.Add(strings.Replace(native, "2024-02-06T16:43:48Z", "9999-12-31T23:59:59-01:00", 1), uint(0), uint(0)) // in the year 10000
	for _, text := range []string{"source", "detail-type", "eventName", "labelUpdated", "versionId", "Message", "secretId"} {
		message := awsevent.InSNS(put("arn"))
		f.Add(message, uint(max(0, strings.Index(message, text))), uint(len(text)))
	}
	f.Fuzz(func(t *testing.T, message string, at, instead uint) {
		e, err := notify.Parse([]byte(message))
		if err == nil {
			checkEvent(t, e)
			passOn(t, e)
		}
		if in := awsevent.InSNS(message); err == nil && len(in) <= notify.MaxSize && strings.ToValidUTF8(message, "") == message {
			again, err := notify.Parse([]byte(in))
			if e.Time.IsZero() {
				again.Time = e.Time // the envelope's
			}
			if diff := cmp.Diff(e, again); (diff != "" || err != nil) && !isTooDeep(err) {
				t.Errorf("in an envelope: %v (-alone +in it):\n%s", err, diff)
			}
		}
		at = min(at, uint(len(message)))
		rest := message[at:]
		rest = rest[min(instead, uint(len(rest))):]
		for _, planted := range []string{"Zq7!Xw9@Kv3#Jp5$", `Zq7"Xw9\Kv3{Jp5'`, "Zq7:Xw9=Kv3}Jp5,", "Zq7\nXw9\xffKv3\x00Jp5=", "aws.Zq7Xw9Kv3Jp5"} {
			_, err := notify.Parse([]byte(message[:at] + planted + rest))
			if err == nil {
				continue
			}
			if !errors.Is(err, notify.ErrUnknown) && !errors.Is(err, notify.ErrIrrelevant) {
				t.Fatalf("the error is neither: %v", err)
			}
			for _, part := range []string{"Zq7", "Xw9", "Kv3", "Jp5"} {
				if strings.Contains(err.Error(), part) {
					t.Fatalf("the error quotes %q: %v", planted, err)
				}
			}
		}
	})
}

// isTooDeep reports whether one envelope more was one too many.
func isTooDeep(err error) bool {
	return err != nil && strings.Contains(err.Error(), "envelopes are in one another")
}

// checkEvent checks that an event can be used: in a call, as an ID, and in a log.
func checkEvent(t *testing.T, e notify.Event) {
	t.Helper()
	ids := e.IDs()
	if e.Kind == "" || e.Kind == notify.Missed || len(ids) == 0 {
		t.Errorf("event %+v has the IDs %q", e, ids)
	}
	if e.Kind == notify.ParameterChanged || e.Kind == notify.ParameterDeleted {
		return
	}
	for _, id := range ids {
		if err := (secret.Ref{ID: id, VersionID: e.VersionID}).Validate(); err != nil {
			t.Errorf("ID %q: %v", id, err)
		}
	}
	for _, stage := range e.Stages {
		if err := (secret.Ref{ID: "a", Stage: stage}).Validate(); err != nil || stage == "" {
			t.Errorf("stage %q: %v", stage, err)
		}
	}
}
