package awssm_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// startServer starts a fake Secrets Manager that the environment leads to.
func startServer() *secrettest.Server {
	server, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	for _, env := range server.Env() {
		name, value, _ := strings.Cut(env, "=")
		os.Setenv(name, value)
	}
	return server
}

func ExampleFromEnvironment() {
	server := startServer()
	defer server.Close()
	server.Create("prod/api-key", "k-123456")
	ctx := context.Background()

	source, err := awssm.FromEnvironment(ctx) // AWS_REGION, AWS_PROFILE, roles …
	if err != nil {
		log.Fatal(err)
	}
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	value, err := c.Get(ctx, secret.Ref{ID: "prod/api-key"})
	fmt.Println(len(value.Payload.Reveal()), value.Stages, err)

	_, err = source.Fetch(ctx, secret.Ref{ID: "prod/other"})
	fmt.Println(errors.Is(err, secret.ErrNotFound))
	// Output:
	// 8 [AWSCURRENT] <nil>
	// true
}

// counted is a Client that wraps the SDK's. It passes the options on: they switch
// the SDK's own retries off.
type counted struct {
	awssm.Client
	calls int
}

func (c *counted) GetSecretValue(
	ctx context.Context, in *secretsmanager.GetSecretValueInput, opts ...func(*secretsmanager.Options),
) (*secretsmanager.GetSecretValueOutput, error) {
	c.calls++
	return c.Client.GetSecretValue(ctx, in, opts...)
}

func ExampleNew() {
	server := startServer()
	defer server.Close()
	server.Create("prod/api-key", "k-123456")
	ctx := context.Background()

	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("eu-west-1"))
	if err != nil {
		log.Fatal(err)
	}
	client := &counted{Client: secretsmanager.NewFromConfig(cfg)}
	source, err := awssm.New(client)
	if err != nil {
		log.Fatal(err)
	}
	value, err := source.Fetch(ctx, secret.Ref{ID: "prod/api-key", Stage: "AWSCURRENT"})
	fmt.Println(value.Name, client.calls, err)
	// Output: prod/api-key 1 <nil>
}

// The secrets are those of another account, and the role is one of that account.
func ExampleAssumeRole() {
	ctx := context.Background()
	source, err := awssm.AssumeRole(ctx, "arn:aws:iam::123456789012:role/reader", config.WithRegion("eu-west-1"))
	if err != nil {
		log.Fatal(err)
	}
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Close()) // the role is assumed when a secret is first read
	// Output: <nil>
}
