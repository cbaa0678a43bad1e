package mototest

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Client returns an SDK client of the server. It tries each request once, so that no
// operation runs twice and an error is the server's first answer.
func (s *Server) Client(options ...func(*secretsmanager.Options)) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(s.URL()),
		// Moto accepts any credentials.
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "SECRET"}, nil
		}),
		HTTPClient: sender{}, RetryMaxAttempts: 1,
	}, options...)
}

// sender sends a request with its body in memory. With the SDK's own reader of the body,
// net/http breaks the connection off if the answer begins early. On a busy machine that
// happens once in some thousand requests. The file source/awssm/send.go explains it.
type sender struct{}

func (sender) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return http.DefaultClient.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	whole := r.WithContext(r.Context()) // a copy, since the SDK closes the body of its request
	whole.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultClient.Do(whole)
}
