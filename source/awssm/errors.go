package awssm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/typedsecret/typedsecret/internal/guard"
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
	if err = guard.Finite("client of Secrets Manager", err); guard.Recovered(err) {
		return &fetchError{text: fmt.Sprintf("%v: %v", secret.ErrUnavailable, err), sorts: []error{secret.ErrUnavailable}, cause: err}
	}
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
			advice = loginAdvice(err, advice)
		}
		from := ""
		if noLogin {
			from = "no credentials could be had" + answerer(err, cause)
		}
		return fail(apiText(sorts[0], from, advice, api, cause), sorts...)
	case ctxErr != nil && (cancelled || errors.Is(ctxErr, context.Canceled)):
		// Joined: the client may have said only that its connection broke.
		cause = join(cause, ctxErr)
		return fail("the fetch was cancelled: " + ctxErr.Error())
	case ctxErr != nil:
		cause = join(cause, ctxErr)
		whose := "answer from Secrets Manager in time"
		if noLogin {
			whose = "credentials in time; " + lateCredentials(err)
		}
		return fail(fmt.Sprintf("%v: no %s", secret.ErrTimeout, whose), secret.ErrTimeout)
	case noLogin:
		sort := secret.ErrUnavailable
		if isTimeout(err) {
			sort = secret.ErrTimeout
		}
		return fail(sort.Error()+": "+noLoginText(err, cause), sort)
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
			"is there a proxy between?%s", sort, inBrackets(because(cause), whence(cause))), sort)
	case isSendError(cause):
		return fail(fmt.Sprintf("%v: Secrets Manager can't be reached; %s (%v)",
			secret.ErrUnavailable, sendAdvice(err), innermost(cause)), secret.ErrUnavailable)
	}
	return fail(fmt.Sprintf("%v: %v%s", secret.ErrUnavailable, innermost(cause), whence(cause)), secret.ErrUnavailable)
}

// noLoginText says that the SDK got no credentials, why, and what to do.
func noLoginText(err, cause error) string {
	if isMetadataService(err) {
		return fmt.Sprintf("the AWS SDK found no usable credentials; the last that it asked is the instance metadata service%s: "+
			"on EC2 and EKS see whether the instance has a role, and whether its metadata hop limit is 2 or more for a container; elsewhere %s%s",
			inBrackets(because(cause), statusText(cause)), halfAKey(), giveCredentials)
	}
	name, advice := provider(err)
	switch {
	case isTimeout(err):
		return fmt.Sprintf("the AWS SDK got no credentials in time (%v); %s", innermost(cause), advice)
	case isNetError(cause) || isSendError(cause):
		if send := sendAdvice(err); send != checkNetwork || name != containerEndpoint {
			advice = send
		}
		return fmt.Sprintf("where the AWS SDK gets its credentials can't be reached (%v); %s", innermost(cause), advice)
	case name == "":
		return fmt.Sprintf("the AWS SDK found no usable credentials%s; %s%s", inBrackets(because(cause), statusText(cause)), halfAKey(), advice)
	}
	return fmt.Sprintf("%s gives no credentials%s; %s", name, inBrackets(because(cause), statusText(cause)), advice)
}

// loginAdvice returns what to do about credentials that an AWS service refused to give.
func loginAdvice(err error, advice string) string {
	if name, ofProvider := provider(err); name != "" && advice != checkClock && !strings.HasPrefix(advice, "allow sts:AssumeRole ") {
		return ofProvider
	}
	return advice
}

// because is what the innermost error says.
func because(cause error) string {
	return innermost(cause).Error()
}

// inBrackets puts the texts that are not empty into brackets, with commas between them.
func inBrackets(texts ...string) string {
	all := ""
	for _, text := range texts {
		if text = strings.TrimPrefix(text, ", "); text != "" && all != "" {
			all += ", "
		}
		all += text
	}
	if all == "" {
		return ""
	}
	return " (" + all + ")"
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

// apiText is the text for an error of the service. Where from is not empty, it comes first.
func apiText(sort error, from, advice string, api smithy.APIError, cause error) string {
	var parts []string
	if from != "" {
		parts = append(parts, from)
	}
	// The SDK puts UnknownError where the service sent no message.
	if m := oneLine(api.ErrorMessage()); m != "" && m != "UnknownError" {
		parts = append(parts, strings.TrimSuffix(m, "."))
	}
	if advice == checkClock {
		if off := skew(cause); off != "" {
			advice = off
		}
	}
	if advice != "" {
		parts = append(parts, advice)
	}
	text := sort.Error()
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, "; ")
	}
	return text + inBrackets(oneLine(api.ErrorCode()), whence(cause))
}

// whence names status and request ID, which AWS's support asks for.
func whence(cause error) string {
	var re *awshttp.ResponseError
	if !errors.As(cause, &re) {
		return statusText(cause)
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
