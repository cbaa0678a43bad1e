package config

import (
	"context"
	"sync"
)

// Store keeps the token as programs do.
type Store struct {
	mu    sync.RWMutex
	token string
}

func (s *Store) Load(ctx context.Context) error {
	t, err := token.Get(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = t.Value
	return nil
}

func (s *Store) Token() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.token
}

// Current is the token of the program.
var Current string

func Init(ctx context.Context) { Current, _ = Token(ctx) }

// TokenSource is implemented by Store.
type TokenSource interface{ Token() string }
