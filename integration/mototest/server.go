// Package mototest starts moto's server, an emulator of AWS that this project did not
// write, so that what the library and its own fake Secrets Manager take for AWS's
// behaviour is held against somebody else's reading of it.
package mototest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// Version is moto's that the differences were found with.
const Version = "5.2.5"

// Variable names the program where it is not on PATH.
const Variable = "MOTO_SERVER"

// ErrNotInstalled says that the program moto_server is not on this machine.
var ErrNotInstalled = errors.New("moto_server is neither on PATH nor named by " + Variable + "; " +
	"python3 -m venv /tmp/moto && /tmp/moto/bin/pip install 'moto[server]==" + Version + "' makes /tmp/moto/bin/moto_server")

// Server is a moto on a free port of the loopback interface.
type Server struct {
	dir     string
	port    int
	process *daemon.Process

	once sync.Once
	err  error // of Close
}

// New starts a server for a test, which fails if there is none to be had, and closes it
// when the test is over.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start()
	return daemon.For(t, s, err)
}

// Start starts a server and returns when it answers.
func Start() (*Server, error) {
	program := os.Getenv(Variable)
	if program == "" {
		found := daemon.Find([]string{"moto_server"}, []string{"/tmp/moto/bin"})
		if found == nil {
			return nil, fmt.Errorf("mototest: %w", ErrNotInstalled)
		}
		program = found[0]
	}
	dir, err := os.MkdirTemp("", "moto")
	if err != nil {
		return nil, fmt.Errorf("mototest: %w", err)
	}
	s := &Server{dir: dir}
	s.process, s.port, err = daemon.Serve(time.Minute, func(port int) (daemon.Command, func(context.Context) error) {
		return daemon.Command{
			Path: program, Args: []string{"-H", "127.0.0.1", "-p", strconv.Itoa(port)}, Dir: dir, Log: filepath.Join(dir, "log"),
			Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
		}, func(ctx context.Context) error { return answers(ctx, port) }
	})
	if err != nil {
		return nil, fmt.Errorf("mototest: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	return s, nil
}

func answers(ctx context.Context, port int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/moto-api/data.json", port), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// URL returns where the server listens.
func (s *Server) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", s.port) }

// Client returns a client of the AWS SDK for the server.
func (s *Server) Client() *secretsmanager.Client { return clientOf(s.URL()) }

func clientOf(url string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "key", ""),
	})
}

// Close ends the server.
func (s *Server) Close() error {
	s.once.Do(func() {
		const grace = 5 * time.Second
		s.err = errors.Join(s.process.Close(grace), os.RemoveAll(s.dir))
	})
	return s.err
}
