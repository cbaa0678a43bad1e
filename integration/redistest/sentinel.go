package redistest

import (
	"context"
	"errors"
	"fmt"
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

// MasterName is the name under which a [Sentinel] knows its master.
const MasterName = "main"

// A Sentinel is a Redis Sentinel, whose clients need no password, with a master and a
// replica. Its methods are safe for concurrent use.
type Sentinel struct {
	dir     string
	port    int
	servers []*Server // the first one is the master at first
	process *daemon.Process
	client  *redis.SentinelClient

	once sync.Once
	err  error // the error of Close
}

// NewSentinel starts a Sentinel for a test, and closes it when the test is over.
func NewSentinel(t testing.TB) *Sentinel {
	t.Helper()
	s, err := StartSentinel(Config{})
	return daemon.For(t, s, err)
}

// StartSentinel starts a Sentinel with its servers, and returns when it knows both.
func StartSentinel(cfg Config) (*Sentinel, error) {
	s := &Sentinel{}
	if err := s.start(cfg); err != nil {
		return nil, fmt.Errorf("redistest: sentinel: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Sentinel) start(cfg Config) error {
	master, err := Start(cfg)
	if err != nil {
		return err
	}
	s.servers = append(s.servers, master)
	cfg.replicaOf = master
	replica, err := Start(cfg)
	if err != nil {
		return err
	}
	s.servers = append(s.servers, replica)
	if s.dir, err = os.MkdirTemp("", "sentinel-"); err != nil {
		return err
	}
	s.process, s.port, err = daemon.Serve(time.Minute, func(port int) (daemon.Command, func(context.Context) error) {
		// An error of the write shows itself as Redis's. Sentinel rewrites the file.
		config := filepath.Join(s.dir, "sentinel.conf")
		_ = os.WriteFile(config, []byte(s.config(port)), 0o600)
		c := daemon.Command{
			Path: daemon.Find([]string{"redis-server"}, folders)[0], Args: []string{config, "--sentinel"},
			Dir: s.dir, Log: filepath.Join(s.dir, "log"), Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
		}
		return c, func(ctx context.Context) error { return s.answers(ctx, port) }
	})
	if err != nil {
		return err
	}
	s.client = sentinelClient(s.port)
	return nil
}

func (s *Sentinel) config(port int) string {
	master := s.servers[0]
	return "bind " + host + "\n" +
		"port " + strconv.Itoa(port) + "\n" +
		"dir " + strconv.Quote(s.dir) + "\n" +
		fmt.Sprintf("sentinel monitor %s %s %d 1\n", MasterName, host, master.port) +
		fmt.Sprintf("sentinel auth-pass %s %s\n", MasterName, master.password) +
		fmt.Sprintf("sentinel down-after-milliseconds %s 5000\n", MasterName)
}

func sentinelClient(port int) *redis.SentinelClient {
	return redis.NewSentinelClient(&redis.Options{Addr: address(port), MaxRetries: -1, DialerRetries: 1})
}

// answers reports an error until the Sentinel has found the replica.
func (s *Sentinel) answers(ctx context.Context, port int) error {
	if err := dial(ctx, address(port)); err != nil {
		return err
	}
	c := sentinelClient(port)
	defer c.Close()
	replicas, err := c.Replicas(ctx, MasterName).Result()
	switch {
	case err != nil:
		return err
	case len(replicas) != 1 || replicas[0]["master-link-status"] != "ok" || replicas[0]["flags"] != "slave":
		return errors.New("it has not found the replica yet")
	}
	return nil
}

// Close stops the Sentinel and its servers. It may be called more than once.
func (s *Sentinel) Close() error {
	s.once.Do(func() {
		if s.client != nil {
			s.err = s.client.Close()
		}
		if s.process != nil {
			s.err = errors.Join(s.err, s.process.Close(grace))
		}
		if s.dir != "" {
			s.err = errors.Join(s.err, os.RemoveAll(s.dir))
		}
		s.err = errors.Join(s.err, closeAll(s.servers))
	})
	return s.err
}

// Addr returns the Sentinel's address.
func (s *Sentinel) Addr() string { return address(s.port) }

// Master returns the address of the present master.
func (s *Sentinel) Master(ctx context.Context) (string, error) {
	at, err := s.client.GetMasterAddrByName(ctx, MasterName).Result()
	if err != nil {
		return "", fmt.Errorf("redistest: sentinel: %w", err)
	}
	return at[0] + ":" + at[1], nil
}

// Failover makes the replica the master, and returns when the Sentinel names it.
func (s *Sentinel) Failover(ctx context.Context) error {
	before, err := s.Master(ctx)
	if err != nil {
		return err
	}
	if err := s.client.Failover(ctx, MasterName).Err(); err != nil {
		return fmt.Errorf("redistest: sentinel: FAILOVER: %w", err)
	}
	for {
		if now, err := s.Master(ctx); err != nil || now != before {
			return err
		}
	}
}

// SetUser calls [Server.SetUser] at the master and the replica, since a replica does not
// copy users.
func (s *Sentinel) SetUser(ctx context.Context, user, password string) error {
	return setUsers(ctx, s.servers, user, password)
}

// SetPassword calls SetUser; package rotation needs a method of this name.
func (s *Sentinel) SetPassword(ctx context.Context, user, password string) error {
	return s.SetUser(ctx, user, password)
}

// CheckLogin logs in at the master and the replica.
func (s *Sentinel) CheckLogin(ctx context.Context, user, password string) error {
	return checkLogins(ctx, s.servers, user, password)
}

// String returns the Sentinel's address.
func (s *Sentinel) String() string { return "redistest.Sentinel(" + s.Addr() + ")" }
