package mototest_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/integration/mototest"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/source/sourcetest"
)

// counted is an HTTP client that counts its requests.
type counted struct{ n atomic.Int64 }

func (c *counted) Do(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return http.DefaultClient.Do(r)
}

// TestConformance runs the conformance suite of sources for source/awssm with moto. The
// suite's Failures are left out, since moto can't be made to fail.
func TestConformance(t *testing.T) {
	srv := mototest.New(t)
	client, requests := srv.Client(), &counted{}
	source, err := awssm.New(srv.Client(func(o *secretsmanager.Options) { o.HTTPClient = requests }))
	must(t, err)
	create := func(t testing.TB, in *secretsmanager.CreateSecretInput) {
		_, err := client.CreateSecret(t.Context(), in)
		must(t, err)
	}
	sourcetest.Run(t, sourcetest.Harness{
		Source: source,
		Put: func(t testing.TB, id, value string) {
			create(t, &secretsmanager.CreateSecretInput{Name: &id, SecretString: &value})
		},
		PutBinary: func(t testing.TB, id string, value []byte) {
			create(t, &secretsmanager.CreateSecretInput{Name: &id, SecretBinary: value})
		},
		Rotate: func(t testing.TB, id, value string) {
			_, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &value})
			must(t, err)
		},
		Remove: func(t testing.TB, id string) {
			_, err := client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &id})
			must(t, err)
		},
		VersionIDs: true, Pinning: true, Stages: true,
		Requests: func() int { return int(requests.n.Load()) },
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
