package rotation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
	stagePending  = "AWSPENDING"
)

// client returns the rotator's own client. It needs no socket, and it retries more often
// than an application's client.
func client(server *secrettest.Server) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1",
		AppID:  "rotation",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "rotation", SecretAccessKey: "rotation"}, nil
		}),
		HTTPClient: server.Client(),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 30
			o.MaxBackoff = 100 * time.Millisecond
			o.RateLimiter = ratelimit.None
		}),
	})
}

// description has the labels of a secret's versions.
type description struct {
	arn      string
	versions map[string][]string // the labels, by version ID
}

func describe(ctx context.Context, c *secretsmanager.Client, secretID string) (description, error) {
	out, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secretID})
	if err != nil {
		return description{}, wrap("DescribeSecret", err)
	}
	return description{*out.ARN, out.VersionIdsToStages}, nil
}

func (r *Rotator) describe(ctx context.Context, secretID string) (description, error) {
	return describe(ctx, r.client, secretID)
}

// staged returns the ID of the version with a label, or "".
func (d description) staged(stage string) string {
	for id, stages := range d.versions {
		if slices.Contains(stages, stage) {
			return id
		}
	}
	return ""
}

// unfinished returns the ID of the version of an unfinished rotation, or "".
func (d description) unfinished() string {
	if id := d.staged(stagePending); id != d.staged(stageCurrent) {
		return id
	}
	return ""
}

func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("rotation: %s: %w", operation, err)
}
