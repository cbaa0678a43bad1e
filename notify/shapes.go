package notify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

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

// checked returns e if nothing is wrong with it.
func (e Event) checked(o object) (Event, error) {
	if wrong := e.wrong(); wrong != "" {
		return Event{}, malformed(wrong, o)
	}
	return e, nil
}

// maxStages is the most version stages of a secret (user guide, "AWS Secrets Manager
// quotas").
const maxStages = 20

// wrong says why there can be no such event; "" if there can. The IDs, the version and the
// stages go into calls and logs, so what can be none is refused.
func (e Event) wrong() string {
	wrongID := e.wrongSecret
	if e.Kind == ParameterChanged || e.Kind == ParameterDeleted {
		wrongID = e.wrongParameter
	}
	switch wrong := wrongID(); {
	case wrong != "":
		return wrong
	case !isValid(secret.Ref{ID: "a", VersionID: e.VersionID}):
		return "the version ID can be none"
	case len(e.Stages) > maxStages:
		return fmt.Sprintf("it has more than the %d version stages of a secret", maxStages)
	}
	for _, stage := range e.Stages {
		if stage == "" || !isValid(secret.Ref{ID: "a", Stage: stage}) {
			return "the version stage is missing, or can be none"
		}
	}
	return ""
}

// wrongSecret says what is wrong with the name and the ARN of a secret.
func (e Event) wrongSecret() string {
	switch {
	case e.ARN == "" && e.Name == "":
		return "the secret's name and ARN are missing"
	case e.ARN != "" && (!strings.HasPrefix(e.ARN, "arn:") || !isValid(secret.Ref{ID: e.ARN})):
		return "the secret's ARN can be none"
	case e.Name != "" && !isValid(secret.Ref{ID: e.Name}):
		return "the secret's name can be none"
	case e.ARN != "" && e.Name != "" && !isOf(e.ARN, e.Name):
		return "the secret's ARN is not one of its name"
	}
	return ""
}

// maxParameter is the most characters of a parameter's name and of its ARN (reference page of
// PutParameter).
const maxParameter = 2048

// wrongParameter says what is wrong with the name and the ARN of a parameter.
func (e Event) wrongParameter() string {
	path, known := strings.CutPrefix(parameterPath(e.ARN), "parameter/")
	switch {
	case e.Name == "":
		return "the parameter's name is missing"
	case !isParameterText(e.Name) || !isParameterText(e.ARN):
		return "the parameter's name or ARN can be none"
	case e.ARN != "" && !known:
		return "the parameter's ARN can be none"
	case known && path != strings.TrimPrefix(e.Name, "/"):
		return "the parameter's ARN is not one of its name"
	}
	return ""
}

func isParameterText(text string) bool {
	return len(text) <= maxParameter && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// parameterPath returns what stands behind the account in a parameter's ARN, parameter/ and
// its name without the first slash; "" if text is no such ARN.
func parameterPath(text string) string {
	a, err := arn.Parse(text)
	if err != nil || a.Service != "ssm" || !strings.HasPrefix(a.Resource, "parameter/") {
		return ""
	}
	return a.Resource
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

// parameter reads an event of Parameter Store (Systems Manager user guide, "Reference: Amazon
// EventBridge event patterns and types").
func parameter(o, detail object) (Event, error) {
	e := Event{Kind: ParameterChanged, Name: detail.text("name")}
	for _, text := range o.texts("resources") {
		if parameterPath(text) != "" {
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
	return e.checked(o)
}
