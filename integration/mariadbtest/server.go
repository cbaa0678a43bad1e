// Package mariadbtest starts a real MariaDB, for tests in which the same server refuses a
// password as in production. [New] starts one for a test. [Server.CreateUser],
// [Server.SetPassword] and [Server.Lock] change users as a rotation does, and
// [Server.CheckLogin] tries a login.
package mariadbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// ErrNotInstalled means that MariaDB's programs are not on this machine.
var ErrNotInstalled = errors.New("mariadbd and mariadb-install-db are neither on PATH nor in /usr/sbin and /usr/bin; install Debian's package mariadb-server")

// folders are searched after PATH, since /usr/sbin may not be on it.
var folders = []string{"/usr/sbin", "/usr/bin"}

const (
	host     = "127.0.0.1"
	admin    = "administrator"
	database = "app"
	grace    = 10 * time.Second // for an orderly shutdown
)

// Config says how [Start] sets up a server. The zero value is right for most tests.
type Config struct {
	// StartTimeout bounds the time until the server answers; the default is a minute.
	StartTimeout time.Duration
}

// Server is a MariaDB in a folder of its own, on a free port of the loopback interface. It
// has a database called app. Its methods are safe for concurrent use.
type Server struct {
	dir      string
	port     int
	password string // the administrator's
	process  *daemon.Process
	admin    *sql.DB

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

// Start makes the system tables and starts a server on them, and returns when the server
// answers. If this process is root, the server runs as another user: mysql, or nobody. On
// Linux the server ends when this process ends, also when that is killed; then the server's
// folder is left behind.
func Start(cfg Config) (*Server, error) {
	if cfg.StartTimeout == 0 {
		cfg.StartTimeout = time.Minute
	}
	s := &Server{password: rand.Text()}
	if err := s.start(cfg); err != nil {
		return nil, fmt.Errorf("mariadbtest: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Server) start(cfg Config) error {
	server, install := daemon.Find([]string{"mariadbd"}, folders), daemon.Find([]string{"mariadb-install-db"}, folders)
	if server == nil || install == nil {
		return ErrNotInstalled
	}
	account, err := daemon.Unprivileged("mysql", "nobody")
	if err != nil {
		return err
	}
	if s.dir, err = account.MkdirTemp("mariadbtest-"); err != nil {
		return err
	}
	// The passwords stand in a file, since other users can see arguments.
	for name, text := range map[string]string{"cnf": s.config(), "users.sql": s.users()} {
		if err := account.WriteFile(s.path(name), []byte(text)); err != nil {
			return err
		}
	}
	if err := s.install(install[0], account, cfg.StartTimeout); err != nil {
		return fmt.Errorf("mariadb-install-db: %w", err)
	}
	s.process, s.port, err = daemon.Serve(cfg.StartTimeout, func(port int) (daemon.Command, func(context.Context) error) {
		c := daemon.Command{
			Path: server[0],
			Args: []string{"--defaults-file=" + s.path("cnf"), "--port=" + strconv.Itoa(port), "--init-file=" + s.path("users.sql")},
			Dir:  s.dir, Log: s.path("log"), Account: account,
			Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
		}
		return c, func(ctx context.Context) error { return login(ctx, port, admin, s.password) }
	})
	if err != nil {
		return fmt.Errorf("mariadbd: %w", err)
	}
	connector, err := mysql.NewConnector(config(s.port, admin, s.password))
	if err != nil {
		return err
	}
	s.admin = sql.OpenDB(connector)
	return nil
}

// install makes the system tables.
func (s *Server) install(program string, account *daemon.Account, timeout time.Duration) error {
	p, err := daemon.Start(daemon.Command{
		Path: program,
		Args: []string{"--defaults-file=" + s.path("cnf"), "--auth-root-authentication-method=normal", "--skip-test-db"},
		Dir:  s.dir, Log: s.path("install.log"), Account: account,
		Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
	})
	if err != nil {
		return err
	}
	if err := p.Wait(timeout); err != nil {
		return errors.Join(err, p.Close(0))
	}
	return nil
}

// config turns off everything that keeps data safe in a crash, since a test's data is
// thrown away.
func (s *Server) config() string {
	return strings.Join([]string{
		"[mariadbd]",
		"datadir=" + s.path("data"),
		"tmpdir=" + s.dir, // a server that starts removes every temporary table in its tmpdir
		"socket=" + s.path("socket"),
		"pid-file=" + s.path("pid"),
		"bind-address=" + host,
		"skip-name-resolve",
		"skip-log-bin",
		"max_connections=300",
		"performance_schema=OFF",
		"innodb_flush_log_at_trx_commit=0",
		"innodb_doublewrite=0",
		"innodb_buffer_pool_size=16M",
		"innodb_log_file_size=8M",
	}, "\n") + "\n"
}

// users are the statements with which the server begins: they make an administrator and
// remove the accounts without a password. Each is one line, as init-file requires.
func (s *Server) users() string {
	return fmt.Sprintf("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s;\n", quote(admin), quote(s.password)) +
		fmt.Sprintf("GRANT ALL ON *.* TO %s@'%%' WITH GRANT OPTION;\n", quote(admin)) +
		"DELETE FROM mysql.global_priv WHERE User IN ('', 'root');\n" +
		"FLUSH PRIVILEGES;\n" +
		"CREATE DATABASE IF NOT EXISTS " + database + ";\n"
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

// Config returns how go-sql-driver connects as a user.
func (s *Server) Config(user, password string) *mysql.Config { return config(s.port, user, password) }

func config(port int, user, password string) *mysql.Config {
	c := mysql.NewConfig()
	c.Net, c.Addr = "tcp", net.JoinHostPort(host, strconv.Itoa(port))
	c.User, c.Passwd, c.DBName = user, password, database
	c.Logger = &mysql.NopLogger{} // tries until the server answers would fill the log
	return c
}

// Addr returns the server's address, a host and a port.
func (s *Server) Addr() string { return net.JoinHostPort(host, strconv.Itoa(s.port)) }

// String returns the server's address.
func (s *Server) String() string { return "mariadbtest.Server(" + s.Addr() + ")" }

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }
