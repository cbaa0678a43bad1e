package secrettest_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

const (
	v1 = "11111111-1111-4111-8111-111111111111"
	v2 = "22222222-2222-4222-8222-222222222222"
	v3 = "33333333-3333-4333-8333-333333333333"
	v4 = "44444444-4444-4444-8444-444444444444"
)

// put stores a version; no stages means AWSCURRENT.
func put(t *testing.T, c *secretsmanager.Client, id, version, value string, stages ...string) {
	t.Helper()
	_, err := c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &id, ClientRequestToken: &version, SecretString: &value, VersionStages: stages,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// create makes a secret whose first version is v1.
func create(t *testing.T, c *secretsmanager.Client, name, value string) string {
	t.Helper()
	out, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: &name, ClientRequestToken: aws.String(v1), SecretString: &value,
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.ARN
}

// wantStages checks the labels of a secret's versions.
func wantStages(t *testing.T, c *secretsmanager.Client, id string, want map[string][]string) {
	t.Helper()
	out, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.VersionIdsToStages; !maps.EqualFunc(want, got, slices.Equal) {
		t.Errorf("stages = %v,\nwant     %v", got, want)
	}
}

func TestPutMovesCurrentAndPrevious(t *testing.T) {
	c := client(t, secrettest.New(t))
	create(t, c, "s", "one")
	put(t, c, "s", v2, "two")
	wantStages(t, c, "s", map[string][]string{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
	put(t, c, "s", v3, "three", "AWSPENDING")
	wantStages(t, c, "s", map[string][]string{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}, v3: {"AWSPENDING"}})
	put(t, c, "s", v4, "four", "AWSCURRENT", "blue")
	// v1 has no label now: it is deprecated, and left out.
	wantStages(t, c, "s", map[string][]string{v2: {"AWSPREVIOUS"}, v3: {"AWSPENDING"}, v4: {"AWSCURRENT", "blue"}})
	out, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s"), VersionId: aws.String(v1)})
	if err != nil || *out.SecretString != "one" || len(out.VersionStages) != 0 {
		t.Errorf("a deprecated version by its ID: %v, %v", out, err)
	}
}

func TestPutEndsThePendingOfTheCurrentVersion(t *testing.T) {
	c := client(t, secrettest.New(t))
	create(t, c, "s", "one")
	put(t, c, "s", v2, "two", "AWSPENDING")
	move(t, c, "s", "AWSCURRENT", v1, v2)
	wantStages(t, c, "s", map[string][]string{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT", "AWSPENDING"}})
	put(t, c, "s", v3, "three")
	wantStages(t, c, "s", map[string][]string{v2: {"AWSPREVIOUS"}, v3: {"AWSCURRENT"}})
}

func TestTokensMakePutsIdempotent(t *testing.T) {
	c := client(t, secrettest.New(t))
	arn := create(t, c, "s", "one")
	put(t, c, "s", v2, "two")
	put(t, c, "s", v3, "three")
	put(t, c, "s", v2, "two") // the same request again moves no label
	wantStages(t, c, "s", map[string][]string{v2: {"AWSPREVIOUS"}, v3: {"AWSCURRENT"}})

	if create(t, c, "s", "one") != arn {
		t.Error("the same creation once more gave another ARN")
	}
	inUse := "You can't use ClientRequestToken " + v1 + " because that value is already in use for a version of secret " + arn + "."
	_, err := c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String("s"), ClientRequestToken: aws.String(v1), SecretString: aws.String("other")})
	wantError(t, err, "ResourceExistsException", inUse)
	_, err = c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String("s"), ClientRequestToken: aws.String(v1), SecretBinary: []byte("one")})
	wantError(t, err, "ResourceExistsException", inUse)
	_, err = c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("one")})
	wantError(t, err, "ResourceExistsException", "The operation failed because the secret s already exists.")
}

func TestUpdateSecret(t *testing.T) {
	c := client(t, secrettest.New(t))
	create(t, c, "s", "one")
	out, err := c.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("s"), Description: aws.String("d"), KmsKeyId: aws.String("alias/k")})
	if err != nil || out.VersionId != nil {
		t.Fatalf("UpdateSecret = %v, %v; no version was made", out, err)
	}
	out, err = c.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("s"), ClientRequestToken: aws.String(v2), SecretBinary: []byte{0, 1}})
	if err != nil || *out.VersionId != v2 {
		t.Fatalf("UpdateSecret = %v, %v", out, err)
	}
	wantStages(t, c, "s", map[string][]string{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
	d, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")})
	if err != nil || *d.Description != "d" || *d.KmsKeyId != "alias/k" {
		t.Errorf("DescribeSecret = %v, %v", d, err)
	}
	get, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
	if err != nil || string(get.SecretBinary) != "\x00\x01" || get.SecretString != nil {
		t.Errorf("GetSecretValue = %v, %v", get, err)
	}
}

func TestASecretMayBeCreatedWithoutAValue(t *testing.T) {
	c := client(t, secrettest.New(t))
	out, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s")})
	if err != nil || out.VersionId != nil {
		t.Fatalf("CreateSecret = %v, %v", out, err)
	}
	_, err = c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
	wantError(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT")
	put(t, c, "s", v1, "one")
	wantStages(t, c, "s", map[string][]string{v1: {"AWSCURRENT"}})
}

// TestLimits sends requests that the SDK would not, so it writes them itself.
func TestLimits(t *testing.T) {
	s := secrettest.New(t)
	s.OnRotate(nothing)
	create(t, client(t, s), "s", "one")
	long := func(n int) string { return strings.Repeat("x", n) }
	list := func(n int, elem string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`"`+elem+`",`, n), ",") + "]"
	}
	const (
		tok        = `"ClientRequestToken":"99999999-9999-4999-8999-999999999999"`
		val        = `"SecretString":"x"`
		ok         = ""
		validation = "ValidationException"
		param      = "InvalidParameterException"
	)
	for _, row := range []struct{ name, op, body, want string }{
		{"name of 512", "CreateSecret", `{"Name":"` + long(512) + `"}`, ok},
		{"name of 513", "CreateSecret", `{"Name":"` + long(513) + `"}`, validation},
		{"name empty", "CreateSecret", `{"Name":""}`, validation},
		{"name missing", "CreateSecret", `{}`, validation},
		{"name null", "CreateSecret", `{"Name":null}`, validation},
		{"name in lower case", "CreateSecret", `{"name":"x"}`, validation},
		{"name with a space", "CreateSecret", `{"Name":"a b"}`, validation},
		{"name with all there is", "CreateSecret", `{"Name":"aZ09/_+=.@!-"}`, ok},
		{"value of 65536 bytes", "PutSecretValue", `{"SecretId":"s",` + tok + `,"SecretString":"` + long(65536) + `"}`, ok},
		{"value of 65537 bytes", "PutSecretValue", `{"SecretId":"s",` + tok + `,"SecretString":"` + long(65537) + `"}`, validation},
		{"value of 65537 bytes in fewer characters", "PutSecretValue", `{"SecretId":"s",` + tok + `,"SecretString":"é` + long(65535) + `"}`, validation},
		{"binary of 65537 bytes", "PutSecretValue", `{"SecretId":"s",` + tok + `,"SecretBinary":"` + strings.Repeat("AAAA", 21845) + `AAA="}`, validation},
		{"empty value", "PutSecretValue", `{"SecretId":"s",` + tok + `,"SecretString":""}`, validation},
		{"both values", "PutSecretValue", `{"SecretId":"s",` + tok + `,` + val + `,"SecretBinary":"AA=="}`, param},
		{"no value", "PutSecretValue", `{"SecretId":"s",` + tok + `}`, "InvalidRequestException"},
		{"no token", "PutSecretValue", `{"SecretId":"s",` + val + `}`, "InvalidRequestException"},
		{"no token to create", "CreateSecret", `{"Name":"t",` + val + `}`, "InvalidRequestException"},
		{"no token to update", "UpdateSecret", `{"SecretId":"s",` + val + `}`, "InvalidRequestException"},
		{"no token to rotate", "RotateSecret", `{"SecretId":"s"}`, param},
		{"token of 31", "PutSecretValue", `{"SecretId":"s",` + val + `,"ClientRequestToken":"` + long(31) + `"}`, validation},
		{"token of 65", "PutSecretValue", `{"SecretId":"s",` + val + `,"ClientRequestToken":"` + long(65) + `"}`, validation},
		{"stage of 256", "GetSecretValue", `{"SecretId":"s","VersionStage":"` + long(256) + `"}`, "ResourceNotFoundException"},
		{"stage of 257", "GetSecretValue", `{"SecretId":"s","VersionStage":"` + long(257) + `"}`, validation},
		{"ID of 2048", "GetSecretValue", `{"SecretId":"` + long(2048) + `"}`, "ResourceNotFoundException"},
		{"ID of 2049", "GetSecretValue", `{"SecretId":"` + long(2049) + `"}`, validation},
		{"ID missing", "GetSecretValue", `{}`, validation},
		{"ID with a space", "GetSecretValue", `{"SecretId":"a b"}`, validation},
		{"ID a number", "GetSecretValue", `{"SecretId":5}`, "SerializationException"},
		{"21 stages", "PutSecretValue", `{"SecretId":"s",` + val + `,` + tok + `,"VersionStages":` + list(21, "x") + `}`, validation},
		{"a stage of 257 in a list", "PutSecretValue", `{"SecretId":"s",` + val + `,` + tok + `,"VersionStages":["` + long(257) + `"]}`, validation},
		{"stages empty", "PutSecretValue", `{"SecretId":"s",` + val + `,` + tok + `,"VersionStages":[]}`, validation},
		{"batch of 20", "BatchGetSecretValue", `{"SecretIdList":` + list(20, "s") + `}`, ok},
		{"batch of 21", "BatchGetSecretValue", `{"SecretIdList":` + list(21, "s") + `}`, validation},
		{"batch of an empty list", "BatchGetSecretValue", `{"SecretIdList":[]}`, validation},
		{"batch of nothing", "BatchGetSecretValue", `{}`, param},
		{"batch by IDs and filters", "BatchGetSecretValue", `{"SecretIdList":["s"],"Filters":[]}`, param},
		{"batch by IDs with MaxResults", "BatchGetSecretValue", `{"SecretIdList":["s"],"MaxResults":3}`, param},
		{"list of 0", "ListSecrets", `{"MaxResults":0}`, validation},
		{"list of 101", "ListSecrets", `{"MaxResults":101}`, validation},
		{"list of 1.5", "ListSecrets", `{"MaxResults":1.5}`, "SerializationException"},
		{"list in no order", "ListSecrets", `{"SortOrder":"up"}`, validation},
		{"list by an unknown filter", "ListSecrets", `{"Filters":[{"Key":"colour","Values":["red"]}]}`, validation},
		{"list by a filter without values", "ListSecrets", `{"Filters":[{"Key":"name"}]}`, validation},
		{"list on with another's token", "ListSecrets", `{"NextToken":"abc"}`, "InvalidNextTokenException"},
		{"delete in 6 days", "DeleteSecret", `{"SecretId":"s","RecoveryWindowInDays":6}`, param},
		{"delete in 31 days", "DeleteSecret", `{"SecretId":"s","RecoveryWindowInDays":31}`, param},
		{"delete at once in 7 days", "DeleteSecret", `{"SecretId":"s","RecoveryWindowInDays":7,"ForceDeleteWithoutRecovery":true}`, param},
		{"a tag without a key", "TagResource", `{"SecretId":"s","Tags":[{"Key":"","Value":"x"}]}`, validation},
		{"a key of 129", "TagResource", `{"SecretId":"s","Tags":[{"Key":"` + long(129) + `","Value":"x"}]}`, validation},
		{"a tag's value of 257", "TagResource", `{"SecretId":"s","Tags":[{"Key":"k","Value":"` + long(257) + `"}]}`, validation},
		{"a key of 128 in more bytes", "TagResource", `{"SecretId":"s","Tags":[{"Key":"` + strings.Repeat("é", 128) + `","Value":"x"}]}`, ok},
		{"a tag's value of 256 in more bytes", "TagResource", `{"SecretId":"s","Tags":[{"Key":"k","Value":"` + strings.Repeat("é", 256) + `"}]}`, ok},
		{"a filter's value of 512 in more bytes", "ListSecrets", `{"Filters":[{"Key":"name","Values":["` + strings.Repeat("é", 512) + `"]}]}`, ok},
		{"a filter's value of 513", "ListSecrets", `{"Filters":[{"Key":"name","Values":["` + long(513) + `"]}]}`, validation},
		{"a key that AWS keeps for itself", "TagResource", `{"SecretId":"s","Tags":[{"Key":"aws:x","Value":"x"}]}`, param},
		{"a key that AWS keeps for itself, to create", "CreateSecret", `{"Name":"u","Tags":[{"Key":"aws:x","Value":"x"}]}`, param},
		{"two tags of one key, to create", "CreateSecret", `{"Name":"u","Tags":[{"Key":"k","Value":"x"},{"Key":"k","Value":"y"}]}`, param},
		{"a tag's key in lower case", "TagResource", `{"SecretId":"s","Tags":[{"key":"k","Value":"x"}]}`, validation},
		{"a filter's key in lower case", "ListSecrets", `{"Filters":[{"key":"name","Values":["x"]}]}`, validation},
		{"a rule in lower case", "RotateSecret", `{"SecretId":"s",` + tok + `,"RotationLambdaARN":"x","RotateImmediately":false,"RotationRules":{"automaticallyAfterDays":0}}`, ok},
		{"a tag that is none", "TagResource", `{"SecretId":"s","Tags":["k"]}`, "SerializationException"},
		{"a tag's key a number", "TagResource", `{"SecretId":"s","Tags":[{"Key":1}]}`, "SerializationException"},
		{"no tags", "TagResource", `{"SecretId":"s"}`, validation},
		{"an unknown member", "GetSecretValue", `{"SecretId":"s","Colour":"red"}`, ok},
		{"not JSON", "GetSecretValue", `{"SecretId":`, "SerializationException"},
		{"null", "GetSecretValue", `null`, "SerializationException"},
		{"not an object", "GetSecretValue", `["s"]`, "SerializationException"},
		{"JSON and more", "GetSecretValue", `{"SecretId":"s"} x`, "SerializationException"},
		{"not UTF-8", "GetSecretValue", "{\"SecretId\":\"\xff\"}", "SerializationException"},
		{"binary as a list of numbers", "PutSecretValue", `{"SecretId":"s",` + tok + `,"SecretBinary":[115,101]}`, "SerializationException"},
		{"base64 in lines", "PutSecretValue", `{"SecretId":"s",` + tok + `,"SecretBinary":"AA\nEC"}`, "SerializationException"},
		{"binary null", "PutSecretValue", `{"SecretId":"s",` + tok + `,"SecretBinary":null}`, "InvalidRequestException"},
		{"not base64", "PutSecretValue", `{"SecretId":"s",` + tok + `,"SecretBinary":"?"}`, "SerializationException"},
		{"password of 0", "GetRandomPassword", `{"PasswordLength":0}`, validation},
		{"password of 4096", "GetRandomPassword", `{"PasswordLength":4096}`, ok},
		{"password of 4097", "GetRandomPassword", `{"PasswordLength":4097}`, validation},
		{"password without 4097 characters", "GetRandomPassword", `{"ExcludeCharacters":"` + long(4097) + `"}`, validation},
		{"policy of 20480", "PutResourcePolicy", `{"SecretId":"s","ResourcePolicy":"` + long(20480) + `"}`, "MalformedPolicyDocumentException"},
		{"policy of 20481", "PutResourcePolicy", `{"SecretId":"s","ResourcePolicy":"` + long(20481) + `"}`, validation},
		{"policy empty", "ValidateResourcePolicy", `{"ResourcePolicy":""}`, validation},
		{"no region to replicate to", "ReplicateSecretToRegions", `{"SecretId":"s","AddReplicaRegions":[]}`, validation},
		{"a region that is none", "ReplicateSecretToRegions", `{"SecretId":"s","AddReplicaRegions":[{"Region":"Mars"}]}`, validation},
		{"a region that is none, to create", "CreateSecret", `{"Name":"u","AddReplicaRegions":[{"Region":"Mars"}]}`, validation},
		{"a region that is none, to remove", "RemoveRegionsFromReplication", `{"SecretId":"s","RemoveReplicaRegions":["eu-west-1","Mars"]}`, validation},
		{"a replica without a region", "ReplicateSecretToRegions", `{"SecretId":"s","AddReplicaRegions":[{}]}`, validation},
		{"rotation after 0 days", "RotateSecret", `{"SecretId":"s",` + tok + `,"RotationRules":{"AutomaticallyAfterDays":0}}`, validation},
		{"rotation after 1001 days", "RotateSecret", `{"SecretId":"s",` + tok + `,"RotationRules":{"AutomaticallyAfterDays":1001}}`, validation},
		{"a window of days", "RotateSecret", `{"SecretId":"s",` + tok + `,"RotationRules":{"Duration":"3d"}}`, validation},
		{"a window of 100 hours", "RotateSecret", `{"SecretId":"s",` + tok + `,"RotationRules":{"Duration":"100h"}}`, validation},
		{"a schedule with a semicolon", "RotateSecret", `{"SecretId":"s",` + tok + `,"RotationRules":{"ScheduleExpression":"rate(1 day);"}}`, validation},
		{"a schedule of 257", "RotateSecret", `{"SecretId":"s",` + tok + `,"RotationRules":{"ScheduleExpression":"` + long(257) + `"}}`, validation},
		{"an unknown operation", "StealSecret", `{}`, "UnknownOperationException"},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, typ, message := raw(t, s, row.op, row.body)
			if typ != row.want || (status == http.StatusOK) != (row.want == ok) {
				t.Errorf("%d %q, want %q (%s)", status, typ, row.want, message)
			}
			if strings.Contains(message, long(1000)) && strings.Contains(row.body, "SecretString") {
				t.Error("the message quotes the value")
			}
		})
	}
}

func TestTheFirstValueIsCurrentWhateverItsLabels(t *testing.T) {
	c := client(t, secrettest.New(t))
	if _, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	put(t, c, "s", v1, "one", "AWSPENDING")
	wantStages(t, c, "s", map[string][]string{v1: {"AWSCURRENT", "AWSPENDING"}})
	put(t, c, "s", v2, "two", "blue")
	wantStages(t, c, "s", map[string][]string{v1: {"AWSCURRENT", "AWSPENDING"}, v2: {"blue"}})
}
