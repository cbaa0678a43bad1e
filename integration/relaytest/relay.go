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
	"testing"
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

// Relay is a running relay. Its methods must not be called at the same time.
type Relay struct {
	dir     string
	port    int
	process *daemon.Process
	command func(port int) (daemon.Command, func(context.Context) error)
}

// New starts a relay for a test, and ends it when the test is over. The test fails if the relay
// can't be built or started.
func New(t testing.TB, cfg Config) *Relay {
	t.Helper()
	r, err := Start(cfg)
	return daemon.For(t, r, err)
}

// Start builds the relay and starts it, and returns when it answers requests. The working
// folder must be in the module of this package, whose go.mod says where the relay's code is.
// On Linux the relay ends when this process ends, also when that is killed; then the relay's
// folder is left behind.
func Start(cfg Config) (*Relay, error) {
	r := &Relay{}
	if err := r.start(cfg); err != nil {
		return nil, fmt.Errorf("relaytest: %w", errors.Join(err, r.Close()))
	}
	return r, nil
}

func (r *Relay) start(cfg Config) error {
	var account *daemon.Account
	var err error
	if r.dir, err = account.MkdirTemp("relaytest-"); err != nil {
		return err
	}
	program := filepath.Join(r.dir, "typedsecret-relay")
	if err := build(program); err != nil {
		return err
	}
	r.command = func(port int) (daemon.Command, func(context.Context) error) {
		return daemon.Command{
			Path: program, Args: cfg.args(port), Env: cfg.env(), Dir: r.dir, Log: filepath.Join(r.dir, "log"),
			Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
		}, func(ctx context.Context) error { return answers(ctx, port) }
	}
	r.process, r.port, err = daemon.Serve(startTimeout, r.command)
	return err
}

// building is held while the relay is built: two builds at once would both compile all of it.
var building sync.Mutex

func build(program string) error {
	building.Lock()
	defer building.Unlock()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/typedsecret/typedsecret").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = filepath.Join(strings.TrimSpace(string(root)), "cmd", "typedsecret-relay")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w; it printed: %s", err, out)
	}
	return nil
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
	return errors.Join(err, os.RemoveAll(r.dir))
}
