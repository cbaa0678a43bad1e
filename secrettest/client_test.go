package secrettest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/typedsecret/typedsecret/secrettest"
)

// client returns an SDK client that talks to the server over its socket and does
// not retry.
func client(t testing.TB, s *secrettest.Server) *secretsmanager.Client {
	t.Helper()
	return secretsmanager.New(options(s), func(o *secretsmanager.Options) {
		o.BaseEndpoint = aws.String(s.URL())
		tr := &http.Transport{}
		t.Cleanup(tr.CloseIdleConnections)
		o.HTTPClient = &http.Client{Transport: tr}
	})
}

// memory returns an SDK client that talks to the server without a socket.
func memory(s *secrettest.Server) *secretsmanager.Client {
	return secretsmanager.New(options(s))
}

var credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
})

func options(s *secrettest.Server) secretsmanager.Options {
	return secretsmanager.Options{
		Region:           "us-east-1",
		Credentials:      credentials,
		HTTPClient:       s.Client(),
		RetryMaxAttempts: 1,
	}
}

// wantError checks an error's type and message.
func wantError(t testing.TB, err error, code, message string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Errorf("error = %v, want %s", err, code)
		return
	}
	if api.ErrorCode() != code {
		t.Errorf("error = %s: %s, want %s", api.ErrorCode(), api.ErrorMessage(), code)
	}
	if message != "" && api.ErrorMessage() != message {
		t.Errorf("message = %q,\nwant      %q", api.ErrorMessage(), message)
	}
}

var ctx = context.Background()
