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

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// An answer is GetSecretValue's, but for its date, which is a text.
type answer struct {
	ARN           string
	Name          string
	VersionId     string
	SecretString  *string
	SecretBinary  []byte
	VersionStages []string
	CreatedDate   json.RawMessage // of seconds: "1569534789.046", or 1569534789.046
}

func parse(body []byte) (cache.Value, error) {
	var a answer
	if json.Unmarshal(body, &a) != nil { // the error may quote the secret
		return cache.Value{}, fmt.Errorf("%w: the agent's answer is not JSON, or cut off", cache.ErrUnavailable)
	}
	v := cache.Value{ARN: a.ARN, Name: a.Name, VersionID: a.VersionId, Stages: a.VersionStages, Created: created(a.CreatedDate)}
	switch {
	case a.SecretString != nil && a.SecretBinary != nil:
		return cache.Value{}, fmt.Errorf("%w: the agent's answer has both a SecretString and a SecretBinary", cache.ErrUnavailable)
	case a.SecretString != nil:
		v.Payload = cache.StringPayload(*a.SecretString)
	case a.SecretBinary != nil:
		v.Payload = cache.BinaryPayload(a.SecretBinary)
		clear(a.SecretBinary)
	default:
		return cache.Value{}, fmt.Errorf("%w: the agent's answer has neither a SecretString nor a SecretBinary", cache.ErrUnavailable)
	}
	return v, nil
}

// created returns the time that an answer tells, to the millisecond; zero if it tells none.
func created(text json.RawMessage) time.Time {
	seconds, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	if err != nil || !(math.Abs(seconds) < 1<<40) {
		return time.Time{}
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
}

// errUnknownParameter is wrapped by the error of an agent that doesn't know refreshNow.
var errUnknownParameter = errors.New("the agent does not know the parameter refreshNow")

// answerError says what an answer without a secret means. What the agent has from
// Secrets Manager is JSON, what it says itself is text.
func answerError(status int, body []byte, whence string) error {
	var said struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &said) == nil && said.Type != "" {
		if status == http.StatusBadGateway || status == http.StatusGatewayTimeout || said.Type == "InternalFailure" {
			return fmt.Errorf("%w: the agent has no answer from Secrets Manager (HTTP %d)", cache.ErrUnavailable, status)
		}
		return awssm.ErrorOf(said.Type, said.Message)
	}
	switch {
	case status == http.StatusForbidden:
		return fmt.Errorf("%w: the agent does not accept the token in %s; is it of another agent, or of before its restart?",
			cache.ErrAccessDenied, whence)
	case status == http.StatusTooManyRequests:
		return fmt.Errorf("%w: the agent has as many connections as its max_conn allows", cache.ErrThrottled)
	case status == http.StatusBadRequest && strings.Contains(string(body), "refreshNow"):
		return fmt.Errorf("%w: %w", cache.ErrInvalidRequest, errUnknownParameter)
	case status == http.StatusBadRequest:
		return fmt.Errorf("%w: the agent refuses the request (HTTP 400); is there a proxy between?", cache.ErrInvalidRequest)
	case status == http.StatusNotFound:
		return fmt.Errorf("%w: what answers is no agent: it does not know /secretsmanager/get (HTTP 404)", cache.ErrUnavailable)
	}
	return fmt.Errorf("%w: the agent answered HTTP %d", cache.ErrUnavailable, status)
}
