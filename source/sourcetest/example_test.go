package sourcetest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/sourcetest"
)

// A shelf is a source of one's own.
type shelf struct {
	mu   sync.Mutex
	kept map[string]string
}

func (s *shelf) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return secret.Value{}, fmt.Errorf("%w: %w", secret.ErrTimeout, ctx.Err())
	} else if ctx.Err() != nil {
		return secret.Value{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text, ok := s.kept[ref.ID]
	if !ok || ref.VersionID != "" || ref.Stage != "" && ref.Stage != secret.CurrentStage {
		return secret.Value{}, secret.ErrNotFound
	}
	return secret.Value{Payload: secret.StringPayload(text)}, nil
}

func (s *shelf) set(_ testing.TB, id, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[id] = value
}

// TestShelf shows how the test of a source calls Run.
func TestShelf(t *testing.T) {
	s := &shelf{kept: map[string]string{}}
	sourcetest.Run(t, sourcetest.Harness{Source: s, Put: s.set, Rotate: s.set, Empty: true})
}

func ExampleRun() {
	_ = func(t *testing.T) { // TestShelf, say
		s := &shelf{kept: map[string]string{}}
		sourcetest.Run(t, sourcetest.Harness{Source: s, Put: s.set, Rotate: s.set, Empty: true})
	}
}
