package awssm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/typedsecret/typedsecret/secret"
)

// located adds to an error about the secret id that its ARN is of another region or partition
// than the client, which then does not find it.
func (s *Source) located(id string, err error) error {
	if s.region == "" || s.Backend(secret.Ref{ID: id}) != "" || !errors.Is(err, secret.ErrNotFound) && !errors.Is(err, secret.ErrAccessDenied) && !errors.Is(err, secret.ErrInvalidRequest) {
		return err
	}
	arn, notARN := secret.ParseARN(id)
	switch partition := partitionOf(s.region); {
	case notARN != nil:
		return err
	case arn.Region != s.region:
		also := ""
		if s.others != nil && arn.Partition == partition {
			also = ", or declare a handle on the ARN (a ByID needs WithARNRegion)"
		}
		return fmt.Errorf("%w; the ARN is of the region %.100s, and this client asks %s: give the client that region, as TYPEDSECRET_SOURCE=aws:REGION does, "+
			"or take the ARN of the secret's replica%s", err, arn.Region, s.region, also)
	case arn.Partition != partition:
		return fmt.Errorf("%w; the ARN is of the partition %.100s, and the region %s is one of %s", err, arn.Partition, s.region, partition)
	}
	return err
}

// partitions are those of the regions whose names begin so, from partitions.json of the AWS
// SDKs. All other regions are of the partition aws.
var partitions = []struct{ prefix, name string }{
	{"cn-", "aws-cn"},
	{"us-gov-", "aws-us-gov"},
	{"us-iso-", "aws-iso"},
	{"us-isob-", "aws-iso-b"},
	{"eu-isoe-", "aws-iso-e"},
	{"us-isof-", "aws-iso-f"},
	{"eusc-", "aws-eusc"},
}

func partitionOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.name
		}
	}
	return "aws"
}
