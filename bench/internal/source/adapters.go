package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/tailscale/setec/types/api"

	"github.com/typedsecret/typedsecret/secret"
)

// A Fetcher loads a secret for contenders without an adapter of their own.
type Fetcher interface {
	Fetch(ctx context.Context, id string) (Secret, error)
}

// SDK is a Fetcher over the AWS SDK's client, written as a user would.
type SDK struct{ Client *secretsmanager.Client }

// Fetch gets the current version. It clones nothing, as most users would not either.
func (s SDK) Fetch(ctx context.Context, id string) (Secret, error) {
	out, err := s.Client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return Secret{}, err
	}
	version := 0
	for _, b := range []byte(aws.ToString(out.VersionId)) { // setec requires a number
		version = (version*31 + int(b)) & 0x7fffffff
	}
	return Secret{Value: aws.ToString(out.SecretString), Version: version}, nil
}

// ForCache adapts the Source to typedsecret's cache, with the metadata that Secrets Manager
// sends.
func ForCache(s *Source) secret.Source {
	created := time.Now()
	return secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
		from, err := s.Fetch(ctx, ref.ID)
		if err != nil {
			return secret.Value{}, err
		}
		return secret.Value{
			Payload: secret.StringPayload(from.Value), VersionID: VersionID(from.Version),
			ARN: "arn:aws:secretsmanager:us-east-1:123456789012:secret:" + ref.ID + "-a1B2c3", Name: ref.ID,
			Stages: []string{"AWSCURRENT"}, Created: created,
		}, nil
	})
}

// VersionID returns the version ID of a version. It is as long as a real one.
func VersionID(version int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", version) }

// ForAWS adapts the Source to the AWS caching client.
type ForAWS struct {
	*Source
	// DescribeWorks makes DescribeSecret answer also while the Source fails, as in an
	// outage of KMS alone.
	DescribeWorks bool
}

var errNotUsed = errors.New("source: the caching client does not use this operation")

// GetSecretValue answers with the present version.
func (a ForAWS) GetSecretValue(
	ctx context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options),
) (*secretsmanager.GetSecretValueOutput, error) {
	secret, err := a.Fetch(ctx, aws.ToString(in.SecretId))
	if err != nil {
		return nil, err
	}
	return &secretsmanager.GetSecretValueOutput{
		Name: in.SecretId, SecretString: &secret.Value,
		VersionId: aws.String(VersionID(secret.Version)), VersionStages: []string{"AWSCURRENT"},
	}, nil
}

// DescribeSecret answers with the present version's ID.
func (a ForAWS) DescribeSecret(
	ctx context.Context, in *secretsmanager.DescribeSecretInput, _ ...func(*secretsmanager.Options),
) (*secretsmanager.DescribeSecretOutput, error) {
	version, err := a.Describe(ctx, aws.ToString(in.SecretId), a.DescribeWorks)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DescribeSecretOutput{
		Name: in.SecretId, VersionIdsToStages: map[string][]string{VersionID(version): {"AWSCURRENT"}},
	}, nil
}

// CreateSecret is never called.
func (ForAWS) CreateSecret(
	context.Context, *secretsmanager.CreateSecretInput, ...func(*secretsmanager.Options),
) (*secretsmanager.CreateSecretOutput, error) {
	return nil, errNotUsed
}

// DeleteSecret is never called.
func (ForAWS) DeleteSecret(
	context.Context, *secretsmanager.DeleteSecretInput, ...func(*secretsmanager.Options),
) (*secretsmanager.DeleteSecretOutput, error) {
	return nil, errNotUsed
}

// ListSecrets is never called.
func (ForAWS) ListSecrets(
	context.Context, *secretsmanager.ListSecretsInput, ...func(*secretsmanager.Options),
) (*secretsmanager.ListSecretsOutput, error) {
	return nil, errNotUsed
}

// UpdateSecret is never called.
func (ForAWS) UpdateSecret(
	context.Context, *secretsmanager.UpdateSecretInput, ...func(*secretsmanager.Options),
) (*secretsmanager.UpdateSecretOutput, error) {
	return nil, errNotUsed
}

// ForSetec adapts a Fetcher to setec's Store.
type ForSetec struct{ Fetcher }

// Get fetches the present version.
func (s ForSetec) Get(ctx context.Context, name string) (*api.SecretValue, error) {
	secret, err := s.Fetch(ctx, name)
	if err != nil {
		return nil, err
	}
	// setec's versions begin with 1.
	return &api.SecretValue{Value: []byte(secret.Value), Version: api.SecretVersion(secret.Version + 1)}, nil
}

// GetIfChanged fetches, and returns an error if the version is the one that the Store has.
func (s ForSetec) GetIfChanged(ctx context.Context, name string, old api.SecretVersion) (*api.SecretValue, error) {
	v, err := s.Get(ctx, name)
	if err == nil && v.Version == old {
		return nil, api.ErrValueNotChanged
	}
	return v, err
}
