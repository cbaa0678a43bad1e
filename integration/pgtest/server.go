// Package pgtest starts a real PostgreSQL, for tests in which the same server refuses a
// password as in production. [New] starts one for a test. [Server.CreateUser] and
// [Server.SetPassword] change users as a rotation does, and [Server.CheckLogin] tries a
// login.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// ErrNotInstalled means that PostgreSQL's programs are not on this machine.
var ErrNotInstalled = errors.New("initdb and postgres are neither on PATH nor in /usr/lib/postgresql/*/bin; install Debian's package postgresql")

// folders are searched after PATH, since Debian does not put the programs on PATH.
var folders = []string{"/usr/lib/postgresql/*/bin"}

const (
	host      = "127.0.0.1"
	superuser = "postgres"
	grace     = 10 * time.Second // for an orderly shutdown
)

// Config says how [Start] sets up a server. The zero value is right for most
// tests.
type Config struct {
	// Database is the name of the database that Start creates; the default is "app".
	Database string

	// MaxConnections is the most sessions that may be open; the default is 300.
	MaxConnections int

	// StartTimeout bounds the time until the server answers; the default is a minute.
	StartTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.Database == "" {
		c.Database = "app"
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 300
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = time.Minute
	}
	return c
}

// Server is a PostgreSQL in a folder of its own, on a free port of the loopback interface.
// Every user has to log in by password (scram-sha-256). Its methods are safe for concurrent
// use.
type Server struct {
	cfg      Config
	dir      string
	port     int
	password string          // the superuser's
	base     *pgx.ConnConfig // the common part of all connections' configurations
	process  *daemon.Process
	pool     *pgxpool.Pool // the superuser's, for this package's own statements

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

// Start makes a database cluster and starts a server on it, and returns when the server
// answers. If this process is root, the server runs as another user: postgres, or nobody.
// On Linux the server ends when this process ends, also when that is killed; then the
// server's folder is left behind.
func Start(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg.withDefaults(), password: rand.Text()}
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("pgtest: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Server) start() error {
	programs := daemon.Find([]string{"initdb", "postgres"}, folders)
	if programs == nil {
		return ErrNotInstalled
	}
	var err error
	// ParseConfig also reads the environment, such as PGSERVICE, which may not fit this
	// server.
	if s.base, err = pgx.ParseConfig("host=" + host + " sslmode=disable passfile=" + os.DevNull); err != nil {
		return err
	}
	account, err := daemon.Unprivileged("postgres", "nobody")
	if err != nil {
		return err
	}
	if s.dir, err = account.MkdirTemp("pgtest-"); err != nil {
		return err
	}
	if err := s.initdb(programs[0], account); err != nil {
		return err
	}
	s.process, s.port, err = daemon.Serve(s.cfg.StartTimeout, func(port int) (daemon.Command, func(context.Context) error) {
		c := s.command(programs[1], account, port)
		return c, func(ctx context.Context) error { return login(ctx, s.config(port, "postgres", superuser, s.password)) }
	})
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.StartTimeout)
	defer cancel()
	return s.createDatabase(ctx)
}

func (s *Server) createDatabase(ctx context.Context) error {
	c, err := pgx.ConnectConfig(ctx, s.config(s.port, "postgres", superuser, s.password))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	if s.cfg.Database != "postgres" {
		if _, err := c.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{s.cfg.Database}.Sanitize()); err != nil {
			return err
		}
	}
	pool, err := pgxpool.ParseConfig("pool_max_conns=4")
	if err != nil {
		return err
	}
	pool.ConnConfig = s.config(s.port, s.cfg.Database, superuser, s.password)
	if s.pool, err = pgxpool.NewWithConfig(ctx, pool); err != nil {
		return err
	}
	// The users of a test may create tables, as they could before version 15.
	_, err = s.pool.Exec(ctx, "GRANT ALL ON SCHEMA public TO PUBLIC")
	return err
}

// Close stops the server, ends its sessions, and removes its folder. It may be called more
// than once.
func (s *Server) Close() error {
	s.once.Do(func() {
		if s.pool != nil {
			s.pool.Close()
		}
		if s.process != nil {
			s.err = s.process.Close(grace)
		}
		if s.dir != "" {
			s.err = errors.Join(s.err, os.RemoveAll(s.dir))
		}
	})
	return s.err
}

// Host returns the address that the server listens on.
func (s *Server) Host() string { return host }

// Port returns the port that the server listens on.
func (s *Server) Port() int { return s.port }

// Database returns the name of the database that Start created.
func (s *Server) Database() string { return s.cfg.Database }

// URL returns the connection string for a user, with the password.
func (s *Server) URL(user, password string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, password),
		Host:     net.JoinHostPort(host, strconv.Itoa(s.port)),
		Path:     "/" + s.cfg.Database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// String returns the server's address.
func (s *Server) String() string {
	return fmt.Sprintf("pgtest.Server(%s:%d)", host, s.port)
}

// command returns how to run the server. It turns off everything that keeps data safe in a
// crash, since a test's data is thrown away. The log has no statements, since these could
// hold a password.
func (s *Server) command(postgres string, account *daemon.Account, port int) daemon.Command {
	args := []string{"-D", s.data(), "-p", strconv.Itoa(port)}
	for _, setting := range []string{
		"listen_addresses=" + host,
		"unix_socket_directories=",
		"max_connections=" + strconv.Itoa(s.cfg.MaxConnections),
		"fsync=off", "synchronous_commit=off", "full_page_writes=off",
		"autovacuum=off",
		"log_min_error_statement=panic", "log_statement=none",
	} {
		args = append(args, "-c", setting)
	}
	return daemon.Command{
		Path: postgres, Args: args, Dir: s.dir, Log: s.log(), Account: account,
		Stop:     syscall.SIGINT,  // the fast shutdown
		Orphaned: syscall.SIGQUIT, // the immediate shutdown, which ends the sessions' processes too
	}
}

func (s *Server) log() string  { return filepath.Join(s.dir, "log") }
func (s *Server) data() string { return filepath.Join(s.dir, "data") }
