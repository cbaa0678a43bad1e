package secret_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

// A Source over a function: the secrets may come from anywhere.
func ExampleSourceFunc() {
	source := secret.SourceFunc(func(_ context.Context, ref secret.Ref) (secret.Value, error) {
		if ref.ID != "prod/db" {
			return secret.Value{}, secret.ErrNotFound // so that the cache knows the kind
		}
		return secret.Value{Payload: secret.StringPayload("hunter2"), VersionID: "1"}, nil
	})
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	v, err := c.Get(context.Background(), secret.Ref{ID: "prod/db"})
	fmt.Println(v.Payload.Reveal(), err)
	// Output: hunter2 <nil>
}

// A wrapper sees which fetches the program asked for itself.
func ExampleIsForced() {
	source := secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
		fmt.Println("past the proxy's cache:", secret.IsForced(ctx))
		return secret.Value{Payload: secret.StringPayload("hunter2"), VersionID: "1"}, nil
	})
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	ctx, ref := context.Background(), secret.Ref{ID: "prod/db"}
	c.Get(ctx, ref)
	c.Refresh(ctx, ref)
	// Output:
	// past the proxy's cache: false
	// past the proxy's cache: true
}

// A shelf is a source whose service answers ten secrets a request.
type shelf map[string]string

func (s shelf) Fetch(_ context.Context, ref secret.Ref) (secret.Value, error) {
	text, ok := s[ref.ID]
	if !ok {
		return secret.Value{}, secret.ErrNotFound
	}
	return secret.Value{Payload: secret.StringPayload(text), VersionID: "1"}, nil
}

func (s shelf) FetchMany(ctx context.Context, refs []secret.Ref, answer func(secret.Ref, secret.Value, error)) {
	request := func(ctx context.Context, refs []secret.Ref) error {
		for _, ref := range refs { // in earnest, one request for all of them
			value, err := s.Fetch(ctx, ref)
			answer(ref, value, err)
		}
		return nil
	}
	secret.MakeRequests(ctx, slices.Chunk(refs, 10), answer, request)
}

func ExampleManySource() {
	var source secret.Source = shelf{"a": "1", "b": "2"}
	refs := []secret.Ref{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	secret.FetchMany(context.Background(), source, refs, func(ref secret.Ref, value secret.Value, err error) {
		fmt.Println(ref, value.Payload.Reveal(), err)
	})
	// Unordered output:
	// a 1 <nil>
	// b 2 <nil>
	// c  secret not found
}

// A Payload shows nothing of the secret, however it is printed.
func ExamplePayload() {
	p := secret.StringPayload("hunter2")
	fmt.Printf("%v %+v %q %x\n", p, p, p, p)
	fmt.Println(p.Reveal(), p.IsBinary(), p.Equal(secret.BinaryPayload([]byte("hunter2"))))
	// Output:
	// [REDACTED] [REDACTED] [REDACTED] [REDACTED]
	// hunter2 false false
}

func ExampleRef() {
	fmt.Println(secret.Ref{ID: "prod/db"})
	fmt.Println(secret.Ref{ID: "prod/db", Stage: "AWSPREVIOUS"})
	err := secret.Ref{ID: "arn:aws:kms:eu-west-1:123456789012:key/1"}.Validate()
	fmt.Println(errors.Is(err, secret.ErrInvalidRef))
	// Output:
	// prod/db
	// prod/db@AWSPREVIOUS
	// true
}

func ExampleError() {
	c, err := cache.New(shelf{}, cache.Config{})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	_, err = c.Get(context.Background(), secret.Ref{ID: "prod/typo"})
	if failed, ok := errors.AsType[*secret.Error](err); ok {
		fmt.Println(failed.Ref.ID, errors.Is(err, secret.ErrNotFound), failed.RetryIn > 0)
	}
	// Output: prod/typo true true
}

func ExampleParseARN() {
	arn, err := secret.ParseARN("arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3")
	fmt.Println(arn.Region, arn.Account, arn.Name, err)

	arn.Region = "eu-central-1" // of a replica
	fmt.Println(arn)
	// Output:
	// eu-west-1 123456789012 prod/db-a1B2c3 <nil>
	// arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-a1B2c3
}

// A router reads from the region that an ID begins with.
type router map[string]secret.Source

func (r router) Backend(ref secret.Ref) string {
	region, _, _ := strings.Cut(ref.ID, "/")
	return region
}

func (r router) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	region, name, _ := strings.Cut(ref.ID, "/")
	source, ok := r[region]
	if !ok {
		return secret.Value{}, fmt.Errorf("%w: no region %s", secret.ErrNotFound, region)
	}
	ref.ID = name
	return source.Fetch(ctx, ref)
}

// An outage of one region holds back no fetch from another.
func ExampleBackends() {
	source := router{
		"eu": secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
			return secret.Value{}, secret.ErrUnavailable
		}),
		"us": shelf{"prod/db": "hunter2"},
	}
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	for _, id := range []string{"eu/prod/a", "eu/prod/b", "us/prod/db"} {
		_, err := c.Get(context.Background(), secret.Ref{ID: id})
		fmt.Println(id, errors.Is(err, secret.ErrUnavailable))
	}
	// Output:
	// eu/prod/a true
	// eu/prod/b true
	// us/prod/db false
}

// declared is a source that learns which secrets the program has handles on.
type declared struct {
	secret.Source
	refs []secret.Ref
}

func (d *declared) Declared(ref secret.Ref) { d.refs = append(d.refs, ref) }

func ExampleDeclarer() {
	source := &declared{Source: shelf{"prod/db": "hunter2", "tenants/1": "s"}}
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	with, ctx := typedsecret.WithCache(c), context.Background()
	typedsecret.New[string]("prod/db", with).Get(ctx)
	typedsecret.NewByID[string](with).Get(ctx, "tenants/1")
	fmt.Println(source.refs)
	// Output: [prod/db]
}
