package secrettest

import (
	"encoding/json"
	"net/http"
)

// apiError is an error answer of the service: an HTTP status, a type and a message.
// Messages never quote a secret value.
type apiError struct {
	status  int
	typ     string
	message string

	// front marks errors of the service's front end, which come before those of Secrets
	// Manager itself. Their key of the message is in lower case.
	front bool
}

func (e *apiError) Error() string { return e.typ + ": " + e.message }

// body returns the error's JSON form.
func (e *apiError) body() []byte {
	var v any
	if e.front {
		v = struct {
			Type    string `json:"__type"`
			Message string `json:"message,omitempty"`
		}{e.typ, e.message}
	} else {
		v = struct {
			Type    string `json:"__type"`
			Message string `json:"Message"`
		}{e.typ, e.message}
	}
	return mustJSON(v)
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("secrettest: " + err.Error()) // our own response types always marshal
	}
	return b
}

func serviceError(typ, message string) *apiError {
	return &apiError{status: http.StatusBadRequest, typ: typ, message: message}
}

func frontError(typ, message string) *apiError {
	return &apiError{status: http.StatusBadRequest, typ: typ, message: message, front: true}
}

func notFound(message string) *apiError {
	return serviceError("ResourceNotFoundException", message)
}

func invalidRequest(message string) *apiError {
	return serviceError("InvalidRequestException", message)
}

func invalidParameter(message string) *apiError {
	return serviceError("InvalidParameterException", message)
}

func exists(message string) *apiError {
	return serviceError("ResourceExistsException", message)
}

func limitExceeded(message string) *apiError {
	return serviceError("LimitExceededException", message)
}

func validation(message string) *apiError {
	return frontError("ValidationException", message)
}

func serialization(message string) *apiError {
	return frontError("SerializationException", message)
}

var (
	errNoSecret = notFound("Secrets Manager can't find the specified secret.")
	errDeleted  = invalidRequest("You can't perform this operation on the secret because it was marked for deletion.")
	errBadName  = validation("Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	// The words are from LocalStack's snapshot test_rotate_secret_invalid_lambda_arn.
	errNoFunction = serviceError("AccessDeniedException", "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
	// The words are from gruntwork-io/cloud-nuke issue 435.
	errReplica = invalidParameter("Operation not permitted on a replica secret. Call must be made in primary secret's region.")
	errNoToken = "You must provide a ClientRequestToken value. We recommend a UUID-type value."
)
