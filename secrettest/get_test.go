package secrettest_test

import (
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

func TestGetSecretValue(t *testing.T) {
	s := secrettest.New(t)
	arn := s.Seed(t, "prod/db", "hunter2")
	if !regexp.MustCompile(`^arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-[A-Za-z0-9]{6}$`).MatchString(arn) {
		t.Errorf("ARN = %s", arn)
	}
	c := client(t, s)
	for name, id := range map[string]string{"name": "prod/db", "ARN": arn, "partial ARN": arn[:len(arn)-7]} {
		out, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
		if err != nil {
			t.Fatalf("by %s: %v", name, err)
		}
		if aws.ToString(out.SecretString) != "hunter2" || aws.ToString(out.ARN) != arn {
			t.Errorf("by %s: got %s of %s", name, *out.SecretString, *out.ARN)
		}
	}
	old := s.Rotate(t, "prod/db", "hunter3")
	if got := s.Rotate(t, "prod/db", "hunter4"); got == old {
		t.Errorf("two rotations made the same version %s", got)
	}
	for stage, want := range map[string]string{"": "hunter4", "AWSCURRENT": "hunter4", "AWSPREVIOUS": "hunter3"} {
		in := &secretsmanager.GetSecretValueInput{SecretId: aws.String("prod/db")}
		if stage != "" {
			in.VersionStage = &stage
		}
		out, err := c.GetSecretValue(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if *out.SecretString != want {
			t.Errorf("%s = %s, want %s", stage, *out.SecretString, want)
		}
	}
	_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("nope")})
	wantError(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	if got := s.Calls("GetSecretValue"); got != 7 {
		t.Errorf("Calls = %d, want 7", got)
	}
	if got := s.CallsFor(arn); got != 6 {
		t.Errorf("CallsFor = %d, want 6", got)
	}
}

func TestPartialARN(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	s.Seed(t, "db", "right")
	arn := s.Seed(t, "db-abcdef", "wrong")
	// The service considers an ARN that ends in a hyphen and six characters complete.
	wantError(t, get(ctx, c, arn[:len(arn)-7]), "ResourceNotFoundException", "")
	if err := get(ctx, c, arn); err != nil {
		t.Error(err)
	}
	out, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(arn[:len(arn)-14])})
	if err != nil || *out.SecretString != "right" {
		t.Errorf("the partial ARN of db finds %v, %v", out, err)
	}
}
