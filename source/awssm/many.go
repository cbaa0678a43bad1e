package awssm

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/typedsecret/typedsecret/secret"
)

var _ secret.ManySource = (*Source)(nil)

// maxBatch is how many secrets one request may name, from the reference page of the
// BatchGetSecretValue action: its SecretIdList.
const maxBatch = 20

// singlyFor is for how long there are no batches after one was refused.
const singlyFor = 5 * time.Minute

// FetchMany gets secrets of the stage AWSCURRENT by BatchGetSecretValue, twenty a request.
// That needs the permission secretsmanager:BatchGetSecretValue beside
// secretsmanager:GetSecretValue on each secret. It gets the others by Fetch, and so what the
// answer to a batch lacks. If a batch is refused, as it is without the permission or when
// there are too many of them, FetchMany gets all by Fetch for five minutes. Errors are those
// of Fetch.
//
// If the client is no *secretsmanager.Client, there are no batches: what stands in for one, or
// only embeds it, may have given GetSecretValue a meaning of its own.
func (s *Source) FetchMany(ctx context.Context, refs []secret.Ref, answer func(secret.Ref, secret.Value, error)) {
	var running sync.WaitGroup
	defer running.Wait()
	singly := func(refs []secret.Ref) {
		running.Go(func() { secret.FetchMany(ctx, secret.SourceFunc(s.Fetch), refs, answer) })
	}
	var batched, others []secret.Ref
	for _, ref := range refs {
		if s.Backend(ref) == "" && ref.VersionID == "" && (ref.Stage == "" || ref.Stage == secret.CurrentStage) {
			batched = append(batched, ref)
		} else {
			others = append(others, ref)
		}
	}
	batches := func(yield func([]secret.Ref) bool) {
		for len(batched) > 1 && s.hasBatches() {
			n := min(len(batched), maxBatch)
			if !yield(batched[:n]) {
				return
			}
			batched = batched[n:]
		}
		singly(append(others, batched...))
	}
	secret.MakeRequests(ctx, batches, answer, func(ctx context.Context, refs []secret.Ref) error {
		in := &secretsmanager.BatchGetSecretValueInput{}
		for _, ref := range refs {
			in.SecretIdList = append(in.SecretIdList, ref.ID)
		}
		out, err := s.batch(ctx, in, s.option)
		if err != nil {
			err = s.sorted(ctx, err)
			if ctx.Err() != nil || errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrTimeout) {
				return err
			}
			now := time.Now()
			s.refused.Store(&now)
			singly(refs)
			return nil
		}
		var lacking []secret.Ref
		for _, ref := range refs {
			if v, err, has := find(out, ref.ID); has {
				answer(ref, v, s.located(ref.ID, err))
			} else {
				lacking = append(lacking, ref)
			}
		}
		singly(lacking)
		return nil
	})
}

// hasBatches reports whether secrets may come by batches now.
func (s *Source) hasBatches() bool {
	if s == nil || s.batch == nil {
		return false
	}
	refused := s.refused.Load()
	return refused == nil || time.Since(*refused) >= singlyFor
}

// find returns what a batch has about the secret id, if it has anything. More than one ID may
// name the same secret, which then is there once; and an answer that would get too long is cut
// short.
func find(out *secretsmanager.BatchGetSecretValueOutput, id string) (_ secret.Value, err error, has bool) {
	// Errors first: a refused ARN may look like a part of another secret's ARN.
	for _, e := range out.Errors {
		if aws.ToString(e.SecretId) == id {
			return secret.Value{}, ErrorOf(aws.ToString(e.ErrorCode), aws.ToString(e.Message), http.StatusBadRequest), true
		}
	}
	for i := range out.SecretValues {
		if v := &out.SecretValues[i]; names(id, v) {
			value, err := newValue(&secretsmanager.GetSecretValueOutput{
				ARN: v.ARN, Name: v.Name, VersionId: v.VersionId, VersionStages: v.VersionStages, CreatedDate: v.CreatedDate,
				SecretString: v.SecretString, SecretBinary: v.SecretBinary,
			})
			return value, err, true
		}
	}
	return secret.Value{}, nil, false
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
	return &fetchError{text: apiText(sorts[0], "", advice, cause, cause), sorts: sorts, cause: cause}
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
