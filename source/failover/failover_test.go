package failover_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/source/failover"
	"github.com/typedsecret/typedsecret/source/sourcetest"
)

// A site is a region with a fake Secrets Manager.
type site struct {
	failover.Region
	server *secrettest.Server
	client *secretsmanager.Client
}

func newSite(t testing.TB, name string) site {
	t.Helper()
	server, err := secrettest.Start(secrettest.Config{Region: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	client := secretsmanager.New(secretsmanager.Options{
		Region: name, BaseEndpoint: aws.String(server.URL()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "key"}, nil
		}),
	})
	source, err := awssm.New(client)
	if err != nil {
		t.Fatal(err)
	}
	return site{failover.Region{Name: name, Source: source}, server, client}
}

func open(t testing.TB, regions ...failover.Region) *failover.Source {
	t.Helper()
	s, err := failover.New(regions...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Two regions that fail in the same way look like one to the suite.
func TestConformance(t *testing.T) {
	first, second := newSite(t, "eu-west-1"), newSite(t, "eu-central-1")
	failing := func(effect secrettest.Effect) func(testing.TB) func() {
		return func(t testing.TB) func() {
			stop1 := first.server.Fail(t, secrettest.Fault{Effect: effect})
			stop2 := second.server.Fail(t, secrettest.Fault{Effect: effect})
			return func() { stop1(); stop2() }
		}
	}
	sourcetest.Run(t, sourcetest.Harness{
		Source:    open(t, first.Region, second.Region),
		Put:       func(t testing.TB, id, value string) { first.server.Seed(t, id, value) },
		PutBinary: func(t testing.TB, id string, value []byte) { first.server.SeedBinary(t, id, value) },
		Rotate:    func(t testing.TB, id, value string) { first.server.Rotate(t, id, value) },
		Remove: func(t testing.TB, id string) {
			if _, err := first.client.DeleteSecret(context.Background(), &secretsmanager.DeleteSecretInput{SecretId: &id}); err != nil {
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
	})
}

func TestAReplicaIsReadWhileThePrimaryCantAnswer(t *testing.T) {
	for name, effect := range map[string]secrettest.Effect{
		"fails": secrettest.InternalError(), "throttles": secrettest.Throttling(), "drops": secrettest.DropConnection(),
		"has no key": secrettest.DecryptionFailure(),
	} {
		t.Run(name, func(t *testing.T) {
			first, second := newSite(t, "eu-west-1"), newSite(t, "eu-central-1")
			arn := first.server.Seed(t, "db", "one")
			second.server.Seed(t, "db", "one")
			for _, id := range []string{"db", arn[:len(arn)-7]} {
				source := open(t, first.Region, second.Region)
				if v, err := source.Fetch(t.Context(), secret.Ref{ID: id}); err != nil || v.Replica != "" || !strings.Contains(v.ARN, ":eu-west-1:") {
					t.Errorf("%+v, %v", v, err)
				}
				stop := first.server.Fail(t, secrettest.Fault{Effect: effect})
				v, err := source.Fetch(t.Context(), secret.Ref{ID: id})
				if err != nil || v.Replica != "eu-central-1" || !strings.Contains(v.ARN, ":eu-central-1:") || v.Payload.Reveal() != "one" {
					t.Errorf("%+v, %v", v, err)
				}
				many := fetchMany(t.Context(), t, source, id, "none")
				if many[0].err != nil || many[0].Replica != "eu-central-1" || many[0].Payload.Reveal() != "one" || errors.Is(many[1].err, secret.ErrNotFound) {
					t.Errorf("%+v", many)
				}
				stop()
			}
		})
	}
}

func TestWhatThePrimarySaysWithAuthorityIsTheAnswer(t *testing.T) {
	first, second := newSite(t, "eu-west-1"), newSite(t, "eu-central-1")
	second.server.Seed(t, "db", "one")
	source := open(t, first.Region, second.Region)
	if _, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	first.server.Fail(t, secrettest.Fault{Effect: secrettest.AccessDenied()})
	if _, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrAccessDenied) {
		t.Errorf("got %v", err)
	}
	if n := second.server.Calls(); n != 0 {
		t.Errorf("the replica was asked %d times", n)
	}
}

func TestTheErrorSaysWhatEachRegionSaid(t *testing.T) {
	first, second := newSite(t, "eu-west-1"), newSite(t, "eu-central-1")
	first.server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
	source := open(t, first.Region, second.Region)
	_, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
	// That the replica has no such secret says nothing about the primary.
	if !errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrNotFound) ||
		!strings.Contains(err.Error(), "region eu-west-1: service unavailable") || !strings.Contains(err.Error(), "region eu-central-1: secret not found") {
		t.Errorf("got %v", err)
	}
	second.server.Fail(t, secrettest.Fault{Effect: secrettest.Throttling()})
	if _, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrUnavailable) || !errors.Is(err, secret.ErrThrottled) {
		t.Errorf("got %v", err)
	}
	_, err = source.Fetch(t.Context(), secret.Ref{ID: "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-a1B2c3"})
	if !errors.Is(err, secret.ErrInvalidRef) || !strings.Contains(err.Error(), "eu-west-1, eu-central-1") {
		t.Errorf("the ARN of another region: %v", err)
	}
}

func TestNewRefusesRegionsThatCantBe(t *testing.T) {
	ok := failover.Region{Name: "a", Source: &scripted{}}
	for name, regions := range map[string][]failover.Region{
		"none": {}, "no name": {{Source: &scripted{}}}, "no source": {ok, {Name: "b"}}, "nil source": {{Name: "a", Source: (*scripted)(nil)}},
		"twice": {ok, ok}, "a list": {{Name: "a b", Source: &scripted{}}},
	} {
		if _, err := failover.New(regions...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if text := fmt.Sprintf("%v %+v", open(t, ok), open(t, ok)); text != "failover:a failover:a" {
		t.Errorf("it prints as %s", text)
	}
}

func ExampleNew() {
	down := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{}, secret.ErrUnavailable
	})
	up := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{Payload: secret.StringPayload("hunter2")}, nil
	})
	// In earnest: failover.FromEnvironment(ctx, "eu-west-1", "eu-central-1").
	source, err := failover.New(
		failover.Region{Name: "eu-west-1", Source: down},
		failover.Region{Name: "eu-central-1", Source: up},
	)
	if err != nil {
		panic(err)
	}
	v, err := source.Fetch(context.Background(), secret.Ref{ID: "prod/db"})
	fmt.Println(v.Payload.Reveal(), v.Replica, err)
	// Output: hunter2 eu-central-1 <nil>
}
