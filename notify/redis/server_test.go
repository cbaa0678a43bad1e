package redisnotify_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// A server is a real Redis, reached by a socket in a folder of its own. It can be stopped and
// started again.
type server struct {
	testing.TB
	dir    string
	config []string
	cmd    *exec.Cmd
	admin  *redis.Client // logged in as the default user, which has no password
}

func startRedis(t testing.TB, config ...string) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "redis") // short, since the length of a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	s := &server{TB: t, dir: dir, config: config}
	s.admin = redis.NewClient(s.options())
	s.start()
	t.Cleanup(func() {
		s.admin.Close()
		s.stop()
		os.RemoveAll(dir)
	})
	return s
}

func (s *server) socket() string { return filepath.Join(s.dir, "socket") }

// options are those of a client that is not logged in.
func (s *server) options() *redis.Options { return &redis.Options{Network: "unix", Addr: s.socket()} }

// start returns when the server accepts connections.
func (s *server) start() {
	s.Helper()
	if err := s.run(); err != nil {
		s.Fatal(err)
	}
}

func (s *server) run() error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("install Debian's package redis-server: %w", err)
	}
	s.cmd = exec.Command(path, append(s.config, "--port", "0", "--unixsocket", s.socket(), "--dir", s.dir, "--save", "", "--appendonly", "no")...)
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		s.cmd = nil
		return err
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), "ready to accept connections at") {
			go func() { // reads the rest of the output, so that Redis does not block
				for lines.Scan() {
				}
			}()
			return nil
		}
	}
	s.stop()
	return errors.New("redis-server ended:\n" + said.String())
}

// stop kills the server. All connections break.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
	s.cmd = nil
}

// do has the server execute a command.
func (s *server) do(args ...any) {
	s.Helper()
	if err := s.admin.Do(context.Background(), args...).Err(); err != nil {
		s.Fatal(args[0], err)
	}
}

// publish publishes a message, and returns how many subscribers Redis has given it to.
func (s *server) publish(channel, message string) int64 {
	s.Helper()
	n, err := s.admin.Publish(context.Background(), channel, message).Result()
	if err != nil {
		s.Fatal(err)
	}
	return n
}

// A login is what a client logs in with. It may change while the client is in use.
type login struct {
	mu             sync.Mutex // guards the fields below
	user, password string
}

func (l *login) set(user, password string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.user, l.password = user, password
}

func (l *login) provide(context.Context) (user, password string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.user, l.password, nil
}

// allow lets a user log in with this password alone, and do no more than the package comment
// says. Its connections break.
func (s *server) allow(user, password string) {
	s.Helper()
	s.do("ACL", "SETUSER", user, "reset", "on", ">"+password, "resetchannels", "&"+channel, "+subscribe", "+ping")
	s.kill(user)
}

// kill breaks the connections of a user.
func (s *server) kill(user string) {
	s.Helper()
	s.do("CLIENT", "KILL", "USER", user)
}
