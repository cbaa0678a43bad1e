package mototest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

// These are the IDs of the versions that operations make.
const (
	v1 = "11111111-1111-4111-8111-111111111111"
	v2 = "22222222-2222-4222-8222-222222222222"
	v3 = "33333333-3333-4333-8333-333333333333"
	v4 = "44444444-4444-4444-8444-444444444444"
)

// An operation is a named call to a Secrets Manager. Its run sets up what the call needs,
// and returns the answer.
type operation struct {
	name string
	run  func(*trial) (any, error)
}

// A trial runs an operation on an empty Secrets Manager, by this client.
type trial struct {
	*secretsmanager.Client
	t      *testing.T
	server string
}

// outcome runs an operation, and returns its result in a form that is comparable between
// servers.
func (tr *trial) outcome(op operation) string {
	out, err := op.run(tr)
	switch {
	case err != nil:
		return normal(failure(err))
	case out == nil:
		return "succeeds"
	}
	text, ok := out.(string)
	if !ok {
		text = canonical(out)
	}
	return normal(text)
}

// must ends the test if a step of the setup fails.
func (tr *trial) must(err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatalf("%s: %v", tr.server, err)
	}
}

// failure returns an error's HTTP status, type and message.
func failure(err error) string {
	status := 0
	if resp, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = resp.HTTPStatusCode()
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return fmt.Sprintf("%d %s: %s", status, api.ErrorCode(), api.ErrorMessage())
	}
	return fmt.Sprintf("%d and no error of the API", status)
}

// canonical returns an output as JSON, without absent parts.
func canonical(out any) string {
	text, err := json.Marshal(out)
	if err != nil {
		return err.Error()
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err.Error()
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(tidied(v)); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// tidied removes nulls and the SDK's additions. It sorts lists, whose order is not
// promised, by the parts of their elements that are not random.
func tidied(v any) any {
	switch v := v.(type) {
	case string:
		return normal(v)
	case map[string]any:
		maps.DeleteFunc(v, func(key string, member any) bool { return member == nil || key == "ResultMetadata" })
		for key, member := range v {
			v[key] = tidied(member)
		}
	case []any:
		for i := range v {
			v[i] = tidied(v[i])
		}
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return v
}

// These expressions match the parts that are random or depend on the clock.
var (
	known    = strings.NewReplacer(v1, "v1", v2, "v2", v3, "v3", v4, "v4")
	anyUUID  = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	anyDate  = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT[0-9:.]+Z\b`)
	anyARN   = regexp.MustCompile(`arn:aws:secretsmanager:us-east-1:123456789012:secret:([^"]*)-[A-Za-z0-9]{6}\b`)
	longText = regexp.MustCompile(`x{20,}`)
	anySpace = regexp.MustCompile(`\s+`)
)

func normal(text string) string {
	text = known.Replace(text)
	text = anyUUID.ReplaceAllString(text, "<uuid>")
	text = anyDate.ReplaceAllString(text, "<date>")
	text = anyARN.ReplaceAllString(text, "<ARN of $1>")
	text = longText.ReplaceAllString(text, "xx…x")
	return anySpace.ReplaceAllString(text, " ")
}

func TestOutcomesHideWhatChanceDecides(t *testing.T) {
	type version struct {
		ID, Missing    *string
		Stages         []string
		ResultMetadata struct{}
	}
	for _, row := range []struct{ name, got, want string }{
		{"output", canonical(version{ID: new(v1), Stages: []string{"b", "a"}}), `{"ID":"v1","Stages":["a","b"]}`},
		{"ARN", "of arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-a1b2C3.", "of <ARN of prod/db>."},
		{"unknown ID", "0a1b2c3d-1111-4111-8111-111111111111", "<uuid>"},
		{"date", `"2026-11-26T12:00:00.123Z"`, `"<date>"`},
		{"list", canonical([]any{"2026-11-26T12:00:00Z b", "2026-11-26T12:00:01Z a"}), `["<date> a","<date> b"]`},
		{"spaces", "a \n\t b", "a b"},
		{"error", failure(errors.New("boom")), "0 and no error of the API"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := normal(row.got); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}
