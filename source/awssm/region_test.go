package awssm_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// TestAnARNOfAnotherRegionIsSaid when the secret is not found: Secrets Manager looks in the
// region of the client alone.
func TestAnARNOfAnotherRegionIsSaid(t *testing.T) {
	srv := secrettest.New(t)
	source := newSource(t, srv.URL()) // of eu-west-1
	const arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-a1B2c3"
	for id, says := range map[string]string{
		arn: "the ARN is of the region us-east-1, and this client asks eu-west-1",
		"arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:db-a1B2c3": "the ARN is of the region cn-north-1, and this client asks eu-west-1",
		"arn:aws-cn:secretsmanager:eu-west-1:123456789012:secret:db-a1B2c3":  "the ARN is of the partition aws-cn, and the region eu-west-1 is one of aws",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-a1B2c3":     "",
		"prod/db": "",
	} {
		_, err := source.Fetch(t.Context(), secret.Ref{ID: id})
		if !errors.Is(err, secret.ErrNotFound) || says != "" && !strings.Contains(err.Error(), says) || says == "" && strings.Contains(err.Error(), "the ARN is") {
			t.Errorf("%s: %v, want it to say %q", id, err, says)
		}
	}

	var mu sync.Mutex
	said := map[string]error{}
	source.FetchMany(t.Context(), []secret.Ref{{ID: arn}, {ID: "prod/db"}}, func(ref secret.Ref, _ secret.Value, err error) {
		mu.Lock()
		defer mu.Unlock()
		said[ref.ID] = err
	})
	if err := said[arn]; !errors.Is(err, secret.ErrNotFound) || !strings.Contains(err.Error(), "this client asks eu-west-1") {
		t.Errorf("in a batch: %v", err)
	}

	stop := srv.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})
	if _, err := source.Fetch(t.Context(), secret.Ref{ID: arn}); err == nil || strings.Contains(err.Error(), "the ARN is") {
		t.Errorf("in an outage: %v", err)
	}
	stop()
	stop = srv.Fail(t, secrettest.Fault{Effect: secrettest.AccessDenied()})
	if _, err := source.Fetch(t.Context(), secret.Ref{ID: arn}); !errors.Is(err, secret.ErrAccessDenied) || !strings.Contains(err.Error(), "this client asks") {
		t.Errorf("denied, as by a policy with regions: %v", err)
	}
	stop()
}

func TestThePartitionOfARegion(t *testing.T) {
	for region, partition := range map[string]string{
		"eu-west-1": "aws", "cn-northwest-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b",
		"eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
	} {
		source := newSource(t, "http://127.0.0.1:1", func(o *secretsmanager.Options) {
			o.Region = region
			o.HTTPClient = notFound{}
		})
		_, err := source.Fetch(context.Background(), secret.Ref{ID: "arn:" + partition + ":secretsmanager:" + region + ":123456789012:secret:db"})
		if !errors.Is(err, secret.ErrNotFound) || strings.Contains(err.Error(), "the ARN is") {
			t.Errorf("%s: %v", region, err)
		}
	}
}

// notFound is an HTTP client that finds no secret.
type notFound struct{}

func (notFound) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusBadRequest, Header: http.Header{"X-Amzn-Errortype": {"ResourceNotFoundException"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"__type":"ResourceNotFoundException","Message":"none"}`)),
	}, nil
}
