package secrettest_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

const marked = "You can't perform this operation on the secret because it was marked for deletion."

func TestADeletedSecretCanBeDescribedAndRestoredOnly(t *testing.T) {
	s := secrettest.New(t)
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	s.SetNow(func() time.Time { return now })
	c := client(t, s)
	create(t, c, "s", "one")
	id := aws.String("s")
	del, err := c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: id, RecoveryWindowInDays: aws.Int64(7)})
	if err != nil || !del.DeletionDate.Equal(now.AddDate(0, 0, 7)) {
		t.Fatalf("DeleteSecret = %v, %v", del, err)
	}
	for name, call := range map[string]func() error{
		"Get": func() error {
			_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: id})
			return err
		},
		"Delete": func() error {
			_, err := c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: id})
			return err
		},
		"Put": func() error {
			_, err := c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: id, SecretString: id})
			return err
		},
		"Update": func() error {
			_, err := c.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: id, Description: id})
			return err
		},
		"Stage": func() error { _, err := c.UpdateSecretVersionStage(ctx, stageInput("s", "x", "", v1)); return err },
		"Rotate": func() error {
			_, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: id})
			return err
		},
		"Untag": func() error {
			_, err := c.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: id, TagKeys: []string{"k"}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, call(), "InvalidRequestException", marked) })
	}
	_, err = c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: id})
	wantError(t, err, "InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")

	d, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: id})
	if err != nil || !d.DeletedDate.Equal(now) {
		t.Errorf("DescribeSecret = %v, %v", d, err)
	}
	list, err := c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
	if err != nil || len(list.SecretList) != 0 {
		t.Errorf("ListSecrets = %v, %v", list.SecretList, err)
	}
	list, err = c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)})
	if err != nil || len(list.SecretList) != 1 {
		t.Errorf("ListSecrets with deleted ones = %v, %v", list.SecretList, err)
	}

	if _, err := c.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: id}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: id}); err != nil {
		t.Errorf("after restoring: %v", err)
	}
}

func TestADeletedSecretIsGoneAfterItsRecoveryWindow(t *testing.T) {
	s := secrettest.New(t)
	now := time.Now()
	s.SetNow(func() time.Time { return now })
	c := memory(s)
	arn := s.Seed(t, "s", "one")
	s.Delete(t, "s")
	now = now.AddDate(0, 0, 30)
	_, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")})
	wantError(t, err, "ResourceNotFoundException", "")
	if s.Seed(t, "s", "two") == arn {
		t.Error("the new secret has the old one's ARN")
	}
}

func TestForcedDeletion(t *testing.T) {
	s, err := secrettest.Start(secrettest.Config{PurgeDelay: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	s.SetNow(func() time.Time { return now })
	c := client(t, s)
	s.Seed(t, "s", "one")
	force := func(id string) error {
		_, err := c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &id, ForceDeleteWithoutRecovery: aws.Bool(true)})
		return err
	}
	if err := force("s"); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
	wantError(t, err, "InvalidRequestException", marked)
	_, err = c.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: aws.String("s")})
	wantError(t, err, "InvalidRequestException", marked)
	now = now.Add(time.Hour)
	_, err = c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
	wantError(t, err, "ResourceNotFoundException", "")
	if err := force("s"); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
	_, err = c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("s")})
	wantError(t, err, "ResourceNotFoundException", "")
}
