package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// ErrNoBouncer means that PgBouncer is not on this machine.
var ErrNoBouncer = errors.New("pgbouncer is neither on PATH nor in /usr/sbin; install Debian's package pgbouncer")

// bouncerFolders are searched after PATH, since /usr/sbin may not be on it.
var bouncerFolders = []string{"/usr/sbin"}

// BouncerConfig says how [StartBouncer] sets up a PgBouncer. The zero value is right for
// most tests.
type BouncerConfig struct {
	// LoginRetry is the time for which PgBouncer answers clients with an error after
	// PostgreSQL refused a login; the default is a second. PgBouncer's own default is 15 s.
	LoginRetry time.Duration

	// ServerLifetime is the age at which an idle session of PgBouncer is closed; the default
	// is an hour, as PgBouncer's own.
	ServerLifetime time.Duration

	// PoolSize is the most sessions of a user; the default is 100.
	PoolSize int

	// StartTimeout bounds the time until PgBouncer answers; the default is a minute.
	StartTimeout time.Duration
}

func (c BouncerConfig) withDefaults() BouncerConfig {
	if c.LoginRetry == 0 {
		c.LoginRetry = time.Second
	}
	if c.ServerLifetime == 0 {
		c.ServerLifetime = time.Hour
	}
	if c.PoolSize == 0 {
		c.PoolSize = 100
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = time.Minute
	}
	return c
}

// A Bouncer is a PgBouncer before a [Server]. It pools by transaction, and asks the server
// for the password of each client (auth_query), so a password is changed in one place. Its
// methods are safe for concurrent use.
type Bouncer struct {
	cfg     BouncerConfig
	server  *Server
	dir     string
	port    int
	process *daemon.Process

	once sync.Once
	err  error // the error of Close
}

// NewBouncer starts a PgBouncer for a test, and closes it when the test is over.
func NewBouncer(t testing.TB, s *Server, cfg BouncerConfig) *Bouncer {
	t.Helper()
	b, err := StartBouncer(s, cfg)
	return daemon.For(t, b, err)
}

// StartBouncer starts a PgBouncer, and returns when it answers. As root, it runs as another
// user, as the server does.
func StartBouncer(s *Server, cfg BouncerConfig) (*Bouncer, error) {
	b := &Bouncer{cfg: cfg.withDefaults(), server: s}
	if err := b.start(); err != nil {
		return nil, fmt.Errorf("pgtest: %w", errors.Join(err, b.Close()))
	}
	return b, nil
}

func (b *Bouncer) start() error {
	programs := daemon.Find([]string{"pgbouncer"}, bouncerFolders)
	if programs == nil {
		return ErrNoBouncer
	}
	account, err := daemon.Unprivileged("postgres", "nobody")
	if err != nil {
		return err
	}
	if b.dir, err = account.MkdirTemp("pgbouncer-"); err != nil {
		return err
	}
	users := fmt.Sprintf("%q %q\n", superuser, b.server.password)
	if err := account.WriteFile(b.path("users"), []byte(users)); err != nil {
		return err
	}
	b.process, b.port, err = daemon.Serve(b.cfg.StartTimeout, func(port int) (daemon.Command, func(context.Context) error) {
		// An error of the write shows itself as PgBouncer's.
		_ = account.WriteFile(b.path("ini"), []byte(b.ini(port)))
		c := daemon.Command{
			Path: programs[0], Args: []string{b.path("ini")}, Dir: b.dir, Log: b.path("log"), Account: account,
			Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
		}
		return c, func(ctx context.Context) error { return login(ctx, b.config(port, superuser, b.server.password)) }
	})
	if err != nil {
		return fmt.Errorf("pgbouncer: %w", err)
	}
	return nil
}

func (b *Bouncer) ini(port int) string {
	lines := []string{
		"[databases]",
		fmt.Sprintf("%s = host=%s port=%d auth_user=%s", b.server.cfg.Database, host, b.server.port, superuser),
		"[pgbouncer]",
		"listen_addr = " + host,
		"listen_port = " + strconv.Itoa(port),
		"unix_socket_dir =",
		"auth_type = scram-sha-256",
		"auth_file = " + b.path("users"),
		"auth_query = SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin",
		"pool_mode = transaction",
		"default_pool_size = " + strconv.Itoa(b.cfg.PoolSize),
		"max_client_conn = 1000",
		fmt.Sprintf("server_login_retry = %g", b.cfg.LoginRetry.Seconds()),
		fmt.Sprintf("server_lifetime = %g", b.cfg.ServerLifetime.Seconds()),
		"log_connections = 0",
		"log_disconnections = 1", // for OwnLoginsRefused
	}
	return strings.Join(lines, "\n") + "\n"
}

func (b *Bouncer) path(name string) string { return filepath.Join(b.dir, name) }

// config returns how a user connects.
func (b *Bouncer) config(port int, user, password string) *pgx.ConnConfig {
	return b.server.config(port, b.server.cfg.Database, user, password)
}

// Close stops PgBouncer, and removes its folder. It may be called more than once.
func (b *Bouncer) Close() error {
	b.once.Do(func() {
		if b.process != nil {
			b.err = b.process.Close(0) // it has nothing to lose
		}
		if b.dir != "" {
			b.err = errors.Join(b.err, os.RemoveAll(b.dir))
		}
	})
	return b.err
}

// URL returns the connection string for a user, with the password. Clients of a pool by
// transaction can't use prepared statements, so it has pgx describe each statement anew.
func (b *Bouncer) URL(user, password string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, password),
		Host:     net.JoinHostPort(host, strconv.Itoa(b.port)),
		Path:     "/" + b.server.cfg.Database,
		RawQuery: "sslmode=disable&default_query_exec_mode=exec",
	}
	return u.String()
}

// CheckLogin opens a session of PgBouncer and ends it.
func (b *Bouncer) CheckLogin(ctx context.Context, user, password string) error {
	return login(ctx, b.config(b.port, user, password))
}

// SetPassword gives a user another password, in PostgreSQL; PgBouncer asks there.
func (b *Bouncer) SetPassword(ctx context.Context, user, password string) error {
	return b.server.SetPassword(ctx, user, password)
}

// OwnLoginsRefused returns how many of PgBouncer's own logins PostgreSQL has refused. It
// counts them in PgBouncer's log. From the line in the log on, PgBouncer tells its clients.
func (b *Bouncer) OwnLoginsRefused() (int, error) {
	log, err := os.ReadFile(b.path("log"))
	if err != nil {
		return 0, fmt.Errorf("pgtest: counting refused logins: %w", err)
	}
	return strings.Count(string(log), "closing because: login failed"), nil
}

// String returns the address.
func (b *Bouncer) String() string { return fmt.Sprintf("pgtest.Bouncer(%s:%d)", host, b.port) }
