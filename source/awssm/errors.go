package awssm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/typedsecret/typedsecret/secret"
)

// A fetchError is a failed Fetch, sorted. It leads to what a caller branches on
// and to the cleaned copy of the SDK's chain.
type fetchError struct {
	text  string
	sorts []error // sentinels of package cache; none for a cancelled context
	cause error

	isOfCredentials bool // it says that they are missing, expired or unknown
}

func (e *fetchError) Error() string { return e.text }

func (e *fetchError) Unwrap() []error {
	return append(append([]error(nil), e.sorts...), e.cause)
}

// sorted is sortError for an error of this client. It notes that the credentials were refused.
func (s *Source) sorted(ctx context.Context, err error) error {
	sorted := sortError(ctx, err)
	if s.credentials != nil && sorted.isOfCredentials {
		s.credentials.refuse()
	}
	return sorted
}

// sortError says what kind of failure err, returned by a client, is. The service's own
// word comes first, also if ctx is over by now.
func sortError(ctx context.Context, err error) *fetchError {
	cause := cleanChain(err)
	var (
		api       smithy.APIError
		unread    *smithy.DeserializationError
		ctxErr    = ctx.Err()
		noLogin   = isIdentityError(err)
		cancelled = errors.Is(err, context.Canceled)
	)
	fail := func(text string, sorts ...error) *fetchError {
		return &fetchError{text: text, sorts: sorts, cause: cause, isOfCredentials: noLogin || isOfCredentials(cause)}
	}
	switch {
	case errors.As(cause, &api):
		sorts, advice := sortCode(api.ErrorCode(), api.ErrorMessage(), status(cause))
		if noLogin && sorts[0] != secret.ErrThrottled {
			sorts = []error{secret.ErrUnavailable} // STS or IAM refuses the credentials of all secrets
		}
		return fail(apiText(sorts[0], advice, api, cause, noLogin), sorts...)
	case ctxErr != nil && (cancelled || errors.Is(ctxErr, context.Canceled)):
		// Joined: the client may have said only that its connection broke.
		cause = join(cause, ctxErr)
		return fail("the fetch was cancelled: " + ctxErr.Error())
	case ctxErr != nil:
		cause = join(cause, ctxErr)
		whose := "answer from Secrets Manager"
		if noLogin {
			whose = "credentials"
		}
		return fail(fmt.Sprintf("%v: no %s in time", secret.ErrTimeout, whose), secret.ErrTimeout)
	case noLogin && isMetadataService(err):
		return fail(fmt.Sprintf("%v: the AWS SDK found no usable credentials; the last that it asked is the instance metadata service (%v%s): "+
			"on EC2 and EKS see whether the instance has a role, and whether its metadata hop limit is 2 or more for a container; elsewhere %s",
			secret.ErrUnavailable, innermost(cause), statusText(cause), giveCredentials), secret.ErrUnavailable)
	case noLogin && isTimeout(err):
		return fail(fmt.Sprintf("%v: the AWS SDK got no credentials in time (%v)", secret.ErrTimeout, innermost(cause)), secret.ErrTimeout)
	case noLogin && isNetError(cause):
		return fail(fmt.Sprintf("%v: where the AWS SDK gets its credentials can't be reached (%v)",
			secret.ErrUnavailable, innermost(cause)), secret.ErrUnavailable)
	case noLogin:
		return fail(fmt.Sprintf("%v: the AWS SDK found no usable credentials (%v); %s",
			secret.ErrUnavailable, innermost(cause), giveCredentials), secret.ErrUnavailable)
	case isMissingRegion(err):
		return fail(fmt.Sprintf("%v: %v", secret.ErrUnavailable, errNoRegion), secret.ErrUnavailable)
	case isTimeout(err):
		return fail(fmt.Sprintf("%v: %v", secret.ErrTimeout, innermost(cause)), secret.ErrTimeout)
	case errors.As(cause, &unread):
		sort := secret.ErrUnavailable
		if status(cause) == http.StatusTooManyRequests {
			sort = secret.ErrThrottled
		}
		return fail(fmt.Sprintf("%v: the answer can't be read, it is cut off or not Secrets Manager's; "+
			"is there a proxy between? (%v%s)", sort, innermost(cause), whence(cause)), sort)
	case isSendError(cause):
		return fail(fmt.Sprintf("%v: Secrets Manager can't be reached; check the network, AWS_REGION and the endpoint (%v)",
			secret.ErrUnavailable, innermost(cause)), secret.ErrUnavailable)
	}
	return fail(fmt.Sprintf("%v: %v%s", secret.ErrUnavailable, innermost(cause), whence(cause)), secret.ErrUnavailable)
}

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

// sortCode sorts an error code, a code it doesn't know by the HTTP status. It
// adds what can be done about it, where that is not plain.
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

const (
	giveCredentials = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (after aws sso login, if it uses SSO), " +
		"or give the workload a role"
	renewCredentials = "the credentials have expired; get new ones, with aws sso login for instance"
	checkKey         = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and for temporary credentials AWS_SESSION_TOKEN"
	checkClock       = "check the secret access key and this machine's clock"
)

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

var notAuthorized = regexp.MustCompile(`not authorized to perform: ([a-zA-Z0-9-]+):([a-zA-Z0-9]+)`)

// refusedAction returns the action that a message of IAM says is denied, and on what it is to be
// allowed. It is not always GetSecretValue: a role is assumed before, and an agent asks
// DescribeSecret.
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

// isIdentityError reports that no request was sent, for want of credentials.
// The SDK has no type for it; its middleware's text is pinned by a test.
func isIdentityError(err error) bool {
	return strings.Contains(err.Error(), "get identity: ")
}

// isOfCredentials reports whether the service refuses the credentials, whatever is asked for.
func isOfCredentials(cause error) bool {
	var api smithy.APIError
	if !errors.As(cause, &api) {
		return false
	}
	code, _, _ := knownCode(api.ErrorCode())
	return slices.Contains(credentialCodes, code)
}

// isMetadataService reports that the SDK asked for the role of an EC2 instance, which it
// does when nothing else is configured: elsewhere nobody answers.
func isMetadataService(err error) bool {
	text := err.Error()
	return strings.Contains(text, "EC2 IMDS") && !strings.Contains(text, "access disabled to EC2 IMDS")
}

// isMissingRegion is for clients whose options New could not see.
func isMissingRegion(err error) bool {
	return strings.Contains(err.Error(), "Invalid Configuration: Missing Region")
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout()
}

func isNetError(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) || errors.As(err, &dns)
}

func isSendError(err error) bool {
	var v interface{ ConnectionError() bool }
	return errors.As(err, &v) && v.ConnectionError()
}

func apiText(sort error, advice string, api smithy.APIError, cause error, noLogin bool) string {
	var parts []string
	if noLogin {
		parts = append(parts, "no credentials could be had")
	}
	// The SDK puts UnknownError where the service sent no message.
	if m := oneLine(api.ErrorMessage()); m != "" && m != "UnknownError" {
		parts = append(parts, strings.TrimSuffix(m, "."))
	}
	if advice != "" {
		parts = append(parts, advice)
	}
	text := sort.Error()
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, "; ")
	}
	return fmt.Sprintf("%s (%s%s)", text, oneLine(api.ErrorCode()), whence(cause))
}

// whence names status and request ID, which AWS's support asks for.
func whence(cause error) string {
	var re *awshttp.ResponseError
	if !errors.As(cause, &re) {
		return ""
	}
	s := ""
	if code := re.HTTPStatusCode(); code != 0 {
		s = fmt.Sprintf(", HTTP %d", code)
	}
	if id := re.ServiceRequestID(); id != "" {
		s += ", request ID " + oneLine(id)
	}
	return s
}

// statusText names the status of an answer that is not Secrets Manager's.
func statusText(cause error) string {
	if code := status(cause); code != 0 {
		return fmt.Sprintf(", HTTP %d", code)
	}
	return ""
}

func status(cause error) int {
	var v interface{ HTTPStatusCode() int }
	if !errors.As(cause, &v) {
		return 0
	}
	return v.HTTPStatusCode()
}

// oneLine keeps what the service said from garbling a log.
func oneLine(s string) string {
	const most = 500
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s))
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}

func join(cause, ctxErr error) error {
	if errors.Is(cause, ctxErr) {
		return cause
	}
	return errors.Join(cause, ctxErr)
}
