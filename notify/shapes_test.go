package notify_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/internal/awsevent"
	"github.com/typedsecret/typedsecret/notify"
)

const version = awsevent.Version

var (
	native = awsevent.Native("mySecret", version)

	fullARN      = awsevent.ARN("mySecret")
	partialARN   = awsevent.PartialARN("mySecret")
	parameterARN = awsevent.ParameterARN("/prod/db")
)

var at = time.Date(2024, 2, 6, 16, 43, 48, 0, time.UTC)

func current(kind notify.Kind) notify.Event {
	return notify.Event{Kind: kind, ARN: fullARN, Name: "mySecret", Stages: []string{"AWSCURRENT"}, VersionID: version, Time: at}
}

func put(arnKey string) string {
	return strings.Replace(awsevent.Put("mySecret", version), `"arn"`, `"`+arnKey+`"`, 1)
}

// unnamed is e with another ARN and no name.
func unnamed(e notify.Event, arn string) notify.Event {
	e.ARN, e.Name = arn, ""
	return e
}

// without is e without what the event does not say.
func without(e notify.Event, arn, stages, version bool) notify.Event {
	if arn {
		e.ARN = ""
	}
	if stages {
		e.Stages = nil
	}
	if version {
		e.VersionID = ""
	}
	return e
}

func parameter(kind notify.Kind) notify.Event {
	return notify.Event{Kind: kind, ARN: parameterARN, Name: "/prod/db", Time: at}
}

var shapes = map[string]struct {
	message string
	want    notify.Event
}{
	"native":              {native, current(notify.LabelMoved)},
	"native, own label":   {strings.Replace(native, "AWSCURRENT", "blue", 1), notify.Event{Kind: notify.LabelMoved, ARN: fullARN, Name: "mySecret", Stages: []string{"blue"}, VersionID: version, Time: at}},
	"native, of moto":     {strings.Replace(native, `"account":"012345678901",`, "", 1), current(notify.LabelMoved)},
	"native, no resource": {strings.Replace(native, `"`+fullARN+`"`, "", 1), without(current(notify.LabelMoved), true, false, false)},

	"put":                        {put("arn"), current(notify.ValuePut)},
	"put, an old key of the ARN": {put("aRN"), current(notify.ValuePut)},
	"put, capitals":              {put("ARN"), current(notify.ValuePut)},
	"put, full ARN asked for":    {awsevent.Call("PutSecretValue", `{"secretId":"`+fullARN+`","clientRequestToken":"`+version+`"}`, `{"arn":"`+fullARN+`"}`), current(notify.ValuePut)},
	"put, partial ARN asked for": {awsevent.Call("PutSecretValue", `{"secretId":"`+partialARN+`","clientRequestToken":"`+version+`"}`, `null`), unnamed(current(notify.ValuePut), partialARN)},
	"put, all answered":          {awsevent.Call("PutSecretValue", `{"secretId":"mySecret","clientRequestToken":"x"}`, `{"arn":"`+fullARN+`","name":"mySecret","versionId":"`+version+`"}`), current(notify.ValuePut)},
	"put, nothing answered":      {awsevent.Call("PutSecretValue", `{"secretId":"mySecret","clientRequestToken":"`+version+`"}`, `null`), without(current(notify.ValuePut), true, false, false)},
	"put as pending":             {awsevent.Call("PutSecretValue", `{"secretId":"mySecret","clientRequestToken":"`+version+`","versionStages":["AWSPENDING"]}`, `null`), notify.Event{Kind: notify.ValuePut, Name: "mySecret", Stages: []string{"AWSPENDING"}, VersionID: version, Time: at}},
	"update":                     {awsevent.Call("UpdateSecret", `{"secretId":"mySecret","clientRequestToken":"`+version+`","description":"a"}`, `{"arn":"`+fullARN+`"}`), without(current(notify.ValuePut), false, false, true)},
	"update of the value":        {awsevent.Call("UpdateSecret", `{"secretId":"mySecret"}`, `{"arn":"`+fullARN+`","versionId":"`+version+`"}`), current(notify.ValuePut)},
	"stage moved":                {awsevent.Call("UpdateSecretVersionStage", `{"secretId":"mySecret","versionStage":"AWSCURRENT","moveToVersionId":"`+version+`","removeFromVersionId":"b"}`, `{"arn":"`+fullARN+`"}`), current(notify.LabelMoved)},
	"stage taken off":            {awsevent.Call("UpdateSecretVersionStage", `{"secretId":"mySecret","versionStage":"AWSCURRENT","removeFromVersionId":"b"}`, `{"arn":"`+fullARN+`"}`), without(current(notify.LabelMoved), false, false, true)},
	"deleted":                    {awsevent.Call("DeleteSecret", `{"secretId":"mySecret"}`, `{"arn":"`+fullARN+`","deletionDate":"Feb 7, 2024"}`), without(current(notify.Deleted), false, true, true)},
	"restored":                   {awsevent.Call("RestoreSecret", `{"secretId":"mySecret"}`, `{"arn":"`+fullARN+`"}`), without(current(notify.Restored), false, true, true)},

	"rotated":               {awsevent.Rotation("RotationSucceeded", `"additionalEventData":{"SecretId":"`+fullARN+`"}`), without(current(notify.Rotated), false, true, true)},
	"rotated, third shape":  {awsevent.Rotation("RotationSucceeded", `"serviceEventDetails":{"secretId":"`+fullARN+`"}`), without(current(notify.Rotated), false, true, true)},
	"rotated, by name":      {awsevent.Rotation("RotationSucceeded", `"additionalEventData":{"SecretId":"mySecret"}`), without(current(notify.Rotated), true, true, true)},
	"rotated, in resources": {awsevent.Rotation("RotationSucceeded", `"resources":[{"ARN":"`+fullARN+`"}]`), without(current(notify.Rotated), false, true, true)},
	"rotation failed":       {awsevent.Rotation("RotationFailed", `"additionalEventData":{"SecretId":"`+fullARN+`"}`), without(current(notify.RotationFailed), false, true, true)},
	"rotation abandoned":    {awsevent.Rotation("RotationAbandoned", `"additionalEventData":{"SecretId":"`+fullARN+`"}`), without(current(notify.RotationAbandoned), false, true, true)},

	"parameter":          {awsevent.Parameter("Update", "/prod/db"), parameter(notify.ParameterChanged)},
	"parameter created":  {awsevent.Parameter("Create", "/prod/db"), parameter(notify.ParameterChanged)},
	"parameter labelled": {awsevent.Parameter("LabelParameterVersion", "/prod/db"), parameter(notify.ParameterChanged)},
	"parameter deleted":  {awsevent.Parameter("Delete", "/prod/db"), parameter(notify.ParameterDeleted)},
}

func TestEachShapeIsRead(t *testing.T) {
	for name, row := range shapes {
		t.Run(name, func(t *testing.T) {
			for wrapping, wrap := range wrappings {
				got, err := notify.Parse([]byte(wrap(row.message)))
				if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
					t.Errorf("%s: %v (-want +got):\n%s", wrapping, err, diff)
				}
			}
		})
	}
}

// wrappings are the forms in which an event arrives.
var wrappings = map[string]func(string) string{
	"alone":          func(s string) string { return s },
	"with blanks":    func(s string) string { return "\r\n " + s + "\n" },
	"of SNS":         awsevent.InSNS,
	"of SQS":         inBody("body"),
	"ReceiveMessage": func(s string) string { return `{"Messages":[` + inBody("Body")(s) + `]}` },
	"of Pipes":       func(s string) string { return "[" + inBody("body")(s) + "]" },
	"of Lambda, SQS": func(s string) string { return `{"Records":[` + inBody("body")(s) + `]}` },
	"of Lambda, SNS": func(s string) string {
		return `{"Records":[{"EventSource":"aws:sns","Sns":` + awsevent.InSNS(s) + `}]}`
	},
	"SNS to SQS":      func(s string) string { return inBody("body")(awsevent.InSNS(s)) },
	"all of Lambda's": func(s string) string { return `{"Records":[` + inBody("body")(awsevent.InSNS(s)) + `]}` },
}

func inBody(key string) func(string) string {
	return func(s string) string { return awsevent.InSQS(key, s) }
}

// An input transformer, or InputPath, may pass on the detail alone.
func TestADetailAloneIsEnough(t *testing.T) {
	detail := func(message string) string {
		var o struct{ Detail json.RawMessage }
		if err := json.Unmarshal([]byte(message), &o); err != nil {
			t.Fatal(err)
		}
		return string(o.Detail)
	}
	for name, row := range map[string]struct {
		message string
		want    notify.Event
	}{
		"native":  {detail(native), notify.Event{Kind: notify.LabelMoved, Name: "mySecret", Stages: []string{"AWSCURRENT"}, VersionID: version}},
		"in SNS":  {awsevent.InSNS(detail(native)), notify.Event{Kind: notify.LabelMoved, Name: "mySecret", Stages: []string{"AWSCURRENT"}, VersionID: version, Time: at.Add(1655 * time.Millisecond)}},
		"put":     {detail(put("arn")), func() notify.Event { e := current(notify.ValuePut); e.Time = at.Add(-time.Second); return e }()},
		"changed": {detail(awsevent.Parameter("Update", "/prod/db")), notify.Event{Kind: notify.ParameterChanged, Name: "/prod/db"}},
	} {
		got, err := notify.Parse([]byte(row.message))
		if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestWhatIsNotKnownIsSaidWithoutAQuote(t *testing.T) {
	const s3 = `{"source":"aws.s3","detail-type":"Object Created","id":"1","detail":{"bucket":{"name":"hunter2"},"version":"0"},"hunter2":1}`
	deep := strings.Repeat(`{"detail":`, 40) + "1" + strings.Repeat("}", 40)
	four := native
	for range 4 {
		four = awsevent.InSNS(four)
	}
	for name, row := range map[string]struct {
		message string
		is      error
		want    string
	}{
		"another service":  {s3, notify.ErrUnknown, `it has source aws.s3, detail-type "Object Created", the keys detail, detail-type, id, source and 1 more; its detail has the keys version and 1 more`},
		"in an envelope":   {awsevent.InSNS(s3), notify.ErrUnknown, `it has source aws.s3, detail-type`},
		"another queue's":  {`{"hunter2":"a","b":1,"source":"hunter2"}`, notify.ErrUnknown, "it has the keys source and 2 more"},
		"no key of ours":   {`{"hunter2":"a"}`, notify.ErrUnknown, "it has no key that an event has, and 1 more"},
		"a forged source":  {strings.Replace(native, "aws.secretsmanager", "hunter2", 1), notify.ErrUnknown, "it has the keys account, detail, detail-type"},
		"a forged type":    {strings.Replace(native, "Secret Label Updated", "hunter2", 1), notify.ErrUnknown, "it has source aws.secretsmanager, the keys account, detail, detail-type, id,"},
		"no text":          {"hunter2", notify.ErrUnknown, "it is no JSON at byte 1 of 7"},
		"cut off":          {native[:100], notify.ErrUnknown, "it is no JSON at byte 100 of 100"},
		"nothing":          {"", notify.ErrUnknown, "it is no JSON at byte 0 of 0"},
		"a number":         {"4711", notify.ErrUnknown, "it is JSON, but no object"},
		"null":             {"null", notify.ErrUnknown, "it is JSON, but no object"},
		"a batch":          {`[{},{}]`, notify.ErrUnknown, "it is a batch of 2 messages; Parse takes one, so call it for each of them"},
		"an empty batch":   {`{"Records":[]}`, notify.ErrUnknown, "it is a batch of 0 messages"},
		"a batch of texts": {`["hunter2"]`, notify.ErrUnknown, "it is JSON, but no object"},
		"too large":        {strings.Repeat(" ", notify.MaxSize) + native, notify.ErrUnknown, "at most 262144 are read"},
		"too deep":         {deep, notify.ErrUnknown, "more than 32 objects and arrays are in one another"},
		"too many layers":  {four, notify.ErrUnknown, "more than 3 envelopes are in one another"},
		"no ID":            {strings.NewReplacer(`"mySecret"`, "1", fullARN, "hunter2").Replace(native), notify.ErrUnknown, "the secret's name and ARN are missing; it has source"},
		"an ID that garbles": {
			strings.NewReplacer(`"mySecret"`, `"my\nSecret"`, fullARN, "hunter2").Replace(native), notify.ErrUnknown,
			"the secret's name can be none; it has source",
		},
		"two secrets":      {strings.Replace(native, `"mySecret"`, `"yours"`, 1), notify.ErrUnknown, "the secret's ARN is not one of its name"},
		"no version":       {strings.Replace(native, version, "", 1), notify.ErrUnknown, "detail.versionId is missing"},
		"a short version":  {strings.Replace(native, version, "hunter2", 1), notify.ErrUnknown, "the version ID can be none"},
		"a long stage":     {strings.Replace(native, "AWSCURRENT", strings.Repeat("x", 257), 1), notify.ErrUnknown, "the version stage is missing, or can be none"},
		"no stage":         {awsevent.Call("UpdateSecretVersionStage", `{"secretId":"a"}`, "null"), notify.ErrUnknown, "the version stage is missing"},
		"an ARN of S3":     {awsevent.Call("DeleteSecret", `{"secretId":"arn:aws:s3:::hunter2"}`, "null"), notify.ErrUnknown, "the secret's ARN can be none"},
		"a read":           {awsevent.Call("GetSecretValue", `{"secretId":"a"}`, "null"), notify.ErrIrrelevant, "it is CloudTrail's of one, GetSecretValue"},
		"a strange action": {awsevent.Call("hunter 2", `{"secretId":"a"}`, "null"), notify.ErrIrrelevant, "it is CloudTrail's of one, another action"},
		"a failed call":    {strings.Replace(put("arn"), `"eventName"`, `"errorCode":"AccessDenied","eventName"`, 1), notify.ErrIrrelevant, "it is CloudTrail's of a call that failed, PutSecretValue"},
		"to be confirmed":  {`{"Type":"SubscriptionConfirmation","Token":"hunter2"}`, notify.ErrIrrelevant, "it is SNS's SubscriptionConfirmation, which a Handler takes"},
		"a parameter's policy": {
			strings.Replace(awsevent.Parameter("Update", "/prod/db"), "Store Change", "Store Policy Action", 1), notify.ErrUnknown,
			`it has source aws.ssm, detail-type "Parameter Store Policy Action"`,
		},
		"another operation":    {awsevent.Parameter("hunter2", "/prod/db"), notify.ErrUnknown, "detail.operation is none that is known"},
		"two parameters":       {strings.Replace(awsevent.Parameter("Update", "/prod/db"), "/prod/db\",\"type", "/prod/key\",\"type", 1), notify.ErrUnknown, "the parameter's ARN is not one of its name"},
		"a nameless parameter": {strings.Replace(awsevent.Parameter("Update", "/prod/db"), `"name":"/prod/db"`, `"name":7`, 1), notify.ErrUnknown, "the parameter's name is missing"},
		"a long parameter":     {strings.Replace(awsevent.Parameter("Update", "/prod/db"), `"name":"`, `"name":"`+strings.Repeat("x", 2049), 1), notify.ErrUnknown, "the parameter's name or ARN can be none"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := notify.Parse([]byte(row.message))
			if !errors.Is(err, row.is) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got  %v, %v\nwant %s", e, err, row.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter") {
				t.Errorf("the error quotes: %v", err)
			}
		})
	}
}

func TestTheIDsAreAllThatTheSecretMayBeAskedForBy(t *testing.T) {
	const arn = "arn:aws:secretsmanager:us-west-2:012345678901:secret:"
	for i, row := range []struct {
		e    notify.Event
		want []string
	}{
		{notify.Event{Name: "db"}, []string{"db"}},
		{notify.Event{Name: "db", ARN: arn + "db-a1B2c3"}, []string{"db", arn + "db-a1B2c3", arn + "db"}},
		{notify.Event{Name: "db-a1B2c3", ARN: arn + "db-a1B2c3"}, []string{"db-a1B2c3", arn + "db-a1B2c3"}},
		{notify.Event{ARN: arn + "db"}, []string{arn + "db", "db"}},
		{notify.Event{ARN: arn + "db-master"}, []string{arn + "db-master", "db-master", "db", arn + "db"}},
		{notify.Event{ARN: arn + "db-a1B2c"}, []string{arn + "db-a1B2c", "db-a1B2c"}},
		{notify.Event{Name: "/prod/db", ARN: parameterARN}, []string{"/prod/db", parameterARN}},
		{notify.Event{Kind: notify.Missed}, nil},
	} {
		if diff := cmp.Diff(row.want, row.e.IDs()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", strconv.Itoa(i), diff)
		}
	}
}
