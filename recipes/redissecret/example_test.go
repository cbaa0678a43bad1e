package redissecret_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/recipes/redissecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A Login is what the secret holds.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Credentials returns the arguments of Redis's AUTH.
func (l Login) Credentials() (user, password string) { return l.Username, l.Password }

// The password is rotated, and the client goes on.
func ExampleNewClient() {
	server, err := startRedis()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.stop()
	secrets, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer secrets.Close()
	server.setPassword("first")
	secrets.Create("prod/redis", `{"username":"app","password":"first"}`)
	manager := clientOf(secrets)

	login := typedsecret.New[Login]("prod/redis", typedsecret.WithClient(manager))
	client := redissecret.NewClient(login, Login.Credentials, server.options())
	defer client.Close()

	ctx := context.Background()
	fmt.Println(client.Incr(ctx, "visits").Result())
	server.setPassword("second")
	manager.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("prod/redis"), SecretString: aws.String(`{"username":"app","password":"second"}`),
	})
	fmt.Println(client.Incr(ctx, "visits").Result())
	// Output:
	// 1 <nil>
	// 2 <nil>
}

// clientOf returns the AWS SDK's client for the fake, which takes any credentials.
func clientOf(secrets *secrettest.Server) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region:     "us-east-1",
		HTTPClient: secrets.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}, nil
		}),
	})
}
