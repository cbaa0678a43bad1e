package secrettest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/secrettest"
)

// A program starts a server that allows what the program's role may do, and nothing else.
func ExampleServer_SetIdentityPolicy() {
	s, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	s.Create("prod/db", "sesame")
	s.Create("prod/admin", "secret")
	err = s.SetIdentityPolicy(`{
		"Version": "2012-10-17",
		"Statement": {
			"Effect":   "Allow",
			"Action":   "secretsmanager:GetSecretValue",
			"Resource": "arn:aws:secretsmanager:*:*:secret:prod/db-??????"
		}
	}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(s.URL()), Region: "us-east-1", Credentials: credentials,
	})
	for _, id := range []string{"prod/db", "prod/admin"} {
		_, err := client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &id})
		fmt.Println(id, err == nil)
	}
	// Output:
	// prod/db true
	// prod/admin false
}

// allowing returns a policy of one statement.
func allowing(statement string) string {
	return `{"Version":"2012-10-17","Statement":[` + statement + `]}`
}

func TestAnIdentityPolicyDecidesAboutEachRequest(t *testing.T) {
	const read = `{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*"}`
	for name, tt := range map[string]struct {
		statements string
		want       string // part of the error, or ""
	}{
		"the ARN with its six characters": {`{"Effect":"Allow","Action":["secretsmanager:GetSecretValue"],"Resource":["arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-??????"]}`, ""},
		"five characters":                 {`{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-?????"}`, "because no identity-based policy allows the secretsmanager:GetSecretValue action"},
		"another region":                  {`{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:eu-west-1:*:secret:prod/db-??????"}`, "no identity-based policy"},
		"another action":                  {`{"Effect":"Allow","Action":"secretsmanager:DescribeSecret","Resource":"*"}`, "no identity-based policy"},
		"all actions, in any case":        {`{"Effect":"Allow","Action":"SecretsManager:Get*","Resource":"*"}`, ""},
		"a denial":                        {read + `,{"Effect":"Deny","Action":"*","Resource":"*:prod/*"}`, "with an explicit deny in an identity-based policy"},
		"NotAction":                       {`{"Effect":"Allow","NotAction":"secretsmanager:GetSecretValue","Resource":"*"}`, "no identity-based policy"},
		"NotResource":                     {`{"Effect":"Allow","Action":"*","NotResource":"*:secret:dev/*"}`, ""},
		"a stage that is not asked for":   {`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"secretsmanager:VersionStage":"AWSPENDING"}}}`, "no identity-based policy"},
		"any stage but one":               {`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringNotLike":{"secretsmanager:VersionStage":["AWSP*"]}}}`, ""},
		"a tag":                           {`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"secretsmanager:ResourceTag/team":"or?ers"}}}`, ""},
		"another tag":                     {`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"secretsmanager:ResourceTag/team":["other"]}}}`, "no identity-based policy"},
	} {
		t.Run(name, func(t *testing.T) {
			s := secrettest.New(t)
			c := client(t, s)
			s.Seed(t, "prod/db", "sesame")
			if _, err := c.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: aws.String("prod/db"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("orders")}}}); err != nil {
				t.Fatal(err)
			}
			if err := s.SetIdentityPolicy(allowing(tt.statements)); err != nil {
				t.Fatal(err)
			}
			_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("prod/db")})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err := s.SetIdentityPolicy(""); err != nil {
				t.Fatal(err)
			}
			if _, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("prod/db")}); err != nil {
				t.Errorf("without a policy: %v", err)
			}
		})
	}
}

// TestASecretThatIsNotThereIsDenied: the service judges the request before it looks for the
// secret.
func TestASecretThatIsNotThereIsDenied(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	get := func() error {
		_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("none")})
		return err
	}
	s.SetIdentityPolicy(allowing(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:secretsmanager:*:*:secret:*"}`))
	wantError(t, get(), "AccessDeniedException", "User: arn:aws:iam::123456789012:user/secrettest is not authorized to perform: "+
		"secretsmanager:GetSecretValue on resource: none because no identity-based policy allows the secretsmanager:GetSecretValue action")
	s.SetIdentityPolicy(allowing(`{"Effect":"Allow","Action":"*","Resource":"*"}`))
	wantError(t, get(), "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

func TestABatchNeedsItsOwnActionAndThatOfEachSecret(t *testing.T) {
	const (
		batch = `{"Effect":"Allow","Action":"secretsmanager:BatchGetSecretValue","Resource":"*"}`
		one   = `{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*:secret:a-??????"}`
	)
	s := secrettest.New(t)
	c := client(t, s)
	s.Seed(t, "a", "1")
	s.Seed(t, "b", "2")
	get := func() (*secretsmanager.BatchGetSecretValueOutput, error) {
		return c.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"a", "b"}})
	}
	s.SetIdentityPolicy(allowing(one))
	_, err := get()
	wantError(t, err, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/secrettest is not authorized to perform: "+
		"secretsmanager:BatchGetSecretValue on resource: * because no identity-based policy allows the secretsmanager:BatchGetSecretValue action")
	s.SetIdentityPolicy(allowing(batch + "," + one))
	out, err := get()
	if err != nil {
		t.Fatal(err)
	}
	if len(out.SecretValues) != 1 || len(out.Errors) != 1 || *out.Errors[0].SecretId != "b" || *out.Errors[0].ErrorCode != "AccessDeniedException" {
		t.Errorf("%d values, errors %+v", len(out.SecretValues), out.Errors)
	}
}

func TestACustomersKeyNeedsDecrypt(t *testing.T) {
	const (
		key  = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
		read = `{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}`
	)
	decrypt := func(resource, via string) string {
		return `,{"Effect":"Allow","Action":"kms:Decrypt","Resource":"` + resource + `","Condition":{"StringEquals":{"kms:ViaService":"` + via + `"}}}`
	}
	s := secrettest.New(t)
	c := client(t, s)
	if _, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("k"), SecretString: aws.String("v"), KmsKeyId: aws.String(key)}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		statements string
		allowed    bool
	}{
		"without":              {read, false},
		"the key":              {read + decrypt(key, "secretsmanager.us-east-1.amazonaws.com"), true},
		"another key":          {read + decrypt(key[:len(key)-1]+"6", "secretsmanager.us-east-1.amazonaws.com"), false},
		"through another door": {read + decrypt(key, "ssm.us-east-1.amazonaws.com"), false},
	} {
		s.SetIdentityPolicy(allowing(tt.statements))
		_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("k")})
		if tt.allowed && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !tt.allowed {
			wantError(t, err, "AccessDeniedException", "Access to KMS is not allowed")
		}
	}
}

func TestAnIdentityPolicyThatTheServerCanNotJudgeIsAnError(t *testing.T) {
	const allow = `{"Effect":"Allow","Action":"*","Resource":"*"`
	s := secrettest.New(t)
	for text, want := range map[string]string{
		`{`:                                   "unexpected EOF",
		`{"Statement":[` + allow + `}]}`:      "its Version is",
		allowing(""):                          "it has no Statement",
		allowing(allow + `,"Effct":"x"}`):     `unknown field "Effct"`,
		allowing(allow + `,"Principal":"*"}`): `unknown field "Principal"`,
		allowing(`{"Effect":"allow","Action":"*","Resource":"*"}`):                          "its Effect is",
		allowing(`{"Effect":"Allow","Resource":"*"}`):                                       "either Action or NotAction",
		allowing(`{"Effect":"Allow","Action":"*"}`):                                         "either Resource or NotResource",
		allowing(allow + `,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}`):       `the condition operator "IpAddress"`,
		allowing(allow + `,"Condition":{"StringEquals":{"aws:PrincipalTag/team":"x"}}}`):    `the condition key "aws:PrincipalTag/team"`,
		allowing(allow + `,"Condition":{"StringEquals":{"kms:ViaService":{"no":"text"}}}}`): "json:",
	} {
		if err := s.SetIdentityPolicy(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
