package secrettest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/secrettest"
)

// A program starts a server without a test, and makes secrets by Create or through the API.
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

// In a test, Setenv leads each client of the code under test to this server.
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

// A rotation function uses the API, as a Lambda does. RotateSecret calls it for each of the
// four steps.
func ExampleServer_OnRotate() {
	s, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	client := secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(s.URL()),
		Region:       "us-east-1",
		Credentials:  credentials,
	})
	finished := make(chan bool)
	s.OnRotate(func(ctx context.Context, step secrettest.RotationStep) error {
		fmt.Println(step.Step)
		switch step.Step {
		case "createSecret":
			password, err := client.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{})
			if err != nil {
				return err
			}
			_, err = client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
				SecretId: &step.SecretID, ClientRequestToken: &step.ClientRequestToken,
				SecretString: password.RandomPassword, VersionStages: []string{"AWSPENDING"},
			})
			return err
		case "finishSecret":
			defer close(finished)
			// … UpdateSecretVersionStage moves AWSCURRENT to step.ClientRequestToken …
		}
		return nil
	})
	s.Create("prod/db", "sesame")
	_, err = client.RotateSecret(context.Background(), &secretsmanager.RotateSecretInput{
		SecretId:          aws.String("prod/db"),
		RotationLambdaARN: aws.String("arn:aws:lambda:us-east-1:123456789012:function:rotate"),
		RotationRules:     &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)},
	})
	<-finished
	fmt.Println(err)
	// Output:
	// createSecret
	// setSecret
	// testSecret
	// finishSecret
	// <nil>
}

// The service sends these events to EventBridge. Here a function gets them, and may pass
// them to the code under test.
func ExampleServer_OnEvent() {
	s, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	events := make(chan secrettest.Event)
	s.OnEvent(func(_ context.Context, event secrettest.Event) error {
		events <- event
		return nil
	})
	s.Create("prod/db", "sesame")
	event := <-events
	fmt.Println(event.DetailType, event.Detail.Name, event.Detail.LabelUpdated)
	// Output:
	// Secret Label Updated prod/db AWSCURRENT
}

// A test tries each way in which the service can fail.
func ExampleEffect() {
	effects := []secrettest.Effect{
		secrettest.AccessDenied(), secrettest.DecryptionFailure(), secrettest.Throttling(),
		secrettest.InternalError(), secrettest.Unavailable(), secrettest.Respond(418, "Teapot", "short and stout"),
		secrettest.ClockSkew(time.Hour), secrettest.Hang(),
		secrettest.DropConnection(), secrettest.DropAfterHeaders(), secrettest.TruncateBody(),
		secrettest.CorruptBody(), secrettest.WrongTypes(),
	}
	_ = func(t *testing.T) {
		server := secrettest.New(t)
		for _, effect := range effects {
			stop := server.Fail(t, secrettest.Fault{SecretID: "prod/db", Effect: effect})
			// … the code under test gets along …
			stop()
		}
	}
	fmt.Println(len(effects))
	// Output: 13
}

// A test checks which requests reached the server, and how many.
func ExampleServer_Requests() {
	s, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	client := secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(s.URL()), Region: "us-east-1", Credentials: credentials,
	})
	s.Create("prod/db", "sesame")
	client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("prod/db")})

	requests := s.Requests()
	fmt.Println(requests[0].Operation, requests[0].SecretIDs)
	// Output: GetSecretValue [prod/db]
}
