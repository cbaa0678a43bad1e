package awssm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

func answerError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", "11111111-2222-3333-4444-555555555555")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "Message": message})
}

var sentinels = []error{
	secret.ErrNotFound, secret.ErrDeleted, secret.ErrAccessDenied, secret.ErrDecryption,
	secret.ErrThrottled, secret.ErrInvalidRequest, secret.ErrUnavailable, secret.ErrTimeout,
}

func TestCodesAreSorted(t *testing.T) {
	const noMessage = ""
	for _, c := range []struct {
		status  int
		code    string
		message string
		want    error
		says    string
	}{
		{400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.", secret.ErrNotFound, "can't find the specified secret"},
		{404, "ResourceNotFoundException", noMessage, secret.ErrNotFound, "404"},
		{400, "InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.", secret.ErrDeleted, "RestoreSecret"},
		{400, "InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.", secret.ErrDeleted, "scheduled"},
		{400, "InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.", secret.ErrInvalidRequest, "leave the version stage out"},
		{400, "InvalidParameterException", noMessage, secret.ErrInvalidRequest, "InvalidParameterException"},
		{400, "ValidationException", "Invalid name.", secret.ErrInvalidRequest, "Invalid name"},
		{400, "UnknownOperationException", noMessage, secret.ErrInvalidRequest, ""},
		{400, "AccessDeniedException", "User: arn:aws:iam::1:user/u is not authorized to perform: secretsmanager:GetSecretValue", secret.ErrAccessDenied, "allow secretsmanager:GetSecretValue"},
		{400, "UnrecognizedClientException", "The security token included in the request is invalid.", secret.ErrUnavailable, "AWS_SESSION_TOKEN"},
		{400, "ExpiredTokenException", "The security token included in the request is expired", secret.ErrUnavailable, "aws sso login"},
		{403, "InvalidSignatureException", "Signature expired", secret.ErrUnavailable, "clock"},
		{400, "MissingAuthenticationTokenException", noMessage, secret.ErrUnavailable, "not signed"},
		{403, "MissingAuthenticationToken", noMessage, secret.ErrUnavailable, "not signed"},
		{400, "IncompleteSignatureException", noMessage, secret.ErrUnavailable, ""},
		{400, "OptInRequiredException", noMessage, secret.ErrAccessDenied, "enable the region"},
		{400, "SubscriptionRequiredException", noMessage, secret.ErrAccessDenied, ""},
		{400, "Throttled", noMessage, secret.ErrThrottled, ""},
		{403, "SomethingNew", noMessage, secret.ErrAccessDenied, "SomethingNew"},
		{407, "SomethingNew", noMessage, secret.ErrUnavailable, "HTTP 407"},
		{400, "DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.", secret.ErrDecryption, "KMS key is enabled"},
		{400, "KMSInvalidStateException", noMessage, secret.ErrDecryption, ""},
		{400, "ThrottlingException", "Rate exceeded", secret.ErrThrottled, "Rate exceeded"},
		{429, "SomethingNew", noMessage, secret.ErrThrottled, ""},
		{400, "SomethingNew", "no\nsuch\tthing", secret.ErrInvalidRequest, "no such thing"},
		{500, "InternalServiceError", "An error occurred on the server side.", secret.ErrUnavailable, "HTTP 500"},
		{503, "ServiceUnavailableException", noMessage, secret.ErrUnavailable, "HTTP 503"},
		{408, "RequestTimeoutException", noMessage, secret.ErrUnavailable, ""},
		{502, "SomethingNew", noMessage, secret.ErrUnavailable, ""},
		{400, "com.amazonaws.secretsmanager#ResourceNotFoundException", noMessage, secret.ErrNotFound, ""},
	} {
		t.Run(fmt.Sprint(c.status, " ", c.code, " ", c.message), func(t *testing.T) {
			srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
				answerError(w, c.status, c.code, c.message)
			})
			_, err := newSource(t, srv.URL).Fetch(t.Context(), current)
			for _, sentinel := range sentinels {
				if errors.Is(err, sentinel) != (sentinel == c.want) {
					t.Errorf("errors.Is(err, %q) is %v", sentinel, errors.Is(err, sentinel))
				}
			}
			text := err.Error()
			if strings.ContainsAny(text, "\n\r\t") || !strings.Contains(text, c.says) ||
				!strings.Contains(text, "request ID 11111111-2222-3333-4444-555555555555") {
				t.Errorf("text is %q", text)
			}
			t.Log(text)
		})
	}
}

func TestRefusalOfTheKeyIsBoth(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answerError(w, 400, "AccessDeniedException", "Access to KMS is not allowed")
	})
	_, err := newSource(t, srv.URL).Fetch(t.Context(), current)
	if !errors.Is(err, secret.ErrAccessDenied) || !errors.Is(err, secret.ErrDecryption) || !strings.Contains(err.Error(), "kms:Decrypt") {
		t.Errorf("error is %v", err)
	}
}

func TestFailuresWithoutACodeAreSorted(t *testing.T) {
	html := func(status int) func(*testing.T) string {
		return func(t *testing.T) string {
			srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				fmt.Fprint(w, "<html>a proxy's page</html>")
			})
			return srv.URL
		}
	}
	for _, c := range []struct {
		name string
		url  func(*testing.T) string
		want error
		says string
	}{
		{"refused", func(*testing.T) string { return "http://127.0.0.1:1" }, secret.ErrUnavailable, "connection refused"},
		{"no such host", func(*testing.T) string { return "http://no-such-host.invalid" }, secret.ErrUnavailable, "no-such-host.invalid"},
		{"a proxy's page, 200", html(200), secret.ErrUnavailable, "proxy"},
		{"a proxy's page, 403", html(403), secret.ErrUnavailable, "HTTP 403"},
		{"a proxy's page, 429", html(429), secret.ErrThrottled, "HTTP 429"},
		{"TLS where none is", func(t *testing.T) string {
			return strings.Replace(html(200)(t), "http:", "https:", 1)
		}, secret.ErrUnavailable, "HTTP response to HTTPS client"},
		{"a certificate of nobody's", func(t *testing.T) string {
			srv := httptest.NewUnstartedServer(http.NotFoundHandler())
			srv.Config.ErrorLog = log.New(io.Discard, "", 0)
			srv.StartTLS()
			t.Cleanup(srv.Close)
			return srv.URL
		}, secret.ErrUnavailable, "certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newSource(t, c.url(t)).Fetch(t.Context(), current)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v", err)
			}
			t.Log(err)
		})
	}
}

func TestSDKErrorsStayReachable(t *testing.T) {
	srv := secrettest.New(t)
	_, err := newSource(t, srv.URL()).Fetch(t.Context(), current)
	var (
		notFound *types.ResourceNotFoundException
		api      smithy.APIError
		op       *smithy.OperationError
		response *awshttp.ResponseError
		inner    *smithyhttp.ResponseError
	)
	if !errors.As(err, &notFound) || notFound.ErrorMessage() == "" {
		t.Error("no *types.ResourceNotFoundException")
	}
	if !errors.As(err, &api) || api.ErrorCode() != "ResourceNotFoundException" {
		t.Error("no smithy.APIError")
	}
	if !errors.As(err, &op) || op.Operation() != "GetSecretValue" {
		t.Error("no *smithy.OperationError")
	}
	if !errors.As(err, &response) || response.HTTPStatusCode() != 400 || response.ServiceRequestID() == "" {
		t.Errorf("no *awshttp.ResponseError with status and request ID: %v", response)
	}
	if !errors.As(err, &inner) || inner.HTTPResponse().Request != nil || inner.HTTPResponse().Body != http.NoBody {
		t.Error("the request or the body is still there")
	}
	if !strings.Contains(err.Error(), response.ServiceRequestID()) {
		t.Errorf("text lacks the request ID: %v", err)
	}
	var send *smithyhttp.RequestSendError
	var urlErr *url.Error
	var opErr *net.OpError
	_, err = newSource(t, "http://127.0.0.1:1").Fetch(t.Context(), current)
	if !errors.As(err, &send) || !errors.As(err, &urlErr) || !errors.As(err, &opErr) {
		t.Errorf("chain of a failed dial is cut: %v", err)
	}
}

// TestErrorsOfOtherClients are those that the SDK's client does not make.
func TestErrorsOfOtherClients(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"of an unknown type", errors.New(marker), secret.ErrUnavailable},
		{"joined", errors.Join(errors.New(marker), fmt.Errorf("%s: %w", marker, &types.ResourceNotFoundException{})), secret.ErrNotFound},
		{"an API error of their own", ownError{}, secret.ErrThrottled},
		{"a typed timeout", fmt.Errorf("%s: %w", marker, timeoutError{}), secret.ErrTimeout},
		{"a deadline of their own", fmt.Errorf("%s: %w", marker, context.DeadlineExceeded), secret.ErrTimeout},
		{"cancelled by themselves", fmt.Errorf("%s: %w", marker, context.Canceled), secret.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := awssm.New(&recorder{err: c.err})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Fetch(t.Context(), current)
			if !errors.Is(err, c.want) {
				t.Errorf("error is %v, want %v", err, c.want)
			}
			checkNoSecret(t, err, marker)
			t.Log(err)
		})
	}
}

type ownError struct{}

func (ownError) Error() string                 { return marker }
func (ownError) ErrorCode() string             { return "ThrottlingException" }
func (ownError) ErrorMessage() string          { return "slower" }
func (ownError) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

type timeoutError struct{}

func (timeoutError) Error() string   { return marker }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// TestCredentialsThatCanNotBeReachedAreNoDenial: who gives up a value when access is
// denied must not do so because the network is down.
func TestCredentialsThatCanNotBeReachedAreNoDenial(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want error
		says string
	}{
		{"refused", &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, secret.ErrUnavailable, "credentials can't be reached"},
		{"no such host", &net.DNSError{Err: "no such host", Name: "sts.invalid", IsNotFound: true}, secret.ErrUnavailable, "sts.invalid"},
		{"a time-out", fmt.Errorf("%s: %w", marker, timeoutError{}), secret.ErrTimeout, "no credentials in time"},
		{"a deadline of its own", fmt.Errorf("%s: %w", marker, context.DeadlineExceeded), secret.ErrTimeout, "no credentials in time"},
		{"none configured", errors.New(marker), secret.ErrUnavailable, "AWS_PROFILE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSource(t, "http://127.0.0.1:1", func(o *secretsmanager.Options) {
				o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
					return aws.Credentials{}, c.err
				})
			})
			_, err := s.Fetch(t.Context(), current)
			for _, sentinel := range sentinels {
				if errors.Is(err, sentinel) != (sentinel == c.want) {
					t.Errorf("errors.Is(err, %q) is %v", sentinel, errors.Is(err, sentinel))
				}
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v", err)
			}
			checkNoSecret(t, err, marker)
		})
	}
	t.Run("the caller's deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource(t, "http://127.0.0.1:1", func(o *secretsmanager.Options) {
				o.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
					<-ctx.Done()
					return aws.Credentials{}, ctx.Err()
				})
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := s.Fetch(ctx, current)
			if !errors.Is(err, secret.ErrTimeout) || !strings.Contains(err.Error(), "no credentials") {
				t.Errorf("error is %v", err)
			}
		})
	})
}

// TestAProxysStatusIsTold: the SDK's client, which the user has made, has no transport of ours.
func TestAProxysStatusIsTold(t *testing.T) {
	for reason, says := range map[string]string{
		"407 Proxy Authentication Required": "HTTP 407", "403 Forbidden": "HTTP 403", "502 Bad Gateway": "HTTP 502",
		"502 " + marker: "withheld",
	} {
		proxy := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprintf(conn, "HTTP/1.1 %s\r\n\r\n", reason)
		})
		at, err := url.Parse(proxy.URL)
		if err != nil {
			t.Fatal(err)
		}
		at.User = url.UserPassword("app", marker)
		client := awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) { tr.Proxy = http.ProxyURL(at) })
		s := newSource(t, "https://secretsmanager.eu-west-1.amazonaws.com", func(o *secretsmanager.Options) { o.HTTPClient = client })
		_, err = s.Fetch(t.Context(), current)
		if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "PROXY") {
			t.Errorf("%s: %v", reason, err)
		}
		checkNoSecret(t, err, marker)
	}
}
