package awssm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/typedsecret/typedsecret/cache"
)

var _ cache.BatchSource = (*Source)(nil)

// FetchBatch gets up to 20 secrets, of the stage AWSCURRENT, by one BatchGetSecretValue
// and one HTTP request. That needs the permission secretsmanager:BatchGetSecretValue
// beside secretsmanager:GetSecretValue on each secret.
//
// The client has to be a *secretsmanager.Client; what stands in for one, or only embeds
// it, may have given GetSecretValue a meaning of its own, so that for it the error
// wraps [errors.ErrUnsupported]. Errors are those of Fetch.
func (s *Source) FetchBatch(ctx context.Context, refs []cache.Ref) ([]cache.Result, error) {
	if s == nil || s.get == nil {
		return nil, errors.New("awssm: the Source is nil or was not made by New or FromEnvironment")
	}
	if s.batch == nil {
		return nil, fmt.Errorf("awssm: the client is no *secretsmanager.Client, so batches are left alone: %w", errors.ErrUnsupported)
	}
	in := &secretsmanager.BatchGetSecretValueInput{}
	for _, ref := range refs {
		in.SecretIdList = append(in.SecretIdList, ref.ID)
	}
	out, err := s.batch(ctx, in, s.option)
	if err != nil {
		return nil, sortError(ctx, err)
	}
	results := make([]cache.Result, len(refs))
	for i, ref := range refs {
		results[i] = find(out, ref.ID)
	}
	return results, nil
}

// find returns what a batch has about the secret id. More than one ID may name the same
// secret, which then is there once; and an answer that would get too long is cut short.
func find(out *secretsmanager.BatchGetSecretValueOutput, id string) cache.Result {
	for i := range out.SecretValues {
		if v := &out.SecretValues[i]; names(id, v) {
			value, err := newValue(&secretsmanager.GetSecretValueOutput{
				ARN: v.ARN, Name: v.Name, VersionId: v.VersionId, VersionStages: v.VersionStages, CreatedDate: v.CreatedDate,
				SecretString: v.SecretString, SecretBinary: v.SecretBinary,
			})
			return cache.Result{Value: value, Err: err}
		}
	}
	for _, e := range out.Errors {
		if aws.ToString(e.SecretId) == id {
			return cache.Result{Err: ErrorOf(aws.ToString(e.ErrorCode), aws.ToString(e.Message), http.StatusBadRequest)}
		}
	}
	return cache.Result{Err: cache.ErrNotInBatch}
}

// names reports whether id finds v: as its name, its ARN, or its ARN without the hyphen
// and six characters.
func names(id string, v *types.SecretValueEntry) bool {
	const suffix = 7
	name, arn := aws.ToString(v.Name), aws.ToString(v.ARN)
	return id == name || id == arn ||
		strings.HasPrefix(id, "arn:") && len(arn) == len(id)+suffix && strings.HasPrefix(arn, id) && arn[len(id)] == '-'
}

// ErrorOf returns what Fetch would for an error of Secrets Manager that was met elsewhere:
// in a batch, or handed on by an agent. The HTTP status sorts a code that is not known.
func ErrorOf(code, message string, status int) error {
	cause := entryError(code, message)
	sorts, advice := sortCode(code, message, status)
	return &fetchError{text: apiText(sorts[0], advice, cause, cause, false), sorts: sorts, cause: cause}
}

// entryError returns the SDK's error for a code, as GetSecretValue returns it.
func entryError(code, message string) smithy.APIError {
	switch code {
	case "ResourceNotFoundException":
		return &types.ResourceNotFoundException{Message: &message}
	case "InvalidRequestException":
		return &types.InvalidRequestException{Message: &message}
	case "InvalidParameterException":
		return &types.InvalidParameterException{Message: &message}
	case "DecryptionFailure":
		return &types.DecryptionFailure{Message: &message}
	case "InternalServiceError":
		return &types.InternalServiceError{Message: &message}
	}
	return &smithy.GenericAPIError{Code: code, Message: message}
}
