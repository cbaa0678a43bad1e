package awssm_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/sourcetest"
)

func TestConformance(t *testing.T) {
	srv := secrettest.New(t)
	client := secretsmanager.New(options(srv.URL()))
	failing := func(effect secrettest.Effect) func(testing.TB) func() {
		return func(t testing.TB) func() {
			return srv.Fail(t, secrettest.Fault{Effect: effect})
		}
	}
	sourcetest.Run(t, sourcetest.Harness{
		Source:    newSource(t, srv.URL()),
		Put:       func(t testing.TB, id, value string) { srv.Seed(t, id, value) },
		PutBinary: func(t testing.TB, id string, value []byte) { srv.SeedBinary(t, id, value) },
		Rotate:    func(t testing.TB, id, value string) { srv.Rotate(t, id, value) },
		Remove: func(t testing.TB, id string) {
			in := &secretsmanager.DeleteSecretInput{SecretId: aws.String(id)}
			if _, err := client.DeleteSecret(context.Background(), in); err != nil {
				t.Fatal(err)
			}
		},
		VersionIDs: true, Pinning: true, Stages: true,
		Failures: map[sourcetest.Failure]func(testing.TB) func(){
			sourcetest.Unavailable:   failing(secrettest.Unavailable()),
			sourcetest.Unreachable:   failing(secrettest.DropConnection()),
			sourcetest.Throttled:     failing(secrettest.Throttling()),
			sourcetest.Denied:        failing(secrettest.AccessDenied()),
			sourcetest.Undecryptable: failing(secrettest.DecryptionFailure()),
			sourcetest.Garbled:       failing(secrettest.CorruptBody()),
			sourcetest.CutOff:        failing(secrettest.TruncateBody()),
			sourcetest.Hanging:       failing(secrettest.Hang()),
		},
		Requests: func() int { return srv.Calls("GetSecretValue", "BatchGetSecretValue") },
	})
}
