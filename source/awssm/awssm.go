// Package awssm fetches secrets from AWS Secrets Manager, as a [secret.Source]
// over the AWS SDK's own client.
//
// # What a Fetch costs
//
// A Fetch is one GetSecretValue and one HTTP request, whether it succeeds or
// not: when to try again is the cache's decision, so the SDK's retries, which
// would multiply with the cache's back-off, are off for these calls. A retryer,
// retry mode or maximum of attempts that the client was given applies to its
// other calls only. A request that the SDK hands to its HTTP client counts. Requests for
// credentials, to STS say, do not: their providers retry them as they see fit.
//
// There is one exception. If Secrets Manager refuses a signature and its clock
// is more than four minutes away from ours, the SDK signs the same request
// once more, at once, by the service's clock, and remembers the difference: a
// client whose clock is wrong needs one request more, once.
//
// net/http sends a request again if the kept-alive connection that it chose
// turns out to be dead, but only one whose body it can rewind; the SDK's are
// not of these, so the failure is seen here, and the cache backs off from it.
//
// # Errors
//
// They wrap the sentinel of package cache that fits, and a copy of the SDK's
// chain, so that errors.As finds *types.ResourceNotFoundException,
// smithy.APIError, *smithy.OperationError or *awshttp.ResponseError in them. The
// copy has the status code and the request ID, but neither the HTTP request,
// which bears credentials, nor anything of an answer's body: a
// *smithy.DeserializationError has no Snapshot, a ResponseError's Response no
// Request, and a cause that might quote what it read is named by its type alone. errors.Is and
// errors.As find such a cause too, a sentinel of a client that wraps the SDK's, say.
//
// Errors name the paths, hosts, statuses, profiles and variables concerned, since these are no
// secrets. docs/failures.md has the errors of credentials, proxies, certificates and clocks.
package awssm

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/version"
	"github.com/typedsecret/typedsecret/secret"
)

// A Client is what a Source calls: a *secretsmanager.Client, or whatever stands
// in for one. It must be safe for concurrent use. One that wraps the SDK's
// client passes the options on, since they carry what the package promises
// about retries and the user agent.
type Client interface {
	GetSecretValue(
		ctx context.Context, params *secretsmanager.GetSecretValueInput, optFns ...func(*secretsmanager.Options),
	) (*secretsmanager.GetSecretValueOutput, error)
}

var _ Client = (*secretsmanager.Client)(nil)

// A Source fetches secrets through a Client. It is safe for concurrent use.
type Source struct {
	// A method value, into which nothing that prints or compares can look: what
	// the client's connections have read last may be in their buffers.
	get    func(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
	batch  func(context.Context, *secretsmanager.BatchGetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.BatchGetSecretValueOutput, error)
	option func(*secretsmanager.Options)
	region string   // of the client, without fips-; empty if that does not say
	others *regions // that the client may ask; nil if it asks only its own

	refused     atomic.Pointer[time.Time] // when a batch was, last
	credentials *renewed                  // of FromEnvironment; else nil
}

// New makes a Source of a client. A nil one is an error, and so is a
// *secretsmanager.Client with a region or endpoint that can't be one, or with
// neither.
func New(client Client) (*Source, error) {
	if guard.IsNil(client) {
		return nil, errors.New("awssm: the client is nil; " +
			"make one with secretsmanager.NewFromConfig, or a Source with awssm.FromEnvironment")
	}
	// Whatever only embeds the SDK's client may not need what that was given.
	s := &Source{get: client.GetSecretValue, option: callOption()}
	if c, ok := client.(*secretsmanager.Client); ok {
		if err := checkEndpoint(c.Options()); err != nil {
			return nil, err
		}
		o := c.Options()
		s.batch, s.region = c.BatchGetSecretValue, realRegion(o.Region)
		if hasRegions(o) {
			s.others = &regions{}
		}
	}
	return s, nil
}

// Fetch gets one version of a secret: the one with ref.VersionID, the one that
// bears ref.Stage, or the one that satisfies both. Without either, the service
// takes AWSCURRENT.
//
// An empty SecretString or SecretBinary is a value like any other; whether it
// makes sense is the decoder's to say. An answer with neither is an error that
// wraps [secret.ErrUnavailable].
//
// The Value's strings may be parts of the answer as a whole, which they keep alive; a
// cache copies what it keeps.
func (s *Source) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	if s == nil || s.get == nil {
		return secret.Value{}, errors.New("awssm: the Source is nil or was not made by New or FromEnvironment")
	}
	// One allocation in place of three.
	call := &struct {
		ref     secret.Ref
		in      secretsmanager.GetSecretValueInput
		options [1]func(*secretsmanager.Options)
	}{ref: ref, options: [1]func(*secretsmanager.Options){s.option}}
	call.in.SecretId = &call.ref.ID
	if ref.Stage != "" {
		call.in.VersionStage = &call.ref.Stage
	}
	if ref.VersionID != "" {
		call.in.VersionId = &call.ref.VersionID
	}
	options := call.options[:]
	if region := s.Backend(ref); region != "" {
		options = append(options, func(o *secretsmanager.Options) { o.Region = region })
	}
	out, err := s.get(ctx, &call.in, options...)
	if err != nil {
		return secret.Value{}, s.located(ref.ID, s.sorted(ctx, err))
	}
	return newValue(out)
}

func newValue(out *secretsmanager.GetSecretValueOutput) (secret.Value, error) {
	if out == nil {
		return secret.Value{}, unreadable("the client returned neither a secret nor an error")
	}
	var payload secret.Payload
	switch {
	case out.SecretString != nil && len(out.SecretBinary) > 0:
		return secret.Value{}, unreadable("the answer has both a SecretString and a SecretBinary")
	case out.SecretString != nil:
		payload = secret.StringPayload(*out.SecretString)
	case out.SecretBinary != nil:
		payload = secret.BinaryPayload(out.SecretBinary)
	default:
		return secret.Value{}, unreadable("the answer has neither a SecretString nor a SecretBinary")
	}
	return secret.Value{
		Payload:   payload,
		ARN:       aws.ToString(out.ARN),
		Name:      aws.ToString(out.Name),
		VersionID: aws.ToString(out.VersionId),
		Stages:    out.VersionStages,
		Created:   aws.ToTime(out.CreatedDate),
	}, nil
}

// callOption changes one call of the client and leaves the client as it is.
func callOption() func(*secretsmanager.Options) {
	userAgent := awsmiddleware.AddUserAgentKeyValue("typedsecret", version.Of())
	return func(o *secretsmanager.Options) {
		o.Retryer = onceMore{}
		// A maximum that differs from the client's would be wrapped around
		// the retryer, 0 is none.
		o.RetryMaxAttempts = 0
		o.APIOptions = append(o.APIOptions, userAgent)
		if o.HTTPClient != nil {
			o.HTTPClient = sender{o.HTTPClient}
		}
	}
}

// onceMore is a retryer that has the SDK send a second request after a clock skew
// error and after no other. It has no state, as there is no quota.
type onceMore struct{ aws.NopRetryer }

var _ aws.RetryerV2 = onceMore{}

func (onceMore) MaxAttempts() int                             { return 2 }
func (onceMore) IsErrorRetryable(err error) bool              { return isClockSkew(err) }
func (onceMore) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

// isClockSkew recognises the SDK's mark. Its retry middleware compares the
// service's Date header with the time of signing, and puts an unexported error
// that says RetryableError around a refused signature, outermost. The type
// assertion instead of errors.As keeps others who say so, the credential
// providers' errors, from being taken for it.
func isClockSkew(err error) bool {
	mark, marked := err.(interface{ RetryableError() bool })
	var api smithy.APIError
	return marked && mark.RetryableError() && errors.As(err, &api)
}

func unreadable(what string) error {
	return fmt.Errorf("%w: %s", secret.ErrUnavailable, what)
}
