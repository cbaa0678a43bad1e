package notify_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/notify"
)

// passedOn is what a relay makes of native.
var passedOn = `{"source":"typedsecret.relay","detail-type":"label moved","time":"2024-02-06T16:43:48Z",` +
	`"detail":{"arn":"` + fullARN + `","name":"mySecret","stages":["AWSCURRENT"],"versionId":"` + version + `"}}`

// passOn checks that an event is the same behind a relay, and behind a second one.
func passOn(t *testing.T, e notify.Event) {
	t.Helper()
	message, err := notify.Format(e)
	if err != nil {
		t.Errorf("%+v: %v", e, err)
		return
	}
	got, err := notify.Parse(message)
	if diff := cmp.Diff(e, got); diff != "" || err != nil {
		t.Errorf("behind a relay: %v (-want +got):\n%s", err, diff)
	}
	if again, err := notify.Format(got); err != nil || string(again) != string(message) {
		t.Errorf("behind a second relay: %v\ngot  %s\nwant %s", err, again, message)
	}
}

func TestEachEventIsTheSameBehindARelay(t *testing.T) {
	seen := map[notify.Kind]bool{}
	for name, row := range shapes {
		t.Run(name, func(t *testing.T) { passOn(t, row.want) })
		seen[row.want.Kind] = true
	}
	if len(seen) != 9 {
		t.Errorf("%d kinds; Parse returns 9", len(seen))
	}
	for name, e := range map[string]notify.Event{
		"no time":          {Kind: notify.Rotated, Name: "a"},
		"parts of seconds": {Kind: notify.Rotated, Name: "a", Time: at.Add(123456789)},
		"the first year":   {Kind: notify.Rotated, Name: "a", Time: time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)},
		"odd characters":   {Kind: notify.LabelMoved, Name: `a<&>"\é 😀`, Stages: []string{"b<lue", `"`}},
	} {
		t.Run(name, func(t *testing.T) { passOn(t, e) })
	}
}

func TestTheFormOfARelayIsStable(t *testing.T) {
	got, err := notify.Format(current(notify.LabelMoved))
	if err != nil || string(got) != passedOn {
		t.Errorf("got  %s, %v\nwant %s", got, err, passedOn)
	}
	for wrapping, wrap := range wrappings {
		e, err := notify.Parse([]byte(wrap(passedOn)))
		if diff := cmp.Diff(current(notify.LabelMoved), e); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", wrapping, err, diff)
		}
	}
}

func TestATimeIsPassedOnInUTC(t *testing.T) {
	e := current(notify.LabelMoved)
	e.Time = e.Time.In(time.FixedZone("", 3600))
	if got, err := notify.Format(e); err != nil || string(got) != passedOn {
		t.Errorf("got  %s, %v\nwant %s", got, err, passedOn)
	}
}

func TestALaterRelayMaySayMore(t *testing.T) {
	more := strings.NewReplacer(`"detail":{`, `"id":"1","detail":{"more":{},`).Replace(passedOn)
	got, err := notify.Parse([]byte(more))
	if diff := cmp.Diff(current(notify.LabelMoved), got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestWhatNoRelayWritesIsRefused(t *testing.T) {
	for name, row := range map[string]struct{ old, new, want string }{
		"another kind":      {"label moved", "hunter2", "detail-type is no kind of event that a relay passes on"},
		"missed":            {"label moved", string(notify.Missed), "detail-type is no kind"},
		"AWS's type":        {"label moved", "Secret Label Updated", "detail-type is no kind"},
		"another source":    {"typedsecret.relay", "typedsecret.hunter2", "no event that is known: it has the keys detail, detail-type, source, time"},
		"no detail":         {`"detail":`, `"details":`, "detail is missing"},
		"a detail in text":  {passedOn[strings.Index(passedOn, `{"arn`):], `"hunter2"}`, "detail is missing"},
		"no time":           {"2024-02-06T16:43:48Z", "hunter2", "time is none"},
		"a time in no year": {"2024-02-06T16:43:48Z", "9999-12-31T23:59:59-01:00", "time is none"},
		"time as a number":  {`"2024-02-06T16:43:48Z"`, "1707237828", "time is none"},
		"one stage":         {`["AWSCURRENT"]`, `"hunter2"`, "detail.stages is of another type"},
		"no stage":          {`["AWSCURRENT"]`, `[null]`, "the version stage is missing, or can be none"},
		"many stages":       {`["AWSCURRENT"]`, `[` + strings.Repeat(`"a",`, 20) + `"a"]`, "it has more than the 20 version stages of a secret"},
		"name as a number":  {`"mySecret"`, "7", "detail.name is of another type"},
		"an ARN in a list":  {`"arn":"` + fullARN + `"`, `"arn":["hunter2"]`, "detail.arn is of another type"},
		"no ARN":            {fullARN, "hunter2", "the secret's ARN can be none"},
		"another's ARN":     {"secret:mySecret", "secret:hunter2", "the secret's ARN is not one of its name"},
		"no version":        {version, "hunter2", "the version ID can be none"},
		"version as a list": {`"` + version + `"`, "[]", "detail.versionId is of another type"},
		"a parameter's kind": {
			"label moved", "parameter changed", "the parameter's ARN can be none",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := notify.Parse([]byte(strings.Replace(passedOn, row.old, row.new, 1)))
			if !errors.Is(err, notify.ErrUnknown) || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("got  %v, %v\nwant %s", e, err, row.want)
			}
		})
	}
}

func TestWhatCanBeNoEventIsNotPassedOn(t *testing.T) {
	for want, change := range map[string]func(e *notify.Event){
		"its kind is Missed, which is this process's alone":  func(e *notify.Event) { *e = notify.Event{Kind: notify.Missed} },
		"its kind is none that is known":                     func(e *notify.Event) { e.Kind = "hunter2" },
		"the year of its time is none that JSON can have":    func(e *notify.Event) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"the secret's name and ARN are missing":              func(e *notify.Event) { e.Name, e.ARN = "", "" },
		"the secret's name can be none":                      func(e *notify.Event) { e.Name = "hunter2\n" },
		"the secret's ARN can be none":                       func(e *notify.Event) { e.ARN = "hunter2" },
		"the secret's ARN is not one of its name":            func(e *notify.Event) { e.Name = "hunter2" },
		"the version ID can be none":                         func(e *notify.Event) { e.VersionID = "hunter2" },
		"the version stage is missing, or can be none":       func(e *notify.Event) { e.Stages = []string{"hunter2\xff"} },
		"it has more than the 20 version stages of a secret": func(e *notify.Event) { e.Stages = make([]string, 21) },
		"the parameter's ARN can be none":                    func(e *notify.Event) { e.Kind = notify.ParameterDeleted },
		"the parameter's name or ARN can be none":            func(e *notify.Event) { *e = notify.Event{Kind: notify.ParameterChanged, Name: "hunter2\xff"} },
		"the parameter's name is missing":                    func(e *notify.Event) { *e = notify.Event{Kind: notify.ParameterChanged, ARN: parameterARN} },
		"the parameter's ARN is not one of its name":         func(e *notify.Event) { *e = parameter(notify.ParameterChanged); e.Name = "hunter2" },
	} {
		e := current(notify.LabelMoved)
		change(&e)
		if got, err := notify.Format(e); got != nil || err == nil || err.Error() != "notify: an event can't be passed on: "+want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
}

// FuzzFormat makes events of anything. Those that can be passed on are the same behind a relay.
func FuzzFormat(f *testing.F) {
	for _, row := range shapes {
		e := row.want
		f.Add(string(e.Kind), e.ARN, e.Name, strings.Join(e.Stages, ","), e.VersionID, e.Time.Unix(), int64(e.Time.Nanosecond()))
	}
	f.Fuzz(func(t *testing.T, kind, arn, name, stages, version string, seconds, nanos int64) {
		e := notify.Event{Kind: notify.Kind(kind), ARN: arn, Name: name, VersionID: version, Time: time.Unix(seconds, nanos).UTC()}
		if stages != "" {
			e.Stages = strings.Split(stages, ",")
		}
		if _, err := notify.Format(e); err == nil {
			checkEvent(t, e)
			passOn(t, e)
		}
	})
}
