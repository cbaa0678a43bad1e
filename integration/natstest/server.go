// Package natstest runs a nats-server in this process, for tests in which it is stopped and
// started again.
package natstest

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// startTimeout bounds the time until the server answers.
const startTimeout = 30 * time.Second

// Server is a nats-server on a free port of the loopback interface. It asks for no login. Its
// methods are safe for concurrent use.
type Server struct {
	mu      sync.Mutex // guards the fields below
	port    int
	running *server.Server
	conn    *nats.Conn // for Publish
}

// New starts a server for a test, and closes it when the test is over. The test fails if the
// server can't be started.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start()
	return daemon.For(t, s, err)
}

// Start starts a server and returns when it answers.
func Start() (*Server, error) {
	s := &Server{port: server.RANDOM_PORT}
	if err := s.Resume(); err != nil {
		return nil, err
	}
	return s, nil
}

// Stop ends the server, which breaks all its connections. It does nothing if the server is
// stopped already.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return
	}
	s.conn.Close()
	s.running.Shutdown()
	s.running.WaitForShutdown()
	s.running = nil
}

// Resume starts a server that Stop has ended, at its former address, and returns when it
// answers.
func (s *Server) Resume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	running, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: s.port, NoLog: true, NoSigs: true})
	if err != nil {
		return fmt.Errorf("natstest: %w", err)
	}
	running.Start()
	if !running.ReadyForConnections(startTimeout) {
		running.Shutdown()
		return errors.New("natstest: nats-server does not answer")
	}
	conn, err := nats.Connect(running.ClientURL())
	if err != nil {
		running.Shutdown()
		return fmt.Errorf("natstest: %w", err)
	}
	s.running, s.conn, s.port = running, conn, running.Addr().(*net.TCPAddr).Port
	return nil
}

// Close stops the server. It may be called more than once.
func (s *Server) Close() error {
	s.Stop()
	return nil
}

// URL returns the server's URL, which stays the same when it is started again.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("nats://127.0.0.1:%d", s.port)
}

// Publish returns when the server has the message. It returns an error while the server is
// stopped.
func (s *Server) Publish(subject string, message []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.conn.Publish(subject, message); err != nil {
		return fmt.Errorf("natstest: %w", err)
	}
	if err := s.conn.FlushTimeout(startTimeout); err != nil {
		return fmt.Errorf("natstest: %w", err)
	}
	return nil
}

// String returns the server's address.
func (s *Server) String() string { return "natstest.Server(" + s.URL() + ")" }
