package secrettest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/secrettest"
)

// raw sends any body, and returns the status and the type and message of an error.
func raw(t testing.TB, s *secrettest.Server, op, body string) (status int, typ, message string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://secretsmanager/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "secretsmanager."+op)
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256")
	return send(t, s, req)
}

func send(t testing.TB, s *secrettest.Server, req *http.Request) (status int, typ, message string) {
	t.Helper()
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"` // matches either case
	}
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatalf("answer is not JSON: %s", b)
	}
	if id := resp.Header.Get("X-Amzn-Requestid"); len(id) != 36 {
		t.Errorf("x-amzn-RequestId = %q", id)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "application/x-amz-json-1.1" {
		t.Errorf("Content-Type = %q", ct)
	}
	return resp.StatusCode, e.Type, e.Message
}

func TestRequestsThatAreNoneOfTheProtocol(t *testing.T) {
	s := secrettest.New(t)
	s.Seed(t, "s", "x")
	for _, row := range []struct {
		name string
		edit func(*http.Request)
		want string
	}{
		{"right", func(*http.Request) {}, ""},
		{"GET", func(r *http.Request) { r.Method = http.MethodGet }, "UnknownOperationException"},
		{"no target", func(r *http.Request) { r.Header.Del("X-Amz-Target") }, "UnknownOperationException"},
		{"another service", func(r *http.Request) { r.Header.Set("X-Amz-Target", "kms.GetSecretValue") }, "UnknownOperationException"},
		{"no prefix", func(r *http.Request) { r.Header.Set("X-Amz-Target", "GetSecretValue") }, "UnknownOperationException"},
		{"another type", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "UnknownOperationException"},
		{"not signed", func(r *http.Request) { r.Header.Del("Authorization") }, "MissingAuthenticationTokenException"},
	} {
		t.Run(row.name, func(t *testing.T) {
			req, _ := http.NewRequest(http.MethodPost, "http://x/", strings.NewReader(`{"SecretId":"s"}`))
			req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
			req.Header.Set("Content-Type", "application/x-amz-json-1.1")
			req.Header.Set("Authorization", "AWS4-HMAC-SHA256")
			row.edit(req)
			if _, typ, _ := send(t, s, req); typ != row.want {
				t.Errorf("error %q, want %q", typ, row.want)
			}
		})
	}
}

// TestAnUnknownOperationIsNamed: the message also says where the operations are listed.
// Other mistakes in the headers are named too.
func TestAnUnknownOperationIsNamed(t *testing.T) {
	s := secrettest.New(t)
	for _, row := range []struct {
		edit func(*http.Request)
		want string
	}{
		{
			func(r *http.Request) { r.Header.Set("X-Amz-Target", "secretsmanager.StealSecret") },
			`The fake Secrets Manager has no operation "StealSecret". The package comment of github.com/typedsecret/typedsecret/secrettest lists those that it has.`,
		},
		{func(r *http.Request) { r.Header.Set("X-Amz-Target", "AmazonSSM.GetParameter") }, `The header X-Amz-Target is "AmazonSSM.GetParameter". This is a fake Secrets Manager, for which it begins with "secretsmanager.".`},
		{func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, `The header Content-Type is "text/plain". Secrets Manager takes "application/x-amz-json-1.1".`},
		{func(r *http.Request) { r.Method = http.MethodGet }, "This is a fake Secrets Manager, to which each request is a POST."},
	} {
		req, _ := http.NewRequest(http.MethodPost, "http://x/", strings.NewReader(`{"SecretId":"s"}`))
		req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256")
		row.edit(req)
		if status, typ, message := send(t, s, req); status != 400 || typ != "UnknownOperationException" || message != row.want {
			t.Errorf("%d %s: %s\nwant %s", status, typ, message, row.want)
		}
	}
}

// FuzzServer sends random bodies to each operation. The answer must be a success or a
// well-formed 4xx error.
func FuzzServer(f *testing.F) {
	ops := []string{
		"BatchGetSecretValue", "CancelRotateSecret", "CreateSecret", "DeleteSecret", "DescribeSecret",
		"GetSecretValue", "ListSecretVersionIds", "ListSecrets", "PutSecretValue", "RestoreSecret", "RotateSecret",
		"TagResource", "UntagResource", "UpdateSecret", "UpdateSecretVersionStage", "Nonsense",
		"GetRandomPassword", "PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy", "ValidateResourcePolicy",
		"ReplicateSecretToRegions", "RemoveRegionsFromReplication", "StopReplicationToReplica",
	}
	const id = `{"SecretId":"s","ClientRequestToken":"` + v2 + `",`
	for _, body := range []string{
		``, `{}`, `null`, `[]`, `{"SecretId":null}`, ` `, `{"SecretIdList":["s",null]}`, `{"SecretIdList":[]}`,
		id + `"SecretString":"v"}`, id + `"SecretBinary":"AAEC","VersionStages":["AWSCURRENT","x"]}`,
		id + `"VersionStage":"AWSCURRENT","MoveToVersionId":"` + v2 + `","RemoveFromVersionId":"` + v1 + `"}`,
		id + `"RotationLambdaARN":"arn:aws:lambda:x","RotationRules":{"AutomaticallyAfterDays":1}}`,
		id + `"Tags":[{"Key":"k","Value":"v"},null],"TagKeys":["k"]}`,
		id + `"ForceDeleteWithoutRecovery":true}`, id + `"RecoveryWindowInDays":7}`,
		`{"Name":"t","ClientRequestToken":"` + v1 + `","SecretString":"v","Tags":[{}]}`,
		`{"Filters":[{"Key":"all","Values":["!x y",""]}],"MaxResults":1,"NextToken":"c2VjcmV0dGVzdDox"}`,
		id + `"RotationLambdaARN":"x","RotateImmediately":false,"RotationRules":{"ScheduleExpression":"cron(0 4/12 ? * TUE#2 *)","Duration":"2h"}}`,
		id + `"RotationLambdaARN":"x","RotationRules":{"ScheduleExpression":"rate(10 days)"},"ExternalSecretRotationMetadata":[{"Key":"k","Value":"v"}]}`,
		`{"PasswordLength":9,"ExcludeCharacters":"abc","IncludeSpace":true,"RequireEachIncludedType":false}`,
		id + `"ResourcePolicy":"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"*\"]},\"Action\":\"*\",\"Resource\":\"*\"}}","BlockPublicPolicy":true}`,
		id + `"AddReplicaRegions":[{"Region":"eu-west-1"},null],"RemoveReplicaRegions":["eu-west-1"],"ForceOverwriteReplicaSecret":true}`,
		id + `"AddReplicaRegions":[{"Region":"eu-west-1","KmsKeyId":"alias/x"}],"RemoveReplicaRegions":["us-east-1"]}`,
		`{"SecretId":"arn:aws:secretsmanager:us-east-1:123456789012:secret:s"}`, `{"SecretId":"arn:"}`,
	} {
		for i := range ops {
			f.Add(uint8(i), body)
		}
	}
	f.Fuzz(func(t *testing.T, op uint8, body string) {
		s := secrettest.New(t)
		s.OnRotate(nothing)
		create := `{"Name":"s","ClientRequestToken":"` + v1 + `","SecretString":"sesame","Tags":[{"Key":"k","Value":"v"}]}`
		if status, typ, _ := raw(t, s, "CreateSecret", create); status != http.StatusOK {
			t.Fatal(typ)
		}
		for range 2 { // the second request finds the changes of the first
			status, typ, message := raw(t, s, ops[int(op)%len(ops)], body)
			switch {
			case status == http.StatusOK && typ == "":
			case status == http.StatusBadRequest && typ != "":
			case status == http.StatusRequestEntityTooLarge && typ != "":
			default:
				t.Errorf("%d %s %s", status, typ, message)
			}
			if strings.Contains(message, "sesame") && !strings.Contains(body, "sesame") {
				t.Errorf("the message gives the secret away: %s", message)
			}
		}
	})
}
