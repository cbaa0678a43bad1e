// Package relaytest builds the command typedsecret-relay and runs it as a program of its own,
// for tests in which it is killed.
package relaytest

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
	"time"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

const (
	startTimeout = time.Minute
	grace        = 10 * time.Second // for the events under way
)

// Config says what a relay connects to. Queue, Endpoint and one of Redis and NATS must be set.
type Config struct {
	Endpoint string // the URL of a server that speaks SQS
	Queue    string // the queue's URL

	Redis, RedisChannel      string // a URL, such as redis://127.0.0.1:6379
	RedisUser, RedisPassword string
	NATS, NATSSubject        string // a URL, such as nats://127.0.0.1:4222
}

func (c Config) args(port int) []string {
	args := []string{"-listen", address(port), "-queue", c.Queue}
	if c.Redis != "" {
		args = append(args, "-redis", c.Redis, "-redis-channel", c.RedisChannel, "-redis-user", c.RedisUser)
	}
	if c.NATS != "" {
		args = append(args, "-nats", c.NATS, "-nats-subject", c.NATSSubject)
	}
	return args
}

func (c Config) env() []string {
	env := []string{
		"AWS_ENDPOINT_URL=" + c.Endpoint, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=SECRET",
	}
	if c.Redis != "" {
		env = append(env, "TYPEDSECRET_RELAY_REDIS_PASSWORD="+c.RedisPassword)
	}
	return env
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Program is the relay's program. It is safe for concurrent use.
type Program struct {
	dir string

	once sync.Once
	err  error // the error of Close
}

// Build builds the relay. The working folder must be in the module of this package, whose
// go.mod says where the relay's code is.
func Build() (*Program, error) {
	p := &Program{}
	if err := p.build(); err != nil {
		return nil, fmt.Errorf("relaytest: %w", errors.Join(err, p.Close()))
	}
	return p, nil
}

func (p *Program) build() error {
	var account *daemon.Account
	var err error
	if p.dir, err = account.MkdirTemp("relaytest-"); err != nil {
		return err
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/typedsecret/typedsecret").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	cmd := exec.Command("go", "build", "-o", p.path(), ".")
	cmd.Dir = filepath.Join(strings.TrimSpace(string(root)), "cmd", "typedsecret-relay")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w; it printed: %s", err, out)
	}
	return nil
}

func (p *Program) path() string { return filepath.Join(p.dir, "typedsecret-relay") }

// Close removes the program. It may be called more than once.
func (p *Program) Close() error {
	p.once.Do(func() {
		if p.dir != "" {
			p.err = os.RemoveAll(p.dir)
		}
	})
	return p.err
}

// Relay is a running relay. Its methods must not be called at the same time.
type Relay struct {
	dir     string
	port    int
	process *daemon.Process
	command func(port int) (daemon.Command, func(context.Context) error)
}

// Start starts a relay, and returns when it answers requests. On Linux the relay ends when this
// process ends, also when that is killed; then the relay's folder is left behind.
func (p *Program) Start(cfg Config) (*Relay, error) {
	r := &Relay{}
	if err := r.start(p, cfg); err != nil {
		return nil, fmt.Errorf("relaytest: %w", errors.Join(err, r.Close()))
	}
	return r, nil
}

func (r *Relay) start(p *Program, cfg Config) error {
	var account *daemon.Account
	var err error
	if r.dir, err = account.MkdirTemp("relaytest-"); err != nil {
		return err
	}
	r.command = func(port int) (daemon.Command, func(context.Context) error) {
		return daemon.Command{
			Path: p.path(), Args: cfg.args(port), Env: cfg.env(), Dir: r.dir, Log: filepath.Join(r.dir, "log"),
			Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
		}, func(ctx context.Context) error { return answers(ctx, port) }
	}
	r.process, r.port, err = daemon.Serve(startTimeout, r.command)
	return err
}

// answers returns an error unless the relay answers requests. It does so before the queue and
// the targets have answered it.
func answers(ctx context.Context, port int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address(port)+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// Kill ends the relay by SIGKILL. [Relay.Resume] starts it again.
func (r *Relay) Kill() error {
	if err := r.process.Kill(); err != nil {
		return fmt.Errorf("relaytest: kill: %w", err)
	}
	return nil
}

// Resume starts a relay that Kill has ended, and returns when it answers requests.
func (r *Relay) Resume() error {
	c, try := r.command(r.port)
	var err error
	if r.process, err = daemon.Start(c); err == nil {
		err = r.process.Await(startTimeout, try)
	}
	if err != nil {
		return fmt.Errorf("relaytest: resume: %w", err)
	}
	return nil
}

// Close ends the relay and removes its folder. It may be called more than once.
func (r *Relay) Close() (err error) {
	if r.process != nil {
		err = r.process.Close(grace)
	}
	if r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}
