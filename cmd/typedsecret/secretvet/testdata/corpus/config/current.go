package config

import (
	"context"
	"iter"
	"maps"
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

// A Reader is implemented by Cached.
type Reader[T any] interface{ Read() T }

type Cached[T any] struct{ V T }

func (c *Cached[T]) Read() T { return c.V }

type Cell[T any] struct {
	ctx  context.Context
	kept T
}

// Read keeps the token's owner beside it.
func (c *Cell[T]) Read() string { s, _ := Token(c.ctx); return s }

// Names yields no secret.
func Names() iter.Seq[string] { return maps.Keys(map[string]int{"a": 1, "b": 2}) }

// Tokens yields the names of tokens, and the tokens.
func Tokens(ctx context.Context) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for n := range Names() {
			t, _ := Token(ctx)
			if !yield(n, t) {
				return
			}
		}
	}
}
