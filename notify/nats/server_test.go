package natsnotify_test

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const subject = "rotations"

// A natsServer is a nats-server in this process, which can be restarted at its address. Its
// user "app" subscribes, and "relay" publishes.
type natsServer struct {
	mu       sync.Mutex // guards the rest
	options  *server.Options
	running  *server.Server
	relay    *nats.Conn
	password string // of app
}

func newServer() (*natsServer, error) {
	s := &natsServer{
		options:  &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true},
		password: "first",
	}
	return s, s.start()
}

func startServer(t testing.TB) *natsServer {
	t.Helper()
	s, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// users are those of a receiver and of a relay.
func (s *natsServer) users() []*server.User {
	may := &server.Permissions{Subscribe: &server.SubjectPermission{Allow: []string{subject}}}
	return []*server.User{{Username: "app", Password: s.password, Permissions: may}, {Username: "relay", Password: "relay"}}
}

// start starts the server, at the address that it had before.
func (s *natsServer) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Users = s.users()
	running, err := server.NewServer(s.options.Clone())
	if err != nil {
		return err
	}
	running.Start()
	if !running.ReadyForConnections(10 * time.Second) {
		return errors.New("nats-server is not ready")
	}
	s.running, s.options.Port = running, running.Addr().(*net.TCPAddr).Port
	s.relay, err = nats.Connect(running.ClientURL(), nats.UserInfo("relay", "relay"))
	return err
}

// stop stops the server.
func (s *natsServer) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.relay.Close()
	s.running.Shutdown()
	s.running.WaitForShutdown()
}

func (s *natsServer) url() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("nats://127.0.0.1:%d", s.options.Port)
}

// publish returns when the server has the message.
func (s *natsServer) publish(message []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.relay.Publish(subject, message); err != nil {
		return err
	}
	return s.relay.Flush()
}

// rotate gives the user another password. The server breaks the connections of that user.
func (s *natsServer) rotate() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.password += "0"
	s.options.Users = s.users()
	return s.running.ReloadOptions(s.options.Clone())
}

// login is what Config.Credentials returns.
func (s *natsServer) login() nats.Option {
	s.mu.Lock()
	defer s.mu.Unlock()
	return nats.UserInfo("app", s.password)
}

// subscribers returns how many subscriptions of the subject the server has.
func (s *natsServer) subscribers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, err := s.running.Subsz(&server.SubszOptions{Subscriptions: true, Test: subject})
	if err != nil {
		return 0
	}
	return known.Total
}
