package awssm

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/typedsecret/typedsecret/secret"
)

// codes sorts the error codes of GetSecretValue and those of "Common Error
// Types" in the Secrets Manager API Reference, with their older and shorter
// names, which other services and emulators use, and those of STS.
var codes = map[string]error{
	"ResourceNotFoundException": secret.ErrNotFound,

	"AccessDenied":            secret.ErrAccessDenied,
	"NotAuthorized":           secret.ErrAccessDenied,
	"OptInRequired":           secret.ErrAccessDenied,
	"SubscriptionRequired":    secret.ErrAccessDenied,
	"UnauthorizedException":   secret.ErrAccessDenied,
	"RegionDisabledException": secret.ErrAccessDenied,

	"DecryptionFailure": secret.ErrDecryption,

	"LimitExceededException":                 secret.ErrThrottled,
	"ProvisionedThroughputExceededException": secret.ErrThrottled,
	"RequestLimitExceeded":                   secret.ErrThrottled,
	"RequestThrottled":                       secret.ErrThrottled,
	"SlowDown":                               secret.ErrThrottled,
	"ThrottledException":                     secret.ErrThrottled,
	"Throttling":                             secret.ErrThrottled,
	"TooManyRequestsException":               secret.ErrThrottled,

	"InvalidAction":                   secret.ErrInvalidRequest,
	"InvalidParameterException":       secret.ErrInvalidRequest,
	"InvalidParameterValue":           secret.ErrInvalidRequest,
	"InvalidRequestException":         secret.ErrInvalidRequest,
	"MalformedHttpRequestException":   secret.ErrInvalidRequest,
	"RequestEntityTooLargeException":  secret.ErrInvalidRequest,
	"SerializationException":          secret.ErrInvalidRequest,
	"UnknownOperationException":       secret.ErrInvalidRequest,
	"ValidationError":                 secret.ErrInvalidRequest,
	"ValidationException":             secret.ErrInvalidRequest,
	"IDPCommunicationError":           secret.ErrUnavailable,
	"InternalFailure":                 secret.ErrUnavailable,
	"InternalServerError":             secret.ErrUnavailable,
	"InternalServiceError":            secret.ErrUnavailable,
	"RequestAbortedException":         secret.ErrUnavailable,
	"RequestTimeout":                  secret.ErrUnavailable,
	"ServiceUnavailable":              secret.ErrUnavailable,
	"TransactionInProgressException":  secret.ErrUnavailable,
	"PriorRequestNotComplete":         secret.ErrUnavailable,
	"InsufficientCapabilityException": secret.ErrUnavailable,
}

// credentialCodes are about the credentials or the clock, and so about all secrets: they are
// secret.ErrUnavailable.
var credentialCodes = []string{
	"AuthFailure",
	"ExpiredToken",
	"IDPRejectedClaim",
	"IncompleteSignature",
	"InvalidClientTokenId",
	"InvalidIdentityToken",
	"InvalidSignatureException",
	"MissingAuthenticationToken",
	"RequestExpired",
	"RequestTimeTooSkewed",
	"SignatureDoesNotMatch",
	"UnrecognizedClientException",
}

// sortCode sorts an error code. It sorts an unknown code by the HTTP status. The
// advice says what can be done about the error, where that is not plain.
func sortCode(code, message string, status int) (sorts []error, advice string) {
	code, sort, known := knownCode(code)
	switch {
	case code == "InvalidRequestException" && isDeletion(message):
		return []error{secret.ErrDeleted}, "it can be brought back with RestoreSecret"
	case code == "InvalidRequestException" && strings.Contains(message, "not associated"):
		return []error{secret.ErrInvalidRequest}, "leave the version stage out, a version ID alone names the version"
	case sort == secret.ErrAccessDenied && strings.Contains(message, "KMS"):
		// Reading the secret is allowed, using its key is not.
		return []error{secret.ErrAccessDenied, secret.ErrDecryption}, "allow kms:Decrypt on the secret's key"
	case known && code == "AccessDenied":
		return []error{sort}, "allow " + refusedAction(message)
	case known:
		return []error{sort}, codeAdvice[code]
	case strings.HasPrefix(code, "KMS"):
		return []error{secret.ErrDecryption}, ""
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return []error{secret.ErrAccessDenied}, ""
	case status == http.StatusTooManyRequests:
		return []error{secret.ErrThrottled}, ""
	case status == http.StatusRequestTimeout || status == http.StatusProxyAuthRequired:
		return []error{secret.ErrUnavailable}, ""
	case status >= 400 && status < 500:
		return []error{secret.ErrInvalidRequest}, ""
	case status >= 300 && status < 400:
		return []error{secret.ErrUnavailable}, "the answer leads elsewhere, which Secrets Manager's never does; check the endpoint, and whether a proxy is between"
	}
	return []error{secret.ErrUnavailable}, ""
}

// knownCode finds a code in codes, with or without the "Exception" at its end: the
// query protocol's names lack it, the JSON protocol's mostly don't.
func knownCode(code string) (found string, sort error, known bool) {
	for _, c := range []string{code, strings.TrimSuffix(code, "Exception"), code + "Exception"} {
		if slices.Contains(credentialCodes, c) {
			return c, secret.ErrUnavailable, true
		}
		if sort, known := codes[c]; known {
			return c, sort, true
		}
	}
	return code, nil, false
}

var codeAdvice = map[string]string{
	"ExpiredToken":                renewCredentials,
	"InvalidClientTokenId":        checkKey,
	"UnrecognizedClientException": checkKey,
	"MissingAuthenticationToken":  "the request was not signed; give the client credentials",
	"InvalidSignatureException":   checkClock,
	"SignatureDoesNotMatch":       checkClock,
	"RequestExpired":              checkClock,
	"RequestTimeTooSkewed":        checkClock,
	"OptInRequired":               "enable the region for the account",
	"RegionDisabledException":     "enable the region for the account",
	"DecryptionFailure":           "check that the secret's KMS key is enabled and may be used",
}

var notAuthorized = regexp.MustCompile(`(?i:not authorized to perform:?) ([a-zA-Z0-9-]+):([a-zA-Z0-9]+)`)

// refusedAction returns the action that a message of IAM calls denied, and the resource on which
// to allow it. The action is not always GetSecretValue: a role may have to be assumed first, and
// an agent calls DescribeSecret.
func refusedAction(message string) string {
	service, action := "secretsmanager", "GetSecretValue"
	if m := notAuthorized.FindStringSubmatch(message); m != nil {
		service, action = m[1], m[2]
	}
	on := map[string]string{"secretsmanager": " on the secret", "kms": " on the secret's key", "sts": " on the role"}[service]
	if service == "sts" {
		on += ", and let its trust policy name this identity"
	}
	return service + ":" + action + on
}

// isDeletion tells one InvalidRequestException from the others, by the message
// alone as there is no code for it: "marked for deletion" from the calls that
// read, "scheduled for deletion" from those that write.
func isDeletion(message string) bool {
	m := strings.ToLower(message)
	return strings.Contains(m, "for deletion") || strings.Contains(m, "marked deleted")
}
