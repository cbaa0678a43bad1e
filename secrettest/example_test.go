package secrettest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

// A program, or an example as here, starts a server without a test and fills it
// by Create or through the API.
func ExampleStart() {
	s, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	ctx := context.Background()
	client := secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(s.URL()),
		Region:       "us-east-1",
		Credentials:  credentials,
	})
	s.Create("prod/db", "sesame")
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("prod/db")})
	fmt.Println(*out.SecretString, out.VersionStages, err)

	stop, err := s.Inject(secrettest.Fault{SecretID: "prod/db", Times: 1, Effect: secrettest.AccessDenied()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	_, err = client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("prod/db")})
	fmt.Println(err != nil, s.Calls("GetSecretValue"), s.CallsFor("prod/db"))
	// Output:
	// sesame [AWSCURRENT] <nil>
	// true 2 2
}

// In a test, Setenv leads the code under test here, whatever client it builds.
func ExampleNew() {
	_ = func(t *testing.T) {
		s := secrettest.New(t)
		s.Setenv(t)
		s.Seed(t, "prod/db", `{"username":"app","password":"sesame"}`)
		// … the code under test reads the secret …
		s.Rotate(t, "prod/db", `{"username":"app","password":"open"}`)
		// … and notices the rotation …
		stop := s.Fail(t, secrettest.Fault{Effect: secrettest.InternalError(), Latency: time.Second})
		// … and survives the outage …
		stop()
		if n := s.CallsFor("prod/db", "GetSecretValue"); n > 2 {
			t.Errorf("%d calls", n)
		}
	}
}
