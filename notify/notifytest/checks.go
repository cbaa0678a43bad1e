package notifytest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/internal/awsevent"
	"github.com/typedsecret/typedsecret/notify"
)

// name names a secret of this check's own.
func (s *suite) name(name string) string { return "notifytest/" + s.check + "-" + name }

// message is an event of such a secret.
func (s *suite) message(name string) []byte {
	return []byte(native(s.name(name)))
}

// forms are those in which AWS sends an event of a secret, or a parameter.
var forms = []struct {
	name    string
	message func(name string) string
}{
	{"Secrets Manager's own", native},
	{"on SNS", func(name string) string { return awsevent.InSNS(native(name)) }},
	{"as SQS", func(name string) string { return awsevent.InSQS("body", native(name)) }},
	{"on SNS, as SQS", func(name string) string { return awsevent.InSQS("Body", awsevent.InSNS(native(name))) }},
	{"a call", func(name string) string { return awsevent.Put(name, awsevent.Version) }},
	{"a rotation", awsevent.Rotated},
	{"a parameter changed", func(name string) string { return awsevent.Parameter("Update", "/"+name) }},
	{"a parameter deleted", func(name string) string { return awsevent.Parameter("Delete", "/"+name) }},
	{"text of many kinds", func(name string) string {
		return strings.Replace(native(name), `"version":"0"`, `"version":"0","a":"ä \u00e4 \\ \" 密 🔑"`, 1)
	}},
}

func native(name string) string { return awsevent.Native(name, awsevent.Version) }

func (s *suite) shapes() {
	c := s.connected(nil)
	defer c.stop()
	for i, form := range forms {
		message := []byte(form.message(s.name(fmt.Sprint(i))))
		want, err := notify.Parse(message)
		if err != nil {
			s.Fatalf("%s: %v", form.name, err)
		}
		s.Send(message)
		c.await("an event in the form: "+form.name, func() bool {
			return slices.ContainsFunc(c.taken, func(e notify.Event) bool { return reflect.DeepEqual(e, want) })
		})
	}
	if reports := c.reported(nil); len(reports) > 0 {
		s.Errorf("nothing went wrong, and there are %d reports; the first: %v", len(reports), reports[0])
	}
}

// burst sends many events at once.
func (s *suite) burst() {
	const many = 100
	c := s.connected(nil)
	defer c.stop()
	for i := range many {
		s.Send(s.message(fmt.Sprint(i)))
	}
	for i := range many {
		c.awaitEvent(s.name(fmt.Sprint(i)))
	}
}

func (s *suite) notTaken() {
	refused, panics, other := s.name("refused"), s.name("panics"), s.name("other")
	var hasOther, hasPanicked atomic.Bool
	c := s.connected(func(_ context.Context, e notify.Event) error {
		switch {
		case e.Name == other:
			hasOther.Store(true)
		case e.Name == refused && !(s.Keeps && hasOther.Load()):
			return errRefused
		case e.Name == panics && !hasPanicked.Swap(true):
			panic("by the suite")
		}
		return nil
	})
	defer c.stop()
	s.Send(s.message("refused"))
	c.await("a report that wraps the error of handle", func() bool {
		return slices.ContainsFunc(c.reports, func(err error) bool { return errors.Is(err, errRefused) })
	})
	s.Send(s.message("panics"))
	c.await("a report of the panic of handle", func() bool {
		return hasPanicked.Load() && slices.ContainsFunc(c.reports, func(err error) bool { return !errors.Is(err, errRefused) })
	})
	s.Send(s.message("other"))
	c.awaitEvent(other)
	if !s.Keeps {
		s.lacks("that an event is delivered again", "Keeps")
		c.await(fmt.Sprintf("events of the kind %q in place of the two that were not taken", notify.Missed), func() bool { return c.missed >= 2 })
		return
	}
	c.awaitEvent(refused)
	c.awaitEvent(panics)
	s.awaitNoneLeft()
}

// awaitNoneLeft waits until the carrier has no message more.
func (s *suite) awaitNoneLeft() {
	s.Helper()
	if s.Left == nil {
		s.lacks("that the carrier has no message more", "Left")
		return
	}
	left := 0
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(probing / 10) {
		if left = s.Left(); left == 0 {
			return
		}
	}
	s.Errorf("all is taken or given up, and %v later the carrier has %d messages that are not", patience, left)
}

// marker is in messages that are no event. It is in no report.
const marker = "Zq7Xw9Kv3Jp5Ym1"

func (s *suite) poison() {
	unknown := []string{
		marker,
		string(s.message("cut off"))[:100],
		`"` + marker + `"`,
		"4711",
		`{"source":"aws.s3","detail-type":"Object Created","detail":{"` + marker + `":"` + marker + `"}}`,
		strings.Repeat(`{"detail":`, 1_000) + `"` + marker + `"` + strings.Repeat("}", 1_000),
		awsevent.InSNS(`{"password":"` + marker + `"}`),
		awsevent.Native(s.name("version"), "short"),
	}
	if s.AnyBytes {
		unknown = append(unknown, "", "\x00\xff\xfe"+marker)
	} else {
		s.lacks("a message that is no text, or empty", "AnyBytes")
	}
	irrelevant := []string{
		awsevent.Call("GetSecretValue", `{"secretId":"`+marker+`"}`, "null"),
		`{"Type":"SubscriptionConfirmation","Token":"` + marker + `"}`,
	}
	c := s.connected(nil)
	defer c.stop()
	for i, message := range slices.Concat(unknown, irrelevant) {
		s.Send([]byte(message))
		good := fmt.Sprint("good-", i)
		s.Send(s.message(good))
		c.awaitEvent(s.name(good))
	}
	c.await(fmt.Sprintf("the reports of %d messages that are no event", len(unknown)), func() bool { return len(c.reports) >= len(unknown) })
	s.awaitNoneLeft()
	c.awaitProbe()
	c.stop()
	again := s.connected(nil) // to which the carrier delivers what is not taken from it
	defer again.stop()
	again.awaitProbe()
	reports := slices.Concat(c.reported(notify.ErrUnknown), again.reported(notify.ErrUnknown))
	if len(reports) != len(unknown) {
		s.Errorf("%d messages are no event, and %d reports wrap notify.ErrUnknown: %q", len(unknown), len(reports), reports)
	}
	for _, err := range slices.Concat(c.reported(nil), again.reported(nil)) {
		if !errors.Is(err, notify.ErrUnknown) {
			s.Errorf("all that went wrong is messages that are no event, and a report says: %v", err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), marker[:6]) {
			s.Errorf("a report of type %T quotes a message", err)
		}
	}
}

func (s *suite) size() {
	c := s.connected(nil)
	defer c.stop()
	padded := func(name string, size int) []byte {
		message := s.message(name)
		return append(message, strings.Repeat(" ", size-len(message))...)
	}
	if s.MaxMessage == 0 || s.MaxMessage >= notify.MaxSize {
		s.Send(padded("largest", notify.MaxSize))
		c.awaitEvent(s.name("largest"))
	} else {
		s.Logf("not checked: a message of %d bytes, since the Harness has a MaxMessage of %d", notify.MaxSize, s.MaxMessage)
	}
	if s.MaxMessage != 0 && s.MaxMessage <= notify.MaxSize {
		s.Skipf("not checked: a message of more than %d bytes, since the Harness has a MaxMessage of %d", notify.MaxSize, s.MaxMessage)
	}
	s.Send(padded("too-large", notify.MaxSize+1))
	s.Send(s.message("next"))
	c.awaitEvent(s.name("next"))
	c.awaitReport("a report of a message that is too large", 0)
	s.awaitNoneLeft()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.has(s.name("too-large")) {
		s.Errorf("a message of %d bytes has become an event; at most %d are read", notify.MaxSize+1, notify.MaxSize)
	}
	if !errors.Is(c.reports[0], notify.ErrUnknown) {
		s.Errorf("a message was too large, and the report does not wrap notify.ErrUnknown: %v", c.reports[0])
	}
}
