package awssm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/typedsecret/typedsecret/internal/local"
	"github.com/typedsecret/typedsecret/secret"
)

// errNoRegion is met at construction, or at the first Fetch of a client whose
// options can't be seen.
var errNoRegion = errors.New("no AWS region is configured; set AWS_REGION, or region in the profile of AWS_PROFILE; to read from a file without AWS, set TYPEDSECRET_SOURCE=static:dev.json")

// FromEnvironment makes a Source of the configuration that the AWS SDK finds in
// the environment, the shared config files and the workload's role;
// [config.LoadDefaultConfig] says where it looks. Region, profile, credentials,
// FIPS and dual-stack endpoints and an endpoint of one's own
// (AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_ENDPOINT_URL) are configured as for any
// other program that uses the SDK. Credentials are looked for on the first
// Fetch, not here; and anew by the next Fetch after they were refused as expired or unknown, or
// were not there, since the SDK reads a credentials file only once.
//
// If no region is configured, as on EC2 and EKS it need not be, FromEnvironment asks the
// instance metadata service for the region of the machine, for at most two seconds.
//
// The SDK logs nothing by it, unless an option gives it a logger: what goes wrong is in the
// errors.
func FromEnvironment(ctx context.Context, optFns ...func(*config.LoadOptions) error) (*Source, error) {
	return open(ctx, func(ctx context.Context) (aws.Config, error) { return load(ctx, optFns) })
}

// open makes a Source of the configuration that load finds, now and when its credentials were
// refused.
func open(ctx context.Context, load func(context.Context) (aws.Config, error)) (*Source, error) {
	cfg, err := load(ctx)
	if err != nil {
		return nil, err
	}
	r := renewing(&cfg, load)
	s, err := New(secretsmanager.NewFromConfig(cfg))
	if err != nil {
		return nil, err
	}
	s.credentials = r
	return s, nil
}

// AssumeRole is [FromEnvironment] with the credentials of a role, which may be one of another
// account: the credentials that the SDK finds in the environment are for STS, and those that it
// gives for the role are for Secrets Manager. The role is assumed on the first Fetch, and anew
// before the credentials expire.
func AssumeRole(ctx context.Context, roleARN string, optFns ...func(*config.LoadOptions) error) (*Source, error) {
	if !local.IsRole(roleARN) {
		return nil, errors.New("awssm: the role is not the ARN of one; it looks like " + local.RoleExample)
	}
	return open(ctx, func(ctx context.Context) (aws.Config, error) {
		cfg, err := load(ctx, optFns)
		if err != nil {
			return aws.Config{}, err
		}
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), roleARN,
			func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = "typedsecret" }))
		return cfg, nil
	})
}

func load(ctx context.Context, optFns []func(*config.LoadOptions) error) (aws.Config, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	optFns = append([]func(*config.LoadOptions) error{
		config.WithLogger(logging.Nop{}), config.WithHTTPClient(tellingProxy(awshttp.NewBuildableClient())),
	}, optFns...)
	cfg, err := config.LoadDefaultConfig(ctx, optFns...)
	if err != nil {
		return aws.Config{}, configError(err, optFns)
	}
	cfg.HTTPClient = tellingProxy(cfg.HTTPClient)
	if cfg.Region != "" || secretsmanager.NewFromConfig(cfg).Options().BaseEndpoint != nil {
		return cfg, nil
	}
	region, err := instanceRegion(ctx, optFns)
	if err != nil {
		return aws.Config{}, fmt.Errorf("awssm: %w", err)
	}
	// From the beginning, so that what gives credentials knows the region too.
	cfg, err = config.LoadDefaultConfig(ctx, append(optFns, config.WithRegion(region))...)
	if err != nil {
		return aws.Config{}, configError(err, optFns)
	}
	cfg.HTTPClient = tellingProxy(cfg.HTTPClient)
	return cfg, nil
}

// metadataTimeout bounds the question for the region. Where there is no metadata service,
// nobody answers, and its usual answer takes milliseconds.
const metadataTimeout = 2 * time.Second

// instanceRegion asks the instance metadata service for the region.
func instanceRegion(ctx context.Context, optFns []func(*config.LoadOptions) error) (string, error) {
	timed, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(timed, append(optFns, config.WithEC2IMDSRegion())...)
	switch {
	case err == nil && cfg.Region != "":
		return cfg.Region, nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("%w; the instance metadata service was being asked when the context ended: %w", errNoRegion, ctx.Err())
	case timed.Err() != nil:
		return "", fmt.Errorf("%w: %w; the instance metadata service, which was asked too, did not answer within %v "+
			"(on EC2, a container needs a hop limit of 2)", secret.ErrUnavailable, errNoRegion, metadataTimeout)
	case err == nil:
		return "", fmt.Errorf("%w; the instance metadata service, which was asked too, knows none", errNoRegion)
	case strings.Contains(err.Error(), "AWS_EC2_METADATA_DISABLED"):
		return "", errNoRegion
	}
	cause := cleanChain(err)
	why := innermost(cause).Error()
	if code := status(cause); code != 0 && code != http.StatusOK {
		why = fmt.Sprintf("HTTP %d", code)
	}
	return "", fmt.Errorf("%w: %w; the instance metadata service, which was asked too, gave none (%s)", secret.ErrUnavailable, errNoRegion, why)
}

// longestRegion is the longest region that is shown, of those that can't be one. A secret
// access key is longer.
const longestRegion = 32

// checkEndpoint reports a client that can't know where to send its requests. With
// an endpoint or a resolver of the user's it needs no region.
func checkEndpoint(o secretsmanager.Options) error {
	if o.Region != "" && !smithyhttp.ValidHostLabel(o.Region) {
		shown := fmt.Sprintf("%q", o.Region)
		if len(o.Region) > longestRegion {
			shown = "that is set (not shown, since it may be a key)"
		}
		return fmt.Errorf("awssm: the AWS region %s can't be one; check AWS_REGION or the profile for spaces, "+
			"a region looks like eu-west-1", shown)
	}
	if o.BaseEndpoint != nil {
		u, err := url.Parse(*o.BaseEndpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return errors.New("awssm: the endpoint of Secrets Manager is not a URL; " +
				"check AWS_ENDPOINT_URL_SECRETS_MANAGER or AWS_ENDPOINT_URL, one looks like http://localhost:4566")
		}
		return nil
	}
	if o.Region != "" || hasOwnResolver(o) {
		return nil
	}
	return fmt.Errorf("awssm: %w", errNoRegion)
}
