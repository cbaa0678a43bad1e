package redissecret_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// A redisServer is a real Redis, reached by a socket in a directory of its own.
type redisServer struct {
	socket string
	admin  *redis.Client // logged in as the default user, which has no password
	stop   func()
}

func startRedis(config ...string) (*redisServer, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("install Debian's package redis-server: %w", err)
	}
	dir, err := os.MkdirTemp("", "redis") // short, since the length of a socket's path is limited
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "socket")
	cmd := exec.Command(path, append(config, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no")...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &redisServer{socket: socket}
	s.admin = redis.NewClient(s.options())
	s.stop = func() {
		s.admin.Close()
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), "ready to accept connections at") {
			go func() { // reads the rest of the output, so that Redis does not block
				for lines.Scan() {
				}
			}()
			return s, nil
		}
	}
	s.stop()
	return nil, fmt.Errorf("redis-server ended:\n%s", &said)
}

// noHELLO makes Redis behave like a version without the command HELLO.
var noHELLO = []string{"--rename-command", "HELLO", ""}

func newRedis(t *testing.T, config ...string) *redisServer {
	t.Helper()
	s, err := startRedis(config...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// options are those of a client that is not logged in.
func (s *redisServer) options() *redis.Options {
	return &redis.Options{Network: "unix", Addr: s.socket}
}

// setPassword gives user app this password alone, and closes all connections of that user,
// so that the next command logs in.
func (s *redisServer) setPassword(password string) error {
	ctx := context.Background()
	err := s.admin.Do(ctx, "ACL", "SETUSER", "app", "on", "resetpass", ">"+password, "allkeys", "allchannels", "+@all").Err()
	if err != nil {
		return err
	}
	return s.admin.Do(ctx, "CLIENT", "KILL", "USER", "app").Err()
}

func (s *redisServer) set(t *testing.T, password string) {
	t.Helper()
	if err := s.setPassword(password); err != nil {
		t.Fatal(err)
	}
}
