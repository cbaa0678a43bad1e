package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

// output is the output of a program under test.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// connected returns a server with the program's flags applied, a client, and the output for
// errors.
func connected(t *testing.T, args ...string) (*secrettest.Server, *secretsmanager.Client, *output) {
	t.Helper()
	errs := &output{}
	o, err := parse(args, errs)
	if err != nil {
		t.Fatal(err)
	}
	s, err := secrettest.Start(o.server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := o.connect(s, errs); err != nil {
		t.Fatal(err)
	}
	return s, secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(s.URL()), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	}), errs
}

// test makes the service run testSecret, and waits for its end.
func test(t *testing.T, c *secretsmanager.Client) {
	t.Helper()
	_, err := c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: aws.String("s"), RotateImmediately: aws.Bool(false),
		RotationLambdaARN: aws.String("arn:aws:lambda:us-east-1:123456789012:function:rotate"),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func rotate(t *testing.T, c *secretsmanager.Client) {
	t.Helper()
	_, err := c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: aws.String("s"), RotationLambdaARN: aws.String("arn:aws:lambda:us-east-1:123456789012:function:rotate"),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAURLIsTheRotationFunction(t *testing.T) {
	steps := make(chan secrettest.RotationStep, 4)
	function := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var step secrettest.RotationStep
		if err := json.NewDecoder(r.Body).Decode(&step); err != nil || r.Method != http.MethodPost {
			t.Errorf("%s, %v", r.Method, err)
		}
		steps <- step
		fmt.Fprint(w, "null") // the answer of a Lambda that returns nothing
	}))
	defer function.Close()
	s, c, _ := connected(t, "-rotate", function.URL, "-account", "000000000042")
	arn := s.Seed(t, "s", "one")
	if !strings.Contains(arn, ":000000000042:") {
		t.Errorf("ARN = %s", arn)
	}
	rotate(t, c)
	for _, want := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		if step := <-steps; step.Step != want || step.SecretID != arn || len(step.ClientRequestToken) != 36 {
			t.Errorf("step = %+v, want %s", step, want)
		}
	}
}

// TestAFunctionsFailureIsReported by its kind, since its message may quote a password, as
// may a URL.
func TestAFunctionsFailureIsReported(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer func(http.ResponseWriter)
		want   string
	}{
		{"emulator", func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"errorType":"ValueError","errorMessage":"sesame","stackTrace":[]}`)
		}, `failed with "ValueError"; its own log has the message`},
		{"lambda", func(w http.ResponseWriter) { w.Header().Set("X-Amz-Function-Error", "Unhandled") }, "the function failed"},
		{"status", func(w http.ResponseWriter) { http.Error(w, "sesame", http.StatusBadGateway) }, "status 502"},
		{"broken off", func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }, ": EOF"},
	} {
		t.Run(row.name, func(t *testing.T) {
			function := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { row.answer(w) }))
			defer function.Close()
			s, c, errs := connected(t, "-rotate", strings.Replace(function.URL, "http://", "http://user:sesame@", 1)+"/?key=sesame")
			s.Seed(t, "s", "one")
			test(t, c)
			if got := errs.String(); !strings.Contains(got, row.want) || !strings.Contains(got, "secret:s-") || !strings.Contains(got, "testSecret") || strings.Contains(got, "sesame") {
				t.Errorf("printed %q, want %s", got, row.want)
			}
		})
	}
}

func TestACommandIsTheRotationFunction(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the command of this test is a shell script")
	}
	t.Setenv("AWS_CA_BUNDLE", "/does/not/exist")
	dir := t.TempDir()
	script, steps := filepath.Join(dir, "rotate"), filepath.Join(dir, "steps")
	write := func(text string) {
		if err := os.WriteFile(script, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(`read -r event
echo "$1 $ROTATION_STEP $event $ROTATION_SECRET_ID $ROTATION_TOKEN $AWS_ENDPOINT_URL_SECRETS_MANAGER $SECRETS_MANAGER_ENDPOINT ${AWS_CA_BUNDLE-unset}" > ` + steps + `
echo something to say
`)
	s, c, errs := connected(t, "-rotate", script+" word")
	arn := s.Seed(t, "s", "one")
	test(t, c)
	got, err := os.ReadFile(steps)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.Fields(string(got))[4]
	want := fmt.Sprintf("word testSecret {\"Step\":\"testSecret\",\"SecretId\":%q,\"ClientRequestToken\":%q} %s %s %s %s unset\n", arn, token, arn, token, s.URL(), s.URL())
	if string(got) != want {
		t.Errorf("the command has\n%s, want\n%s", got, want)
	}
	if errs.String() != "something to say\n" {
		t.Errorf("printed %q", errs.String())
	}
	write("exit 3")
	test(t, c)
	if want := "testSecret: " + script + ": exit status 3\n"; !strings.HasSuffix(errs.String(), want) {
		t.Errorf("printed %q, want %s", errs.String(), want)
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, row := range []struct{ flag, value, want string }{
		{"-rotate", "http://", "-rotate: a URL is wanted"},
		{"-rotate", "http://sesame:x y/", "-rotate: a URL is wanted"},
		{"-rotate", " ", "-rotate: a URL or a command is wanted"},
		{"-rotate", "/does/not/exist now", "/does/not/exist"},
		{"-events", "sesame", "-events: a URL is wanted"},
		{"-events-queue", "http://localhost:9324/", "-events-queue: the URL of a queue is wanted"},
		{"-account", "42", `the account "42" is not of 12 digits`},
		{"-purge-delay", "-1s", "wrong usage"},
	} {
		err := run(ctx, []string{row.flag, row.value}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s %q: %v, want %s", row.flag, row.value, err, row.want)
		}
	}
}
