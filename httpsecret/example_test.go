package httpsecret_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/httpsecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// The token is rotated, and a client that still has the old one gets its answer.
func ExampleBearerToken() {
	secrets, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer secrets.Close()
	secrets.Create("prod/token", "first")
	manager := clientOf(secrets)

	valid := "first"
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+valid {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()

	token := typedsecret.New[string]("prod/token", typedsecret.WithClient(manager))
	client := &http.Client{Transport: httpsecret.BearerToken(api.URL, token, nil)}
	get := func() {
		resp, err := client.Get(api.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	get()
	valid = "second"
	manager.PutSecretValue(context.Background(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("prod/token"), SecretString: aws.String("second"),
	})
	get()
	// Output:
	// 200 OK
	// 200 OK
}

// A Login is a secret of more than a token.
type Login struct {
	User, Password, Token string
}

func ExampleBearer() {
	login := typedsecret.Static(Login{Token: "first"})
	show(func(origin string) http.RoundTripper {
		return httpsecret.Bearer(origin, login, func(l Login) string { return l.Token }, nil)
	})
	// Output: Bearer first
}

func ExampleBasic() {
	login := typedsecret.Static(Login{User: "app", Password: "hunter2"})
	show(func(origin string) http.RoundTripper {
		return httpsecret.Basic(origin, login, func(l Login) (user, password string) { return l.User, l.Password }, nil)
	})
	// Output: Basic YXBwOmh1bnRlcjI=
}

// show prints the credential that a server gets by a RoundTripper.
func show(by func(origin string) http.RoundTripper) {
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Header.Get("Authorization"))
	}))
	defer api.Close()
	resp, err := (&http.Client{Transport: by(api.URL)}).Get(api.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
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
