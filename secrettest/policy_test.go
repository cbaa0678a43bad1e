package secrettest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

// policy returns a policy with one statement that allows or denies an action.
func policy(effect, principal, action, more string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":` + principal + `,"Action":` + action + `,"Resource":"*"` + more + `}]}`
}

const role = `{"AWS":"arn:aws:iam::123456789012:role/app"}`

func putPolicy(c *secretsmanager.Client, text string, block *bool) error {
	_, err := c.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{
		SecretId: aws.String("s"), ResourcePolicy: &text, BlockPublicPolicy: block,
	})
	return err
}

func TestAResourcePolicyIsReadBack(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	arn := s.Seed(t, "s", "one")
	want := func(policy *string) {
		t.Helper()
		out, err := c.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: &arn})
		if err != nil {
			t.Fatal(err)
		}
		if *out.ARN != arn || *out.Name != "s" || aws.ToString(out.ResourcePolicy) != aws.ToString(policy) || (out.ResourcePolicy == nil) != (policy == nil) {
			t.Errorf("GetResourcePolicy = %+v, want %v", out, policy)
		}
	}
	want(nil)
	text := policy("Allow", role, `["secretsmanager:GetSecretValue"]`, "")
	if err := putPolicy(c, text, aws.Bool(true)); err != nil {
		t.Fatal(err)
	}
	want(&text)
	public := policy("Allow", `"*"`, `"secretsmanager:GetSecretValue"`, "")
	if err := putPolicy(c, public, nil); err != nil {
		t.Errorf("a public policy that is not blocked: %v", err)
	}
	want(&public)
	if _, err := c.DeleteResourcePolicy(ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: &arn}); err != nil {
		t.Fatal(err)
	}
	want(nil)
	s.Delete(t, "s")
	_, err := c.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: &arn})
	wantError(t, err, "InvalidRequestException", marked)
	_, err = c.DeleteResourcePolicy(ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: aws.String("unknown")})
	wantError(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

func TestAResourcePolicyIsChecked(t *testing.T) {
	s := secrettest.New(t)
	s.Seed(t, "s", "one")
	c := client(t, s)
	const all = `"secretsmanager:*"`
	for _, row := range []struct{ name, policy, finding string }{
		{"right", policy("Allow", role, all, ""), ""},
		{"a statement without a list", `{"Statement":{"Effect":"Deny","NotPrincipal":` + role + `,"NotAction":["x:y"],"NotResource":["*"]}}`, ""},
		{"public", policy("Allow", `"*"`, all, ""), "BroadAccess"},
		{"public in another way", policy("Allow", `{"AWS":["*"]}`, all, ""), "BroadAccess"},
		{"public from a network", policy("Allow", `"*"`, all, `,"Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`), ""},
		{"public with a condition that limits nothing", policy("Allow", `"*"`, all, `,"Condition":{"Bool":{"aws:SecureTransport":"true"}}`), "BroadAccess"},
		{"everyone locked out", policy("Deny", `"*"`, all, ""), "Lockout"},
		{"everyone kept from one thing", policy("Deny", `"*"`, `"secretsmanager:DeleteSecret"`, ""), ""},
		{"not JSON", `{`, "syntax"},
		{"a list", `[]`, "syntax"},
		{"no statement", `{"Version":"2012-10-17"}`, "syntax"},
		{"no statements", `{"Statement":[]}`, "syntax"},
		{"an effect that is none", policy("AllowSomething", role, all, ""), "syntax"},
		{"a version that is none", `{"Version":"2020-01-01","Statement":[]}`, "syntax"},
		{"no principal", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, "syntax"},
		{"no action", `{"Statement":[{"Effect":"Allow","Principal":"*","Resource":"*"}]}`, "syntax"},
		{"no resource", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*"}]}`, "syntax"},
		{"an action that is a number", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":1,"Resource":"*"}]}`, "syntax"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := c.ValidateResourcePolicy(ctx, &secretsmanager.ValidateResourcePolicyInput{ResourcePolicy: &row.policy})
			if row.finding == "syntax" {
				wantError(t, err, "MalformedPolicyDocumentException", "This resource policy contains a syntax error.")
				wantError(t, putPolicy(c, row.policy, nil), "MalformedPolicyDocumentException", "This resource policy contains a syntax error.")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			found := ""
			for _, e := range out.ValidationErrors {
				found += *e.CheckName
			}
			if found != row.finding || out.PolicyValidationPassed != (row.finding == "") {
				t.Errorf("passed %v, errors %q, want %q", out.PolicyValidationPassed, found, row.finding)
			}
			err = putPolicy(c, row.policy, aws.Bool(true))
			if row.finding == "BroadAccess" {
				wantError(t, err, "PublicPolicyException", "")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	_, err := c.ValidateResourcePolicy(ctx, &secretsmanager.ValidateResourcePolicyInput{
		SecretId: aws.String("unknown"), ResourcePolicy: aws.String(policy("Allow", role, all, "")),
	})
	wantError(t, err, "ResourceNotFoundException", "")
}
