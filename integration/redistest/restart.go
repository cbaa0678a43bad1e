package redistest

import (
	"fmt"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// Stop kills the server, which breaks all its connections. The server loses its keys and keeps its
// users. [Server.Resume] starts it again. Stop and Resume must not be called at the same
// time as another method.
func (s *Server) Stop() error {
	if err := s.process.Kill(); err != nil {
		return fmt.Errorf("redistest: stop: %w", err)
	}
	return nil
}

// Resume starts a server that Stop has ended, at its former address, and returns when it
// answers.
func (s *Server) Resume() error {
	s.mu.Lock()
	err := s.writeConfig()
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("redistest: resume: %w", err)
	}
	c, try := s.command(s.port)
	if s.process, err = daemon.Start(c); err == nil {
		err = s.process.Await(s.cfg.StartTimeout, try)
	}
	if err != nil {
		return fmt.Errorf("redistest: resume: %w", err)
	}
	return nil
}
