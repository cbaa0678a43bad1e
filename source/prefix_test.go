package source_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/source/sourcetest"
	"github.com/typedsecret/typedsecret/source/static"
)

// overAWS is a source over a fake Secrets Manager, which has batches.
func overAWS(t *testing.T) (*secrettest.Server, *secretsmanager.Client, *awssm.Source) {
	t.Helper()
	server := secrettest.New(t)
	client := secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL()), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "key"}, nil
		}),
	})
	s, err := awssm.New(client)
	if err != nil {
		t.Fatal(err)
	}
	return server, client, s
}

func TestASourceWithAPrefixKeepsTheContract(t *testing.T) {
	server, client, inner := overAWS(t)
	fail := func(effect secrettest.Effect) func(testing.TB) func() {
		return func(t testing.TB) func() { return server.Fail(t, secrettest.Fault{Effect: effect}) }
	}
	sourcetest.Run(t, sourcetest.Harness{
		Source:    source.WithPrefix(inner, "staging/"),
		Put:       func(t testing.TB, id, value string) { server.Seed(t, "staging/"+id, value) },
		PutBinary: func(t testing.TB, id string, value []byte) { server.SeedBinary(t, "staging/"+id, value) },
		Rotate:    func(t testing.TB, id, value string) { server.Rotate(t, "staging/"+id, value) },
		Remove: func(t testing.TB, id string) {
			in := &secretsmanager.DeleteSecretInput{SecretId: aws.String("staging/" + id)}
			if _, err := client.DeleteSecret(context.Background(), in); err != nil {
				t.Fatal(err)
			}
		},
		VersionIDs: true, Pinning: true, Stages: true,
		Failures: map[sourcetest.Failure]func(testing.TB) func(){
			sourcetest.Unreachable: fail(secrettest.DropAfterHeaders()), sourcetest.Hanging: fail(secrettest.Hang()),
		},
		Requests: func() int { return server.Calls() },
	})
}

func TestAnARNGetsNoPrefix(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-a1B2c3"
	s := source.WithPrefix(static.New(map[string]string{"staging/db": "staging", "db": "plain"}), "staging/")
	for id, want := range map[string]string{"db": "staging", arn: "plain"} {
		v, err := s.Fetch(t.Context(), secret.Ref{ID: id})
		if v.Payload.Reveal() != want || v.Name != "db" || err != nil {
			t.Errorf("%s: %q of the name %q, %v", id, v.Payload.Reveal(), v.Name, err)
		}
	}
	_, err := s.Fetch(t.Context(), secret.Ref{ID: strings.Replace(arn, ":db", ":none", 1)})
	if !errors.Is(err, secret.ErrNotFound) || strings.Contains(err.Error(), "staging/") {
		t.Errorf("got %v", err)
	}
}

func TestAPrefixMakesNoIDThatIsRefused(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for prefix, id := range map[string]string{"a": "rn:aws:secretsmanager:eu-west-1:1:secret:db", long: long, "\x00": "db", "a\n": "db", "arn:": "db"} {
		inner := secret.SourceFunc(func(_ context.Context, ref secret.Ref) (secret.Value, error) {
			t.Errorf("the source was asked for %.100q", ref)
			return secret.Value{}, nil
		})
		if _, err := source.WithPrefix(inner, prefix).Fetch(t.Context(), secret.Ref{ID: id}); !errors.Is(err, secret.ErrInvalidRef) {
			t.Errorf("%.100q before %.100q: %v", prefix, id, err)
		}
	}
}

func TestAPrefixOfNothing(t *testing.T) {
	if s := source.WithPrefix(nil, "a/"); s != nil {
		t.Errorf("of nil: %v", s)
	}
	if s := source.WithPrefix((*static.Source)(nil), "a/"); s != nil {
		t.Errorf("of a nil pointer: %v", s)
	}
	s := source.WithPrefix(static.New(map[string]string{"db": "x"}), "")
	if v, err := s.Fetch(t.Context(), secret.Ref{ID: "db"}); v.Payload.Reveal() != "x" || err != nil {
		t.Errorf("an empty prefix: %v", err)
	}
	if _, err := s.Fetch(t.Context(), secret.Ref{ID: "no"}); err == nil || strings.Contains(err.Error(), "as no") {
		t.Errorf("an empty prefix: %v", err)
	}
}

func TestPrefixesAddUp(t *testing.T) {
	s := source.WithPrefix(source.WithPrefix(static.New(map[string]string{"a/b/db": "x"}), "a/"), "b/")
	if v, err := s.Fetch(t.Context(), secret.Ref{ID: "db"}); v.Payload.Reveal() != "x" || v.Name != "db" || err != nil {
		t.Errorf("%q of the name %q, %v", v.Payload.Reveal(), v.Name, err)
	}
	if text := fmt.Sprint(s); text != "static:?prefix=a/?prefix=b/" {
		t.Errorf("it prints %s", text)
	}
}

func TestAPrefixPassesBatchesOn(t *testing.T) {
	server, _, inner := overAWS(t)
	var refs []secret.Ref
	want := map[string]string{"none": ""}
	for i := range 30 {
		id := fmt.Sprint("db-", i)
		server.Seed(t, "staging/"+id, "value of "+id)
		want[id] = "value of " + id
		refs = append(refs, secret.Ref{ID: id, Stage: "AWSCURRENT"})
	}
	arn := server.Seed(t, "elsewhere", "by ARN")
	want[arn] = "by ARN"
	tooLong := strings.Repeat("x", 2048)
	want[tooLong] = ""
	refs = append(refs, secret.Ref{ID: "none", Stage: "AWSCURRENT"}, secret.Ref{ID: arn}, secret.Ref{ID: tooLong})
	for name, ctx := range map[string]context.Context{"alone": t.Context()} {
		before := server.Calls()
		var mu sync.Mutex
		got := map[string]string{}
		source.WithPrefix(inner, "staging/").(secret.ManySource).FetchMany(ctx, refs, func(ref secret.Ref, v secret.Value, err error) {
			mu.Lock()
			defer mu.Unlock()
			got[ref.ID] = v.Payload.Reveal()
			if (err == nil) != (want[ref.ID] != "") || ref.ID == "none" && !errors.Is(err, secret.ErrNotFound) || ref.ID == tooLong && !errors.Is(err, secret.ErrInvalidRef) {
				t.Errorf("%.50s: %v", ref.ID, err)
			}
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if n := server.Calls() - before; n > 4 {
			t.Errorf("%d secrets took %d requests", len(refs), n)
		}
	}
	if _, many := source.WithPrefix(static.New(nil), "a/").(secret.ManySource); many {
		t.Error("a prefix makes batches of what has none")
	}
}

// TestACachePreloadsThroughAPrefix, whose batches answer for the fetches that the cache began.
func TestACachePreloadsThroughAPrefix(t *testing.T) {
	server, _, inner := overAWS(t)
	c, err := cache.New(source.WithPrefix(inner, "staging/"), cache.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var app typedsecret.Set
	var handles []*typedsecret.Secret[string]
	for i := range 25 {
		server.Seed(t, fmt.Sprint("staging/", i), fmt.Sprint("value ", i))
		handles = append(handles, typedsecret.New[string](fmt.Sprint(i), typedsecret.WithCache(c), typedsecret.WithSet(&app)))
	}
	if err := app.Preload(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls := server.Calls()
	if calls > 2 {
		t.Errorf("%d calls, want 2", calls)
	}
	for i, handle := range handles {
		if v, err := handle.Get(t.Context()); v != fmt.Sprint("value ", i) || err != nil {
			t.Errorf("%d: %q, %v", i, v, err)
		}
	}
	if server.Calls() != calls {
		t.Error("a Get after the Preload made a call")
	}
	_, err = c.Get(t.Context(), secret.Ref{ID: "none"})
	if !errors.Is(err, secret.ErrNotFound) || !strings.HasPrefix(err.Error(), "secret none@AWSCURRENT: as staging/none@AWSCURRENT: secret not found") {
		t.Errorf("got %v", err)
	}
}

func ExampleWithPrefix() {
	s := source.WithPrefix(static.New(map[string]string{"staging/api-key": "hunter2"}), "staging/")
	v, err := s.Fetch(context.Background(), secret.Ref{ID: "api-key"})
	fmt.Println(v.Name, v.Payload.Reveal(), err)
	// Output: api-key hunter2 <nil>
}

// A split source has a backend for each part of the names before the first slash.
type split struct{ secret.Source }

func (split) Backend(ref secret.Ref) string { before, _, _ := strings.Cut(ref.ID, "/"); return before }

func TestAPrefixPassesOnTheBackends(t *testing.T) {
	for ref, want := range map[string]string{"db": "staging", "arn:aws": "arn:aws"} {
		wrapped := source.WithPrefix(split{static.New(nil)}, "staging/").(secret.Backends)
		if got := wrapped.Backend(secret.Ref{ID: ref}); got != want {
			t.Errorf("the backend of %s is %q, want %q", ref, got, want)
		}
	}
	if got := source.WithPrefix(static.New(nil), "staging/").(secret.Backends).Backend(secret.Ref{ID: "db"}); got != "" {
		t.Errorf("a source with one backend names it %q", got)
	}
}
