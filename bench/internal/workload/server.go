package workload

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/secrettest"
)

// Serve is the main function of a Server's process. It prints its URL on a line, and serves
// until its standard input ends.
func Serve(s Server, in io.Reader, out io.Writer) error {
	server, err := s.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Fprintln(out, server.URL())
	_, err = io.Copy(io.Discard, in)
	return err
}

// Start starts the Server in this process.
func (s Server) Start() (*secrettest.Server, error) {
	server, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		return nil, err
	}
	payload := source.Payload(0, s.Size)
	for i := range s.Secrets {
		if _, err := server.Create(ID(i), payload); err != nil {
			return nil, err
		}
	}
	if s.Latency > 0 {
		if _, err := server.Inject(secrettest.Fault{Latency: s.Latency}); err != nil {
			return nil, err
		}
	}
	return server, nil
}

// StartProcess starts a command that calls Serve. It returns the URL, and a function that
// stops the process.
func StartProcess(cmd *exec.Cmd) (url string, stop func(), err error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = in.Close()
		_ = cmd.Wait() // its error does not matter
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("the server printed no URL: %w", err)
	}
	return strings.TrimSpace(line), stop, nil
}

// sdkClient returns the AWS SDK's client with default settings for the Server at url, and a
// count of the requests that it sends.
func sdkClient(url string) (*secretsmanager.Client, *atomic.Int64) {
	transport := &countingClient{client: awshttp.NewBuildableClient()}
	return secretsmanager.New(secretsmanager.Options{
		Region:       "us-east-1",
		BaseEndpoint: &url,
		HTTPClient:   transport,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDBENCH", SecretAccessKey: "made-up-for-the-purpose"}, nil
		}),
	}), &transport.requests
}

type countingClient struct {
	client   *awshttp.BuildableClient
	requests atomic.Int64
}

func (c *countingClient) Do(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return c.client.Do(r)
}
