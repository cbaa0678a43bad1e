package secrettest

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// shapes are the inputs and outputs of each operation, in the SDK and in the server.
var shapes = map[string]struct{ sdkIn, in, sdkOut, out any }{
	"BatchGetSecretValue":          {secretsmanager.BatchGetSecretValueInput{}, batchGetSecretValueInput{}, secretsmanager.BatchGetSecretValueOutput{}, batchGetSecretValueOutput{}},
	"CancelRotateSecret":           {secretsmanager.CancelRotateSecretInput{}, secretIDInput{}, secretsmanager.CancelRotateSecretOutput{}, rotateSecretOutput{}},
	"CreateSecret":                 {secretsmanager.CreateSecretInput{}, createSecretInput{}, secretsmanager.CreateSecretOutput{}, createSecretOutput{}},
	"DeleteResourcePolicy":         {secretsmanager.DeleteResourcePolicyInput{}, secretIDInput{}, secretsmanager.DeleteResourcePolicyOutput{}, secretOutput{}},
	"DeleteSecret":                 {secretsmanager.DeleteSecretInput{}, deleteSecretInput{}, secretsmanager.DeleteSecretOutput{}, deleteSecretOutput{}},
	"DescribeSecret":               {secretsmanager.DescribeSecretInput{}, secretIDInput{}, secretsmanager.DescribeSecretOutput{}, description{}},
	"GetRandomPassword":            {secretsmanager.GetRandomPasswordInput{}, getRandomPasswordInput{}, secretsmanager.GetRandomPasswordOutput{}, getRandomPasswordOutput{}},
	"GetResourcePolicy":            {secretsmanager.GetResourcePolicyInput{}, secretIDInput{}, secretsmanager.GetResourcePolicyOutput{}, getResourcePolicyOutput{}},
	"GetSecretValue":               {secretsmanager.GetSecretValueInput{}, getSecretValueInput{}, secretsmanager.GetSecretValueOutput{}, secretValue{}},
	"ListSecretVersionIds":         {secretsmanager.ListSecretVersionIdsInput{}, listSecretVersionIdsInput{}, secretsmanager.ListSecretVersionIdsOutput{}, listSecretVersionIdsOutput{}},
	"ListSecrets":                  {secretsmanager.ListSecretsInput{}, listSecretsInput{}, secretsmanager.ListSecretsOutput{}, listSecretsOutput{}},
	"PutResourcePolicy":            {secretsmanager.PutResourcePolicyInput{}, putResourcePolicyInput{}, secretsmanager.PutResourcePolicyOutput{}, secretOutput{}},
	"PutSecretValue":               {secretsmanager.PutSecretValueInput{}, putSecretValueInput{}, secretsmanager.PutSecretValueOutput{}, putSecretValueOutput{}},
	"RemoveRegionsFromReplication": {secretsmanager.RemoveRegionsFromReplicationInput{}, removeRegionsFromReplicationInput{}, secretsmanager.RemoveRegionsFromReplicationOutput{}, replicationOutput{}},
	"ReplicateSecretToRegions":     {secretsmanager.ReplicateSecretToRegionsInput{}, replicateSecretToRegionsInput{}, secretsmanager.ReplicateSecretToRegionsOutput{}, replicationOutput{}},
	"RestoreSecret":                {secretsmanager.RestoreSecretInput{}, secretIDInput{}, secretsmanager.RestoreSecretOutput{}, secretOutput{}},
	"RotateSecret":                 {secretsmanager.RotateSecretInput{}, rotateSecretInput{}, secretsmanager.RotateSecretOutput{}, rotateSecretOutput{}},
	"StopReplicationToReplica":     {secretsmanager.StopReplicationToReplicaInput{}, secretIDInput{}, secretsmanager.StopReplicationToReplicaOutput{}, stopReplicationOutput{}},
	"TagResource":                  {secretsmanager.TagResourceInput{}, tagResourceInput{}, secretsmanager.TagResourceOutput{}, struct{}{}},
	"UntagResource":                {secretsmanager.UntagResourceInput{}, untagResourceInput{}, secretsmanager.UntagResourceOutput{}, struct{}{}},
	"UpdateSecret":                 {secretsmanager.UpdateSecretInput{}, updateSecretInput{}, secretsmanager.UpdateSecretOutput{}, updateSecretOutput{}},
	"UpdateSecretVersionStage":     {secretsmanager.UpdateSecretVersionStageInput{}, updateSecretVersionStageInput{}, secretsmanager.UpdateSecretVersionStageOutput{}, secretOutput{}},
	"ValidateResourcePolicy":       {secretsmanager.ValidateResourcePolicyInput{}, validateResourcePolicyInput{}, secretsmanager.ValidateResourcePolicyOutput{}, validateResourcePolicyOutput{}},
}

// TestNoParameterIsSwallowed: the server knows each member that the SDK sends or reads,
// except for those that no secret here can have.
func TestNoParameterIsSwallowed(t *testing.T) {
	never := map[string]string{"OwningService": "no service owns a secret here", "ResultMetadata": "the SDK's own"}
	for op, s := range shapes {
		for _, pair := range [][2]any{{s.sdkIn, s.in}, {s.sdkOut, s.out}} {
			sdk, ours := reflect.TypeOf(pair[0]), reflect.TypeOf(pair[1])
			for i := range sdk.NumField() {
				f := sdk.Field(i)
				if _, has := ours.FieldByName(f.Name); f.IsExported() && !has && never[f.Name] == "" {
					t.Errorf("%s: %s has no %s", op, ours.Name(), f.Name)
				}
			}
		}
	}
}

// TestTheServerHasAllOperations checks that the operations of the SDK's client are in the
// server, in shapes and in the package comment.
func TestTheServerHasAllOperations(t *testing.T) {
	client := reflect.TypeOf(&secretsmanager.Client{})
	for i := range client.NumMethod() {
		name := client.Method(i).Name
		if name == "Options" {
			continue
		}
		if operations[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "server.go", nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	doc := file.Doc.Text()
	for name := range operations {
		if _, ok := shapes[name]; !ok {
			t.Errorf("the shapes of %s are not compared", name)
		}
		if !strings.Contains(doc+" ", name) {
			t.Errorf("the package comment lacks %s", name)
		}
	}
}

func TestTheRegionOfARequest(t *testing.T) {
	for _, row := range []struct{ header, query, want string }{
		{"AWS4-HMAC-SHA256 Credential=AKID/20261101/eu-west-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=x", "", "eu-west-1"},
		{"", "?X-Amz-Credential=AKID%2F20261101%2Feu-west-1%2Fsecretsmanager%2Faws4_request", "eu-west-1"},
		{"AWS4-HMAC-SHA256 Credential=a/b/20261101/eu-west-1/secretsmanager/aws4_request", "", "eu-west-1"}, // a key with a slash
		{"AWS4-HMAC-SHA256", "", ""},
		{"Bearer x", "", ""},
		{"", "", ""},
	} {
		r, err := http.NewRequest(http.MethodPost, "http://x/"+row.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", row.header)
		if got := regionOf(r); got != row.want {
			t.Errorf("%q %q: %q, want %q", row.header, row.query, got, row.want)
		}
	}
}

// TestARotationStepIsALambdasEvent, since rotation functions read these keys.
func TestARotationStepIsALambdasEvent(t *testing.T) {
	got, err := json.Marshal(RotationStep{"createSecret", "arn", "token"})
	if want := `{"Step":"createSecret","SecretId":"arn","ClientRequestToken":"token"}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}
