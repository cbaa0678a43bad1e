package awssm

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// errNoRegion is met at construction, or at the first Fetch of a client whose
// options can't be seen.
var errNoRegion = errors.New("no AWS region is configured; set AWS_REGION, or region in the profile of AWS_PROFILE")

// FromEnvironment makes a Source of the configuration that the AWS SDK finds in
// the environment, the shared config files and the workload's role;
// [config.LoadDefaultConfig] says where it looks. Region, profile, credentials,
// FIPS and dual-stack endpoints and an endpoint of one's own
// (AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_ENDPOINT_URL) are configured as for any
// other program that uses the SDK. Credentials are looked for on the first
// Fetch, not here.
func FromEnvironment(ctx context.Context, optFns ...func(*config.LoadOptions) error) (*Source, error) {
	cfg, err := config.LoadDefaultConfig(ctx, optFns...)
	if err != nil {
		return nil, configError(err)
	}
	return New(secretsmanager.NewFromConfig(cfg))
}

// configError keeps the text of errors that are known to quote nothing. A
// parser's might quote the line it stumbled over, with a credential in it.
func configError(err error) error {
	var noProfile config.SharedConfigProfileNotExistError
	if errors.As(err, &noProfile) {
		return fmt.Errorf("awssm: the profile %q is in none of the shared config files; "+
			"check AWS_PROFILE, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE", noProfile.Profile)
	}
	return fmt.Errorf("awssm: the AWS configuration can't be loaded: %w", cleanChain(err))
}

// checkRegion reports a client that can't know where to send its requests. With
// an endpoint or a resolver of the user's it can.
func checkRegion(o secretsmanager.Options) error {
	//lint:ignore SA1019 it is deprecated, and clients that have it work
	ownResolver := o.EndpointResolver != nil ||
		o.EndpointResolverV2 != nil && reflect.TypeOf(o.EndpointResolverV2) != defaultResolver
	if o.Region != "" || o.BaseEndpoint != nil || ownResolver {
		return nil
	}
	return fmt.Errorf("awssm: %w", errNoRegion)
}

var defaultResolver = reflect.TypeOf(secretsmanager.NewDefaultEndpointResolverV2())
