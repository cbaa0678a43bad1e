package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/internal/local"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// An answer is GetSecretValue's, but for its date. The extension's, which has null for
// the kind that a secret is not, was recorded in data/test-responses.json of
// github.com/fedonev/lambda-params-secrets.
type answer struct {
	ARN           string
	Name          string
	VersionId     string
	SecretString  *string
	SecretBinary  []byte
	VersionStages []string
	CreatedDate   json.RawMessage
}

func parse(body []byte) (secret.Value, error) {
	var a answer
	if _, what := local.Replaced(body); what != "" {
		return secret.Value{}, fmt.Errorf("%w: the agent's answer holds %s", secret.ErrUnavailable, what)
	}
	if json.Unmarshal(body, &a) != nil { // the error may quote the secret
		return secret.Value{}, fmt.Errorf("%w: the agent's answer is not JSON, or cut off", secret.ErrUnavailable)
	}
	v := secret.Value{ARN: a.ARN, Name: a.Name, VersionID: a.VersionId, Stages: a.VersionStages, Created: created(a.CreatedDate)}
	switch {
	case a.SecretString != nil && a.SecretBinary != nil:
		return secret.Value{}, fmt.Errorf("%w: the agent's answer has both a SecretString and a SecretBinary", secret.ErrUnavailable)
	case a.SecretString != nil:
		v.Payload = secret.StringPayload(*a.SecretString)
	case a.SecretBinary != nil:
		v.Payload = secret.BinaryPayload(a.SecretBinary)
		clear(a.SecretBinary)
	default:
		return secret.Value{}, fmt.Errorf("%w: the agent's answer has neither a SecretString nor a SecretBinary", secret.ErrUnavailable)
	}
	return v, nil
}

// created returns the time that an answer tells, to the millisecond; zero if it tells
// none. The agent writes seconds as a string, "1569534789.046", the extension
// "2022-11-16T08:22:40.499Z", and Secrets Manager a number.
func created(text json.RawMessage) time.Time {
	said := strings.Trim(string(text), `"`)
	if t, err := time.Parse(time.RFC3339, said); err == nil {
		return t.Round(time.Millisecond).UTC()
	}
	seconds, err := strconv.ParseFloat(said, 64)
	if err != nil || !(math.Abs(seconds) < 1<<40) {
		return time.Time{}
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
}

var (
	// errUnknownRefresh is wrapped by the error of an agent that doesn't know refreshNow.
	errUnknownRefresh = errors.New("the agent does not know the parameter refreshNow")
	// errBadToken is wrapped by the error of an agent that has another token.
	errBadToken = errors.New("the agent does not accept the token")

	errTooMany = fmt.Errorf("%w: the agent has as many connections as its max_conn allows", secret.ErrThrottled)
)

// answerError says what an answer without a secret means. The agent hands an error of
// Secrets Manager on as JSON. Its own errors are text, and so are all of the extension.
func answerError(status int, body []byte, whence string) error {
	if code, message := serviceError(body); code != "" {
		if status == http.StatusBadGateway || status == http.StatusGatewayTimeout || code == "InternalFailure" {
			return fmt.Errorf("%w: the agent has no answer from Secrets Manager (HTTP %d)", secret.ErrUnavailable, status)
		}
		if strings.HasPrefix(message, "Failed to create caching client from role") {
			return fmt.Errorf("%w: the agent can't assume the role; allow sts:AssumeRole on it to the agent, in the agent's policy "+
				"and in the role's trust policy; the agent's log says more (HTTP %d)", secret.ErrAccessDenied, status)
		}
		return awssm.ErrorOf(code, message, status)
	}
	switch status {
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Errorf("%w: %w in %s; is it of another agent, or of before its restart?", secret.ErrAccessDenied, errBadToken, whence)
	case http.StatusTooManyRequests:
		return errTooMany
	case http.StatusBadRequest:
		return refusal(string(body))
	case http.StatusNotFound:
		return fmt.Errorf("%w: what answers is no agent: it does not know /secretsmanager/get (HTTP 404)", secret.ErrUnavailable)
	}
	return fmt.Errorf("%w: the agent answered HTTP %d", secret.ErrUnavailable, status)
}

// serviceError returns the error of Secrets Manager that an agent hands on, if it is one.
// Before its version 2.1.0 the agent did not escape the message (err_response in its
// utils.rs), so that the whole may be no JSON.
func serviceError(body []byte) (code, message string) {
	var said struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &said) == nil {
		return said.Type, said.Message
	}
	rest, begins := strings.CutPrefix(string(body), `{"__type":"`)
	code, rest, found := strings.Cut(rest, `", "message":"`)
	if !begins || !found {
		return "", "" // whatever else this is, it is not to be shown
	}
	return code, strings.TrimSuffix(rest, `"}`)
}

// refusal says what HTTP 400 without a code means. The extension says nothing else of
// whatever goes wrong between it and Secrets Manager, so that is no invalid request.
func refusal(text string) error {
	switch {
	case text == "Forwarded":
		return fmt.Errorf("%w: the agent refuses what a proxy has forwarded (X-Forwarded-For)", secret.ErrInvalidRequest)
	case strings.HasPrefix(text, "unknown parameter: refreshNow"):
		return fmt.Errorf("%w: %w", secret.ErrInvalidRequest, errUnknownRefresh)
	case strings.HasPrefix(text, "unknown parameter: roleArn"):
		return fmt.Errorf("%w: the agent does not know roleArn, which it does since its version 2.1.0; upgrade it, or leave the role out", secret.ErrInvalidRequest)
	case strings.HasPrefix(text, "unknown parameter"), strings.HasPrefix(text, "missing parameter"), strings.HasPrefix(text, "invalid"):
		return fmt.Errorf("%w: the agent does not understand the request (HTTP 400)", secret.ErrInvalidRequest)
	case strings.HasPrefix(text, "not ready"):
		return fmt.Errorf("%w: the extension is not ready yet, as during the function's init", secret.ErrUnavailable)
	}
	return fmt.Errorf("%w: HTTP 400 without a reason, which is what the Lambda extension answers if the secret does not exist, "+
		"the function's role may not read it, or Secrets Manager fails; its log says which", secret.ErrUnavailable)
}
