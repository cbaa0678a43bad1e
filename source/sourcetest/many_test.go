package sourcetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/sourcetest"
)

type (
	answer  = func(secret.Ref, secret.Value, error)
	request = func(context.Context, []secret.Ref) error
)

// fetching is the source in memory that fetches ten secrets a request, changed in one way.
type fetching struct {
	*memory
	change   func(answer) answer
	requests func(ctx context.Context, refs []secret.Ref, answer answer, request request)
}

func (m fetching) FetchMany(ctx context.Context, refs []secret.Ref, answer answer) {
	if m.change != nil {
		answer = m.change(answer)
	}
	requests := m.requests
	if requests == nil {
		requests = requestsOf(10)
	}
	requests(ctx, refs, answer, func(ctx context.Context, refs []secret.Ref) error {
		for _, ref := range refs {
			v, err := m.Fetch(ctx, ref)
			answer(ref, v, err)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.memory.requests -= len(refs) - 1
		return nil
	})
}

func requestsOf(n int) func(context.Context, []secret.Ref, answer, request) {
	return func(ctx context.Context, refs []secret.Ref, answer answer, request request) {
		secret.MakeRequests(ctx, slices.Chunk(refs, n), answer, request)
	}
}

func TestGoodManySourcePasses(t *testing.T) {
	m, h := harness()
	h.Source = fetching{memory: m}
	sourcetest.Run(t, h)
}

func TestBrokenManySourcesFail(t *testing.T) {
	changed := func(f func(ref *secret.Ref, v *secret.Value, err *error)) func(answer) answer {
		return func(good answer) answer {
			return func(ref secret.Ref, v secret.Value, err error) {
				f(&ref, &v, &err)
				good(ref, v, err)
			}
		}
	}
	onError := func(f func(error) error) func(answer) answer {
		return changed(func(_ *secret.Ref, _ *secret.Value, err *error) { *err = f(*err) })
	}
	for name, row := range map[string]struct {
		broken fetching
		check  string
	}{
		"answers twice": {fetching{change: func(good answer) answer {
			return func(ref secret.Ref, v secret.Value, err error) { good(ref, v, err); good(ref, v, err) }
		}}, "many"},
		"leaves one out": {fetching{change: func(good answer) answer {
			return func(ref secret.Ref, v secret.Value, err error) {
				if !strings.HasSuffix(ref.ID, "7") {
					good(ref, v, err)
				}
			}
		}}, "many"},
		"answers about another":    {fetching{change: changed(func(ref *secret.Ref, _ *secret.Value, _ *error) { ref.ID += "x" })}, "many"},
		"another version ID":       {fetching{change: changed(func(_ *secret.Ref, v *secret.Value, _ *error) { v.VersionID += "x" })}, "many"},
		"sets FetchedAt":           {fetching{change: changed(func(_ *secret.Ref, v *secret.Value, _ *error) { v.FetchedAt = v.Created.Add(1) })}, "many"},
		"unknown is no error":      {fetching{change: onError(func(error) error { return nil })}, "many"},
		"a request for each":       {fetching{requests: requestsOf(1)}, "many"},
		"never returns":            {fetching{requests: func(ctx context.Context, _ []secret.Ref, _ answer, _ request) { <-ctx.Done() }}, "many"},
		"an error of no kind":      {fetching{change: onError(hideKind)}, "many-failures"},
		"the secret in its error":  {fetching{change: onError(quoted)}, "many-failures"},
		"cancelled is unavailable": {fetching{change: onError(misnamed)}, "many-failures"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, h := harness()
				row.broken.memory = m
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				h.Source = row.broken
				if failed := sourcetest.Failed(inContext{t, ctx}, h); len(failed[row.check]) == 0 {
					t.Errorf("%s does not fail; what does: %q", row.check, failed)
				}
			})
		})
	}
}

// inContext is a test whose context is ended before its bubble.
type inContext struct {
	testing.TB
	ctx context.Context
}

func (t inContext) Context() context.Context { return t.ctx }

func hideKind(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return errors.New("strange")
}

func quoted(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("of Zq7!Xw9@Kv3#Jp5$Ym1%%Ub8^Tn2&Rc6*: %w", err)
}

func misnamed(err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", secret.ErrUnavailable, err)
	}
	return err
}
