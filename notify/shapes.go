package notify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/typedsecret/typedsecret/secret"
)

// labelUpdated reads what Secrets Manager sends by itself (user guide, "Secret Label Updated
// event").
func labelUpdated(o, detail object) (Event, error) {
	e := Event{
		Kind: LabelMoved, Name: detail.text("name"), ARN: secretARN(o.texts("resources")...),
		Stages: []string{detail.text("labelUpdated")}, VersionID: detail.text("versionId"),
	}
	if e.VersionID == "" {
		return Event{}, malformed("detail.versionId is missing", o)
	}
	return e.checked(o)
}

// cloudTrail reads an event of CloudTrail about Secrets Manager. Where the secret's ID stands
// differs by the event, and has changed over the years.
func cloudTrail(o, detail object) (Event, error) {
	action := detail.text("eventName")
	asked, answered := detail.object("requestParameters"), detail.object("responseElements")
	if detail.text("errorCode") != "" {
		return Event{}, irrelevant("a call that failed", action)
	}
	var e Event
	version := cmp.Or(answered.text("versionId"), asked.text("clientRequestToken"))
	switch action {
	case "PutSecretValue":
		e = Event{Kind: ValuePut, VersionID: version, Stages: asked.texts("versionStages")}
		if len(e.Stages) == 0 {
			e.Stages = []string{secret.CurrentStage}
		}
	case "UpdateSecret":
		// The SDKs send a token also if no version is made, so it names none.
		e = Event{Kind: ValuePut, VersionID: answered.text("versionId"), Stages: []string{secret.CurrentStage}}
	case "UpdateSecretVersionStage":
		e = Event{Kind: LabelMoved, VersionID: asked.text("moveToVersionId"), Stages: []string{asked.text("versionStage")}}
	case "DeleteSecret":
		e = Event{Kind: Deleted}
	case "RestoreSecret":
		e = Event{Kind: Restored}
	case "RotationSucceeded":
		e = Event{Kind: Rotated}
	case "RotationFailed":
		e = Event{Kind: RotationFailed}
	case "RotationAbandoned":
		e = Event{Kind: RotationAbandoned}
	default:
		return Event{}, irrelevant("one", action)
	}
	// These are full ARNs, or names.
	full := []string{answered.firstText("arn", "aRN", "ARN")}
	for _, key := range []string{"additionalEventData", "serviceEventDetails"} {
		full = append(full, detail.object(key).firstText("SecretId", "secretId"))
	}
	full = append(full, o.texts("resources")...)
	for _, raw := range detail.list("resources") {
		var resource object
		_ = json.Unmarshal(raw, &resource)
		full = append(full, resource.firstText("ARN", "arn"))
	}
	id := asked.firstText("secretId", "SecretId")
	e.ARN, e.Name = secretARN(full...), answered.text("name")
	switch {
	case e.ARN != "":
		e.Name = cmp.Or(e.Name, nameOf(e.ARN))
	case strings.HasPrefix(id, "arn:"):
		e.ARN = id // as the caller wrote it
	default:
		e.Name = cmp.Or(e.Name, id, full[1], full[2])
	}
	return e.checked(o)
}

// irrelevant is the error of a call that changes no secret.
func irrelevant(what, action string) error {
	if !isWord(action) {
		action = "another action"
	}
	return fmt.Errorf("%w: it is CloudTrail's of %s, %s", ErrIrrelevant, what, action)
}

// secretARN returns the first of several texts that is the ARN of a secret.
func secretARN(texts ...string) string {
	for _, text := range texts {
		if _, err := secret.ParseARN(text); err == nil {
			return text
		}
	}
	return ""
}

// nameOf returns the name in a full ARN.
func nameOf(full string) string {
	a, err := secret.ParseARN(full)
	if err != nil || !hasSuffix(a.Name) {
		return ""
	}
	return a.Name[:len(a.Name)-arnSuffix]
}

// checked returns e if it can be one of a secret. The version and the stages go into calls and
// logs, so what can be none is refused.
func (e Event) checked(o object) (Event, error) {
	switch {
	case e.ARN == "" && e.Name == "":
		return Event{}, malformed("the secret's name and ARN are missing", o)
	case e.ARN != "" && !isValid(secret.Ref{ID: e.ARN}):
		return Event{}, malformed("the secret's ARN can be none", o)
	case e.Name != "" && !isValid(secret.Ref{ID: e.Name}):
		return Event{}, malformed("the secret's name can be none", o)
	case e.ARN != "" && e.Name != "" && !isOf(e.ARN, e.Name):
		return Event{}, malformed("the secret's ARN is not one of its name", o)
	case !isValid(secret.Ref{ID: "a", VersionID: e.VersionID}):
		return Event{}, malformed("the version ID can be none", o)
	}
	for _, stage := range e.Stages {
		if stage == "" || !isValid(secret.Ref{ID: "a", Stage: stage}) {
			return Event{}, malformed("the version stage is missing, or can be none", o)
		}
	}
	return e, nil
}

func isValid(ref secret.Ref) bool { return ref.Validate() == nil }

// isOf reports whether a secret of this name may have this ARN.
func isOf(full, name string) bool {
	a, err := secret.ParseARN(full)
	return err == nil && (a.Name == name || hasSuffix(a.Name) && a.Name[:len(a.Name)-arnSuffix] == name)
}

func malformed(what string, o object) error {
	return fmt.Errorf("%w: %s; %s", ErrUnknown, what, o.saw())
}

// maxParameter is the most characters of a parameter's name and of its ARN (reference page of
// PutParameter).
const maxParameter = 2048

// parameter reads an event of Parameter Store (Systems Manager user guide, "Reference: Amazon
// EventBridge event patterns and types").
func parameter(o, detail object) (Event, error) {
	e := Event{Kind: ParameterChanged, Name: detail.text("name")}
	for _, text := range o.texts("resources") {
		if a, err := arn.Parse(text); err == nil && a.Service == "ssm" && strings.HasPrefix(a.Resource, "parameter/") {
			e.ARN = text
			break
		}
	}
	switch detail.text("operation") {
	case "Create", "Update", "LabelParameterVersion":
	case "Delete":
		e.Kind = ParameterDeleted
	default:
		return Event{}, malformed("detail.operation is none that is known", o)
	}
	for _, text := range []string{e.Name, e.ARN} {
		if len(text) > maxParameter || slices.ContainsFunc([]rune(text), unicode.IsControl) {
			return Event{}, malformed("the parameter's name or ARN can be none", o)
		}
	}
	if e.Name == "" {
		return Event{}, malformed("detail.name is missing", o)
	}
	if a, err := arn.Parse(e.ARN); err == nil && strings.TrimPrefix(a.Resource, "parameter/") != strings.TrimPrefix(e.Name, "/") {
		return Event{}, malformed("the parameter's ARN is not one of its name", o)
	}
	return e, nil
}
