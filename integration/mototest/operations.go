package mototest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
)

// A session is a client that works on secrets of its own.
type session struct {
	*secretsmanager.Client
	ctx  context.Context
	name string // of the secret that it may make
}

// outcome is what an operation came to, without what is drawn at random.
func outcome(err error, ok string) string {
	if api, isAPI := errors.AsType[smithy.APIError](err); isAPI {
		status := 0
		if s, has := errors.AsType[interface {
			error
			HTTPStatusCode() int
		}](err); has {
			status = s.HTTPStatusCode()
		}
		return fmt.Sprintf("%s, HTTP %d", api.ErrorCode(), status)
	}
	if err != nil {
		return fmt.Sprintf("a %T", err)
	}
	return ok
}

func (s *session) create(value string) error {
	_, err := s.CreateSecret(s.ctx, &secretsmanager.CreateSecretInput{Name: &s.name, SecretString: &value})
	return err
}

func (s *session) put(value string, stages ...string) (version string, err error) {
	out, err := s.PutSecretValue(s.ctx, &secretsmanager.PutSecretValueInput{SecretId: &s.name, SecretString: &value, VersionStages: stages})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.VersionId), nil
}

func (s *session) get(change func(*secretsmanager.GetSecretValueInput)) string {
	in := &secretsmanager.GetSecretValueInput{SecretId: &s.name}
	if change != nil {
		change(in)
	}
	out, err := s.GetSecretValue(s.ctx, in)
	if err != nil {
		return outcome(err, "")
	}
	return fmt.Sprintf("%q, stages %v", aws.ToString(out.SecretString), slices.Sorted(slices.Values(out.VersionStages)))
}

func (s *session) stage(stage string) string {
	return s.get(func(in *secretsmanager.GetSecretValueInput) { in.VersionStage = &stage })
}

func (s *session) delete() error {
	_, err := s.DeleteSecret(s.ctx, &secretsmanager.DeleteSecretInput{SecretId: &s.name})
	return err
}

func (s *session) arn() string {
	out, err := s.DescribeSecret(s.ctx, &secretsmanager.DescribeSecretInput{SecretId: &s.name})
	if err != nil {
		return ""
	}
	return aws.ToString(out.ARN)
}

// An operation is what both servers are asked.
type operation struct {
	name string
	do   func(s *session) string
}

var operations = []operation{
	{"get: unknown secret", func(s *session) string { return s.get(nil) }},
	{"get: current version", func(s *session) string { s.create("one"); return s.get(nil) }},
	{"get: stage that no version bears", func(s *session) string { s.create("one"); return s.stage("AWSPREVIOUS") }},
	{"get: unknown version", func(s *session) string {
		s.create("one")
		return s.get(func(in *secretsmanager.GetSecretValueInput) { in.VersionId = aws.String(strings.Repeat("0", 36)) })
	}},
	{"get: version and stage that don't belong together", func(s *session) string {
		s.create("one")
		version, _ := s.put("two")
		return s.get(func(in *secretsmanager.GetSecretValueInput) {
			in.VersionId, in.VersionStage = &version, aws.String("AWSPREVIOUS")
		})
	}},
	{"get: by ARN", func(s *session) string {
		s.create("one")
		arn := s.arn()
		return s.get(func(in *secretsmanager.GetSecretValueInput) { in.SecretId = &arn })
	}},
	{"get: by ARN without its last seven characters", func(s *session) string {
		s.create("one")
		arn := s.arn()
		return s.get(func(in *secretsmanager.GetSecretValueInput) { in.SecretId = aws.String(arn[:len(arn)-7]) })
	}},
	{"get: by ARN with another ending", func(s *session) string {
		s.create("one")
		arn := s.arn()
		return s.get(func(in *secretsmanager.GetSecretValueInput) { in.SecretId = aws.String(arn[:len(arn)-6] + "zzzzzz") })
	}},
	{"get: deleted secret", func(s *session) string { s.create("one"); s.delete(); return s.get(nil) }},
	{"get: restored secret", func(s *session) string {
		s.create("one")
		s.delete()
		s.RestoreSecret(s.ctx, &secretsmanager.RestoreSecretInput{SecretId: &s.name})
		return s.get(nil)
	}},
	{"get: secret without a value", func(s *session) string { // it has no version at all
		s.CreateSecret(s.ctx, &secretsmanager.CreateSecretInput{Name: &s.name})
		return s.get(nil)
	}},
	{"create: existing name", func(s *session) string { s.create("one"); return outcome(s.create("one"), "made") }},
	{"create: name of a deleted secret", func(s *session) string {
		s.create("one")
		s.delete()
		return outcome(s.create("two"), "made")
	}},
	{"create: name with a blank", func(s *session) string { s.name = "a b"; return outcome(s.create("one"), "made") }},
	{"create: name of 513 characters", func(s *session) string {
		s.name = strings.Repeat("n", 513)
		return outcome(s.create("one"), "made")
	}},
	{"create: value of 65,536 bytes", func(s *session) string { return outcome(s.create(strings.Repeat("v", 65_536)), "made") }},
	{"create: value of 65,537 bytes", func(s *session) string { return outcome(s.create(strings.Repeat("v", 65_537)), "made") }},
	{"create: empty value", func(s *session) string { return outcome(s.create(""), "made") }},
	{"create: same token and value again", func(s *session) string {
		in := &secretsmanager.CreateSecretInput{Name: &s.name, SecretString: aws.String("one"), ClientRequestToken: aws.String(strings.Repeat("t", 32))}
		s.CreateSecret(s.ctx, in)
		_, err := s.CreateSecret(s.ctx, in)
		return outcome(err, "made")
	}},
	{"put: unknown secret", func(s *session) string { _, err := s.put("one"); return outcome(err, "put") }},
	{"put: deleted secret", func(s *session) string {
		s.create("one")
		s.delete()
		_, err := s.put("two")
		return outcome(err, "put")
	}},
	{"put: same token, other value", func(s *session) string {
		s.create("one")
		in := &secretsmanager.PutSecretValueInput{SecretId: &s.name, SecretString: aws.String("two"), ClientRequestToken: aws.String(strings.Repeat("t", 32))}
		s.PutSecretValue(s.ctx, in)
		in.SecretString = aws.String("three")
		_, err := s.PutSecretValue(s.ctx, in)
		return outcome(err, "put")
	}},
	{"put: token of 31 characters", func(s *session) string {
		s.create("one")
		_, err := s.PutSecretValue(s.ctx, &secretsmanager.PutSecretValueInput{
			SecretId: &s.name, SecretString: aws.String("two"), ClientRequestToken: aws.String(strings.Repeat("t", 31)),
		})
		return outcome(err, "put")
	}},
	{"put: AWSPREVIOUS follows", func(s *session) string {
		s.create("one")
		s.put("two")
		return s.get(nil) + "; " + s.stage("AWSPREVIOUS")
	}},
	{"put: AWSPENDING leaves AWSCURRENT", func(s *session) string {
		s.create("one")
		s.put("two", "AWSPENDING")
		return s.get(nil) + "; " + s.stage("AWSPENDING")
	}},
	{"rotation: AWSCURRENT moved to the pending version", func(s *session) string {
		s.create("one")
		old := versionOf(s, "AWSCURRENT")
		next, _ := s.put("two", "AWSPENDING")
		_, err := s.UpdateSecretVersionStage(s.ctx, &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: &s.name, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &next, RemoveFromVersionId: &old,
		})
		return outcome(err, "moved") + "; " + s.get(nil) + "; " + s.stage("AWSPREVIOUS")
	}},
	{"rotation: put while the current version bears AWSPENDING too", func(s *session) string {
		s.create("one")
		s.put("two", "AWSCURRENT", "AWSPENDING")
		s.put("three")
		return s.get(nil) + "; " + s.stage("AWSPREVIOUS") + "; " + s.stage("AWSPENDING")
	}},
	{"stage: AWSCURRENT moved without saying from where", func(s *session) string {
		s.create("one")
		next, _ := s.put("two", "AWSPENDING")
		_, err := s.UpdateSecretVersionStage(s.ctx, &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: &s.name, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &next,
		})
		return outcome(err, "moved")
	}},
	{"stage: AWSCURRENT taken away", func(s *session) string {
		s.create("one")
		version := versionOf(s, "AWSCURRENT")
		_, err := s.UpdateSecretVersionStage(s.ctx, &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: &s.name, VersionStage: aws.String("AWSCURRENT"), RemoveFromVersionId: &version,
		})
		return outcome(err, "taken")
	}},
	{"describe: versions without a stage", func(s *session) string {
		s.create("one")
		s.put("two")
		s.put("three")
		out, err := s.DescribeSecret(s.ctx, &secretsmanager.DescribeSecretInput{SecretId: &s.name})
		if err != nil {
			return outcome(err, "")
		}
		return fmt.Sprintf("%d versions", len(out.VersionIdsToStages))
	}},
	{"list versions: those without a stage", func(s *session) string {
		s.create("one")
		s.put("two")
		s.put("three")
		out, err := s.ListSecretVersionIds(s.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: &s.name})
		if err != nil {
			return outcome(err, "")
		}
		return fmt.Sprintf("%d versions", len(out.Versions))
	}},
	{"delete: twice", func(s *session) string { s.create("one"); s.delete(); return outcome(s.delete(), "deleted") }},
	{"delete: recovery window of 6 days", func(s *session) string {
		s.create("one")
		_, err := s.DeleteSecret(s.ctx, &secretsmanager.DeleteSecretInput{SecretId: &s.name, RecoveryWindowInDays: aws.Int64(6)})
		return outcome(err, "deleted")
	}},
	{"delete: at once, then get", func(s *session) string {
		s.create("one")
		s.DeleteSecret(s.ctx, &secretsmanager.DeleteSecretInput{SecretId: &s.name, ForceDeleteWithoutRecovery: aws.Bool(true)})
		return s.get(nil)
	}},
	{"rotate: without a function", func(s *session) string {
		s.create("one")
		_, err := s.RotateSecret(s.ctx, &secretsmanager.RotateSecretInput{SecretId: &s.name})
		return outcome(err, "rotated")
	}},
	{"batch: known and unknown", func(s *session) string {
		s.create("one")
		return s.batch(s.name, s.name+"-unknown")
	}},
	{"batch: 21 IDs", func(s *session) string {
		s.create("one")
		return s.batch(slices.Repeat([]string{s.name}, 21)...)
	}},
	{"batch: deleted secret", func(s *session) string { s.create("one"); s.delete(); return s.batch(s.name) }},
	{"batch: IDs and filters", func(s *session) string {
		_, err := s.BatchGetSecretValue(s.ctx, &secretsmanager.BatchGetSecretValueInput{
			SecretIdList: []string{s.name}, Filters: []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{s.name}}},
		})
		return outcome(err, "answered")
	}},
}

func (s *session) batch(ids ...string) string {
	out, err := s.BatchGetSecretValue(s.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: ids})
	if err != nil {
		return outcome(err, "")
	}
	codes := []string{}
	for _, e := range out.Errors {
		codes = append(codes, aws.ToString(e.ErrorCode))
	}
	return fmt.Sprintf("%d values, errors %v", len(out.SecretValues), codes)
}

func versionOf(s *session, stage string) string {
	out, err := s.GetSecretValue(s.ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.name, VersionStage: &stage})
	if err != nil {
		return ""
	}
	return aws.ToString(out.VersionId)
}
