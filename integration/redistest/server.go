// Package redistest starts a real Redis, for tests in which the same server refuses a
// password as in production. [New] starts one for a test. [Server.SetUser] changes a user
// as a rotation does, and [Server.CheckLogin] tries a login.
package redistest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// ErrNotInstalled means that the program redis-server is not on this machine.
var ErrNotInstalled = errors.New("redis-server is not on PATH; install Debian's package redis-server")

// folders are searched after PATH.
var folders = []string{"/usr/bin", "/usr/local/bin"}

const (
	host  = "127.0.0.1"
	admin = "default"       // the user that every Redis has
	grace = 5 * time.Second // for an orderly shutdown
)

// Config says how [Start] sets up a server. The zero value is right for most
// tests.
type Config struct {
	// StartTimeout bounds the time until the server answers; the default is a minute.
	StartTimeout time.Duration

	cluster   bool    // whether it is a node of a cluster
	replicaOf *Server // its master, or nil
}

// Server is a Redis that writes nothing to disk, on a free port of the loopback interface.
// Every user has to log in by password. Its methods are safe for concurrent use.
type Server struct {
	cfg      Config
	dir      string
	port     int
	password string // the default user's; a replica has its master's
	process  *daemon.Process
	admin    *redis.Client
	command  func(port int) (daemon.Command, func(context.Context) error)

	mu    sync.Mutex        // guards users
	users map[string]string // the hashes of their passwords, for Resume

	once sync.Once
	err  error // the error of Close
}

// New starts a server for a test, and closes it when the test is over. The test fails if
// the server can't be started.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start(Config{})
	return daemon.For(t, s, err)
}

// Start starts a server and returns when it answers. On Linux the server ends when this
// process ends, also when that is killed; then the server's folder is left behind.
func Start(cfg Config) (*Server, error) {
	if cfg.StartTimeout == 0 {
		cfg.StartTimeout = time.Minute
	}
	s := &Server{cfg: cfg, password: rand.Text()}
	if cfg.replicaOf != nil {
		s.password = cfg.replicaOf.password
	}
	if err := s.start(cfg); err != nil {
		return nil, fmt.Errorf("redistest: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Server) start(cfg Config) error {
	programs := daemon.Find([]string{"redis-server"}, folders)
	if programs == nil {
		return ErrNotInstalled
	}
	// Redis runs as the same user as this process, also as root.
	var account *daemon.Account
	var err error
	if s.dir, err = account.MkdirTemp("redistest-"); err != nil {
		return err
	}
	if err := s.writeConfig(); err != nil {
		return err
	}
	s.command = func(port int) (daemon.Command, func(context.Context) error) {
		args := []string{s.configFile(), "--port", strconv.Itoa(port)}
		if cfg.cluster {
			bus, _ := daemon.FreePort() // Redis says what is wrong with the port 0
			args = append(args, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus))
		}
		c := daemon.Command{
			Path: programs[0], Args: args,
			Dir: s.dir, Log: filepath.Join(s.dir, "log"), Account: account,
			Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
		}
		return c, func(ctx context.Context) error { return answers(ctx, address(port), s.password) }
	}
	s.process, s.port, err = daemon.Serve(cfg.StartTimeout, s.command)
	if err != nil {
		return fmt.Errorf("redis-server: %w", err)
	}
	s.admin = client(s.Addr(), admin, s.password)
	return nil
}

// configFile is a file, since other users can see arguments.
func (s *Server) configFile() string { return filepath.Join(s.dir, "redis.conf") }

func (s *Server) writeConfig() error {
	var account *daemon.Account
	return account.WriteFile(s.configFile(), []byte(s.config()))
}

func (s *Server) config() string {
	replica := ""
	if master := s.cfg.replicaOf; master != nil {
		replica = "replicaof " + host + " " + strconv.Itoa(master.port) + "\n"
	}
	users := ""
	for user, hash := range s.users {
		users += "user " + strconv.Quote(user) + " on #" + hash + " ~* &* +@all\n"
	}
	return replica + users + "bind " + host + "\n" +
		"requirepass " + s.password + "\n" +
		"masterauth " + s.password + "\n" +
		"repl-diskless-sync-delay 0\n" +
		"save \"\"\n" +
		"appendonly no\n" +
		"dir " + strconv.Quote(s.dir) + "\n"
}

// answers first dials without the client, which would log an error if the server does not
// listen yet.
func answers(ctx context.Context, addr, password string) error {
	if err := dial(ctx, addr); err != nil {
		return err
	}
	return login(ctx, addr, admin, password)
}

func dial(ctx context.Context, addr string) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return c.Close()
}

// Close stops the server, ends its sessions, and removes its folder. It may be called more
// than once.
func (s *Server) Close() error {
	s.once.Do(func() {
		if s.admin != nil {
			s.err = s.admin.Close()
		}
		if s.process != nil {
			s.err = errors.Join(s.err, s.process.Close(grace))
		}
		if s.dir != "" {
			s.err = errors.Join(s.err, os.RemoveAll(s.dir))
		}
	})
	return s.err
}

// Addr returns the server's address, a host and a port.
func (s *Server) Addr() string { return address(s.port) }

// String returns the server's address.
func (s *Server) String() string { return "redistest.Server(" + s.Addr() + ")" }
