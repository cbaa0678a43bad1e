package awssm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/typedsecret/typedsecret/internal/redact"
)

// cleanChain copies an error with all that it wraps, by the rule that what is
// not known to be harmless is left out. Known are the SDK's layers, rebuilt
// without what was sent and received, and net's. Any other layer becomes one
// without a text of its own, any other leaf shows its type only: net/http
// quotes the line of an answer that it can't parse, the SDK's processcreds
// provider the output that holds the credentials. A text that holds only a path, a host,
// a status or the like is kept; see leafTexts.
func cleanChain(err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *smithy.OperationError:
		return &smithy.OperationError{ServiceID: e.ServiceID, OperationName: e.OperationName, Err: cleanChain(e.Err)}
	case *awshttp.ResponseError:
		return &awshttp.ResponseError{ResponseError: cleanResponseError(e.ResponseError), RequestID: strings.Clone(e.RequestID)}
	case *smithyhttp.ResponseError:
		return cleanResponseError(e)
	case *smithy.DeserializationError:
		return &smithy.DeserializationError{Err: cleanChain(e.Err)}
	case *smithy.SerializationError:
		return &smithy.SerializationError{Err: cleanChain(e.Err)}
	case *smithy.CanceledError:
		return &smithy.CanceledError{Err: cleanChain(e.Err)}
	case *smithyhttp.RequestSendError:
		return &smithyhttp.RequestSendError{Err: cleanChain(e.Err)}
	case *aws.RequestCanceledError:
		return &aws.RequestCanceledError{Err: cleanChain(e.Err)}
	case *retry.MaxAttemptsError:
		return &retry.MaxAttemptsError{Attempt: e.Attempt, Err: cleanChain(e.Err)}
	case smithy.APIError:
		return cleanAPIError(e)

	case *url.Error:
		return &url.Error{Op: e.Op, URL: hostOnly(e.URL), Err: cleanChain(e.Err)}
	case *net.OpError:
		return &net.OpError{Op: e.Op, Net: e.Net, Source: e.Source, Addr: e.Addr, Err: cleanChain(e.Err)}
	case *net.DNSError:
		dns := *e
		dns.UnwrapErr = cleanChain(e.UnwrapErr)
		return &dns
	case *fs.PathError:
		return &fs.PathError{Op: e.Op, Path: shownPath(e.Path), Err: cleanChain(e.Err)}
	case *os.SyscallError:
		return &os.SyscallError{Syscall: e.Syscall, Err: cleanChain(e.Err)}
	case *exec.Error:
		return &exec.Error{Name: e.Name, Err: cleanChain(e.Err)}
	case *throughProxy:
		return &throughProxy{e.host, cleanChain(e.err)}
	case syscall.Errno, tls.AlertError, refusedByProxy, base64.CorruptInputError:
		return e
	case tls.RecordHeaderError:
		return plain("tls: " + e.Msg)
	case x509.HostnameError, x509.UnknownAuthorityError, x509.CertificateInvalidError:
		return plain(e.Error())
	}
	if isHarmless(err) {
		return err
	}
	return cleanUnknown(err)
}

// harmless leaves are themselves, by identity.
var harmless = []error{
	context.Canceled, context.DeadlineExceeded,
	io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe,
	net.ErrClosed, os.ErrDeadlineExceeded,
	http.ErrServerClosed, http.ErrHandlerTimeout,
	errNoRegion,
}

func isHarmless(err error) bool {
	t := reflect.TypeOf(err)
	return t.Comparable() && slices.Contains(harmless, err)
}

// cleanUnknown keeps of an unknown layer what it wraps, and what it is by its
// methods: a timeout stays one. errors.Is and errors.As find the layer itself.
func cleanUnknown(err error) error {
	var below []error
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		below = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		below = e.Unwrap()
	}
	l := &layer{Identity: redact.IdentityOf(err)}
	for _, b := range below {
		if c := cleanChain(b); c != nil {
			l.below = append(l.below, c)
		}
	}
	if len(l.below) == 0 {
		l.below = []error{tell(err)}
	}
	for _, is := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, is) && !errors.Is(l, is) {
			l.below = append(l.below, is)
		}
	}
	return l
}

// A layer stands for an error with a text that is not passed on.
type layer struct {
	redact.Identity
	below []error
}

func (l *layer) Error() string {
	texts := make([]string, len(l.below))
	for i, err := range l.below {
		texts[i] = err.Error()
	}
	return strings.Join(texts, ": ")
}

func (l *layer) Unwrap() []error { return l.below }

// plain is a leaf whose text is known to be harmless.
type plain string

func (p plain) Error() string { return string(p) }

// withheld is a leaf whose text is not, by its type.
type withheld string

func (w withheld) Error() string {
	return string(w) + ", whose text is withheld as it may quote a secret"
}

// keptHeaders of an answer describe it and hold nothing of it.
var keptHeaders = []string{"Content-Type", "Date", "Retry-After", "X-Amzn-Requestid"}

func cleanResponseError(e *smithyhttp.ResponseError) *smithyhttp.ResponseError {
	resp := &http.Response{Header: http.Header{}, Body: http.NoBody}
	cause := cleanChain(e.Err)
	if e.Response != nil && e.Response.Response != nil {
		cause = withoutSent(cause, sentSecrets(e.Response.Request))
		resp.StatusCode = e.Response.StatusCode
		resp.Status = strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
		for _, name := range keptHeaders {
			if v := e.Response.Header.Get(name); v != "" {
				resp.Header.Set(name, strings.Clone(v))
			}
		}
	}
	return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: resp}, Err: cause}
}

// cleanAPIError keeps the types of the SDK's service packages, which hold the
// code and message of the service and nothing else.
func cleanAPIError(e smithy.APIError) error {
	t := reflect.TypeOf(e)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	_, wraps := e.(interface{ Unwrap() error })
	if !wraps && strings.HasPrefix(t.PkgPath(), "github.com/aws/aws-sdk-go-v2/service/") {
		return e
	}
	message := e.ErrorMessage()
	if e.ErrorCode() == "" {
		message = "" // the container's credentials endpoint has put the body of an answer here that is no error of AWS
	}
	return &answered{
		GenericAPIError: &smithy.GenericAPIError{Code: e.ErrorCode(), Message: message, Fault: e.ErrorFault()}, status: status(e),
	}
}

// An answered is an API error that knows the status of its answer by itself.
type answered struct {
	*smithy.GenericAPIError
	status int
}

func (a *answered) Unwrap() error       { return a.GenericAPIError }
func (a *answered) HTTPStatusCode() int { return a.status }

var ofATask = regexp.MustCompile(`^/v\d+/credentials/`)

// hostOnly drops user, password and query of the URL of an endpoint or proxy. On ECS, who
// knows the last part of the path of AWS_CONTAINER_CREDENTIALS_RELATIVE_URI gets the credentials
// of the task, so it is dropped too.
func hostOnly(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "(not a URL)"
	}
	if m := ofATask.FindString(u.Path); m != "" {
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: m}).String() + "…"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// innermost is the part of a cleaned chain that says what happened, below the
// layers that say where in the SDK it did.
func innermost(err error) error {
	for {
		switch err.(type) {
		case *url.Error, *net.OpError, *net.DNSError, *fs.PathError:
			return err
		}
		next := errors.Unwrap(err)
		if l, ok := err.(*layer); ok && len(l.below) == 1 {
			next = l.below[0]
		}
		if next == nil {
			return err
		}
		err = next
	}
}
