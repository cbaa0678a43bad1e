// Package mototest starts moto's server, for tests with a Secrets Manager that this project
// did not write. Moto is an emulator too, and not always right: where moto and secrettest
// differ, moto.md says which of them agrees with AWS.
package mototest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// Version is the release of moto with which this package is tested. Other releases behave
// differently.
const Version = "5.2.5"

// Variable names the environment variable with the path of moto_server, if it is not on
// PATH.
const Variable = "MOTO_SERVER"

// ErrNotInstalled means that this machine has no moto_server. Its text says how to install
// it.
var ErrNotInstalled = errors.New("moto_server is neither on PATH nor in " + Variable + "; install it by\n" +
	"\tpython3 -m venv /tmp/moto && /tmp/moto/bin/pip install 'moto[server]==" + Version + "'\n" +
	"\texport " + Variable + "=/tmp/moto/bin/moto_server")

const (
	program = "moto_server"
	host    = "127.0.0.1"
	grace   = 5 * time.Second
)

// Config says how [Start] sets up a server. The zero value is right for most
// tests.
type Config struct {
	// StartTimeout bounds the time until the server answers; the default is a minute. The
	// server is a Python program, which takes seconds to start.
	StartTimeout time.Duration
}

// Server is a moto server on a free port of the loopback interface. Its methods
// are safe for concurrent use.
type Server struct {
	home daemon.Home
	port int
}

// New starts a server for a test, and closes it when the test is over. The test fails if
// the server can't be started.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start(Config{})
	return daemon.For(t, s, err)
}

// Start starts a server and returns when it answers. It looks for the program in
// [Variable], then on PATH, then in the virtual environment typedsecret/moto in the user's
// cache folder (os.UserCacheDir). On Linux the server ends when this process ends, also
// when that is killed; then the server's folder is left behind.
func Start(cfg Config) (*Server, error) {
	if cfg.StartTimeout == 0 {
		cfg.StartTimeout = time.Minute
	}
	s := &Server{}
	if err := s.start(cfg); err != nil {
		return nil, fmt.Errorf("mototest: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Server) start(cfg Config) error {
	path, err := find()
	if err != nil {
		return err
	}
	// Moto runs as the same user as this process, also as root.
	var account *daemon.Account
	if s.home.Dir, err = account.MkdirTemp("mototest-"); err != nil {
		return err
	}
	s.home.Process, s.port, err = daemon.Serve(cfg.StartTimeout, func(port int) (daemon.Command, func(context.Context) error) {
		c := daemon.Command{
			Path: path, Args: []string{"--host", host, "--port", strconv.Itoa(port)},
			Dir: s.home.Dir, Log: filepath.Join(s.home.Dir, "log"), Account: account,
			Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
		}
		return c, func(ctx context.Context) error { return reset(ctx, url(port)) }
	})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// find returns the path of the program.
func find() (string, error) {
	if named := os.Getenv(Variable); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("%s=%s: %w; %w", Variable, named, err, ErrNotInstalled)
		}
		return path, nil
	}
	var folders []string
	if dir, err := os.UserCacheDir(); err == nil {
		folders = append(folders, filepath.Join(dir, "typedsecret", "moto", "bin"))
	}
	if found := daemon.Find([]string{program}, folders); found != nil {
		return found[0], nil
	}
	return "", ErrNotInstalled
}

// Close stops the server and removes its folder. It may be called more than once.
func (s *Server) Close() error {
	return s.home.Close(grace)
}

// Reset removes all data from the server.
func (s *Server) Reset(ctx context.Context) error {
	if err := reset(ctx, s.URL()); err != nil {
		return fmt.Errorf("mototest: reset: %w", err)
	}
	return nil
}

// reset also returns an error if the server that answers is not moto.
func reset(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/moto-api/reset", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"status": "ok"`) {
		return fmt.Errorf("%s answers %s: %q", req.URL, resp.Status, body)
	}
	return nil
}

// URL returns the server's base URL.
func (s *Server) URL() string { return url(s.port) }

func url(port int) string { return "http://" + net.JoinHostPort(host, strconv.Itoa(port)) }

// String returns the server's address.
func (s *Server) String() string { return "mototest.Server(" + s.URL() + ")" }
