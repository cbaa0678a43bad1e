package secrettest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/secrettest"
)

// template makes the calls of AWS's template for rotation functions, in the same order
// (SecretsManagerRotationTemplate of aws-samples/aws-secrets-manager-rotation-lambdas). Its
// service has one password.
type template struct {
	*secretsmanager.Client
	mu       sync.Mutex // guards password
	password string
}

func (f *template) rotate(ctx context.Context, step secrettest.RotationStep) error {
	arn, token := step.SecretID, step.ClientRequestToken
	d, err := f.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &arn})
	if err != nil {
		return err
	}
	switch stages := d.VersionIdsToStages[token]; {
	case !*d.RotationEnabled:
		return errors.New("rotation is not enabled")
	case slices.Contains(stages, "AWSCURRENT"):
		return nil
	case !slices.Contains(stages, "AWSPENDING"):
		return fmt.Errorf("version %s has the stages %v", token, stages)
	}
	switch step.Step {
	case "createSecret":
		return f.create(ctx, arn, token)
	case "setSecret":
		value, err := f.read(ctx, arn, token, "AWSPENDING")
		f.mu.Lock()
		defer f.mu.Unlock()
		f.password = value
		return err
	case "testSecret":
		value, err := f.read(ctx, arn, token, "AWSPENDING")
		f.mu.Lock()
		defer f.mu.Unlock()
		if err == nil && f.password != value {
			err = errors.New("the service refuses the password")
		}
		return err
	case "finishSecret":
		for id, stages := range d.VersionIdsToStages {
			if slices.Contains(stages, "AWSCURRENT") {
				_, err := f.UpdateSecretVersionStage(ctx, stageInput(arn, "AWSCURRENT", id, token))
				return err
			}
		}
	}
	return fmt.Errorf("step %q", step.Step)
}

func (f *template) create(ctx context.Context, arn, token string) error {
	if _, err := f.read(ctx, arn, "", "AWSCURRENT"); err != nil {
		return err
	}
	_, err := f.read(ctx, arn, token, "AWSPENDING")
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); !missing {
		return err
	}
	password, err := f.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{ExcludeCharacters: aws.String(`/@"'\`)})
	if err != nil {
		return err
	}
	_, err = f.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &arn, ClientRequestToken: &token, SecretString: password.RandomPassword, VersionStages: []string{"AWSPENDING"},
	})
	return err
}

func (f *template) read(ctx context.Context, arn, version, stage string) (string, error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &arn, VersionStage: &stage}
	if version != "" {
		in.VersionId = &version
	}
	out, err := f.GetSecretValue(ctx, in)
	if err != nil {
		return "", err
	}
	return *out.SecretString, nil
}

// TestTheRotationTemplate rotates twice by the four steps of AWS's template. Before that it
// uses RotateImmediately=false, which runs the step testSecret.
func TestTheRotationTemplate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		c := memory(s)
		create(t, c, "s", "one")
		f := &template{Client: c, password: "one"}
		failures := 0
		s.OnRotate(func(ctx context.Context, step secrettest.RotationStep) error {
			err := f.rotate(ctx, step)
			if err != nil {
				failures++
				t.Errorf("%s: %v", step.Step, err)
			}
			return err
		})
		if err := schedule(c, types.RotationRulesType{ScheduleExpression: aws.String("rate(30 days)")}); err != nil {
			t.Fatal(err)
		}
		values := map[string]bool{"one": true}
		for _, ids := range [][]string{{v1, v2}, {v2, v3}} {
			if _, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: aws.String("s"), ClientRequestToken: &ids[1]}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			d := describe(t, c, "s")
			if !slices.Equal(d.VersionIdsToStages[ids[0]], []string{"AWSPREVIOUS"}) ||
				!slices.Equal(d.VersionIdsToStages[ids[1]], []string{"AWSCURRENT", "AWSPENDING"}) || d.LastRotatedDate == nil {
				t.Fatalf("DescribeSecret = %+v", d)
			}
			value, err := f.read(ctx, "s", "", "AWSCURRENT")
			if err != nil || len(value) != 32 || value != f.password {
				t.Errorf("the current value has %d characters, is the service's: %v, error %v", len(value), value == f.password, err)
			}
			values[value] = true
		}
		if len(values) != 3 || s.Calls("GetRandomPassword") != 2 || failures > 0 {
			t.Errorf("%d values, %d passwords made, %d failures", len(values), s.Calls("GetRandomPassword"), failures)
		}
	})
}
