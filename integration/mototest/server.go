// Package mototest starts moto's server for tests that want a Secrets Manager
// which we did not write. It is an emulator too, and not always right: where it
// and secrettest differ, moto.md says which of them AWS sides with.
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
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// Version is the release of moto that this package is tested with. What moto gets
// right differs from one to the next.
const Version = "5.2.5"

// Variable names the environment variable that has the path of moto_server, where
// it is not on PATH.
const Variable = "MOTO_SERVER"

// ErrNotInstalled says that there is no moto_server on this machine, and what to do.
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
	// StartTimeout is how long the server may take to answer; a minute by
	// default. It is a Python program, which takes seconds.
	StartTimeout time.Duration
}

// Server is a moto server on a free port of the loopback interface. Its methods
// are safe for concurrent use.
type Server struct {
	dir     string
	port    int
	process *daemon.Process

	once sync.Once
	err  error // of Close
}

// New starts a server for a test, which fails if there is none to be had, and
// closes it when the test is over.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start(Config{})
	return daemon.For(t, s, err)
}

// Start starts a server and returns when it answers. The program is the one that
// [Variable] names, else the one on PATH, else that of a virtual environment
// typedsecret/moto in the user's cache folder (os.UserCacheDir). On Linux the
// server ends with this process however that ends; its folder is left behind then.
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
	// The same user as this process, root too: moto does not mind.
	var account *daemon.Account
	if s.dir, err = account.MkdirTemp("mototest-"); err != nil {
		return err
	}
	s.process, s.port, err = daemon.Serve(cfg.StartTimeout, func(port int) (daemon.Command, func(context.Context) error) {
		c := daemon.Command{
			Path: path, Args: []string{"--host", host, "--port", strconv.Itoa(port)},
			Dir: s.dir, Log: filepath.Join(s.dir, "log"), Account: account,
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
	s.once.Do(func() {
		if s.process != nil {
			s.err = s.process.Close(grace)
		}
		if s.dir != "" {
			s.err = errors.Join(s.err, os.RemoveAll(s.dir))
		}
	})
	return s.err
}

// Reset has the server forget all that it holds.
func (s *Server) Reset(ctx context.Context) error {
	if err := reset(ctx, s.URL()); err != nil {
		return fmt.Errorf("mototest: reset: %w", err)
	}
	return nil
}

// reset is an error as well if what answers is not moto.
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
