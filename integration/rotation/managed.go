package rotation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// managed is one secret that a rotator manages.
type managed struct {
	client *secretsmanager.Client
	arn    string
	turn   turn // held while asking for a rotation or undoing one
	gate   turn // held while a rotation begins or RotateSecret is called

	mu       sync.Mutex // guards the fields below
	cfg      Config
	values   map[string]credentials // the contents of versions, by ID; see the package's comment
	expected *run                   // the run that was asked for and has not begun
	current  *run                   // the latest run that has begun
}

func newManaged(c *secretsmanager.Client, arn string) *managed {
	return &managed{client: c, arn: arn, turn: newTurn(), gate: newTurn(), values: map[string]credentials{}}
}

func (m *managed) configure(cfg Config) {
	if cfg.Strategy == nil {
		cfg.Strategy = SingleUser
	}
	nothing := func(context.Context, string) error { return nil }
	if cfg.Before == nil {
		cfg.Before = nothing
	}
	if cfg.After == nil {
		cfg.After = nothing
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cfg = cfg
}

func (m *managed) config() Config {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cfg
}

// expect returns the run for a version: the one under way, or the next.
func (m *managed) expect(token string) *run {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current != nil && m.current.token == token && !m.current.over() {
		return m.current
	}
	m.expected = newRun(token)
	return m.expected
}

func (m *managed) underway() *run {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current == nil || m.current.over() {
		return nil
	}
	return m.current
}

// forget gives up a run that could not be started, unless it has begun meanwhile.
func (m *managed) forget(r *run, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.expected == r {
		m.expected = nil
		r.end(err)
	}
}

// interrupt stops the run that is under way or about to begin, and waits for its end.
func (m *managed) interrupt(ctx context.Context) error {
	m.mu.Lock()
	r := m.expected
	if r == nil {
		r = m.current
	}
	m.mu.Unlock()
	if r == nil {
		return nil
	}
	select {
	case <-r.started:
		r.cancel(ErrCanceled)
	case <-r.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin makes the run that starts now the current one.
func (m *managed) begin(ctx context.Context, token string) (*run, error) {
	if err := m.gate.take(ctx); err != nil {
		return nil, err
	}
	defer m.gate.release()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.expected != nil && m.expected.token == token {
		m.current, m.expected = m.expected, nil
	} else {
		m.current = newRun(token) // another caller of RotateSecret asked for it
	}
	m.current.begin(ctx)
	return m.current, nil
}

// step executes one step. A run ends with its last step, or with one that fails. A step
// also fails if a function of Config ends the goroutine, as t.FailNow does.
func (m *managed) step(ctx context.Context, step, token string) (err error) {
	r := m.underway()
	if step == CreateSecret {
		if r, err = m.begin(ctx, token); err != nil {
			return err
		}
	}
	if r == nil {
		return fmt.Errorf("rotation: %s: %w", step, ErrCanceled)
	}
	err = errors.New("the step did not return")
	defer func() {
		if err != nil {
			err = fmt.Errorf("rotation: %s: %w", step, err)
		}
		if err != nil || step == FinishSecret {
			r.end(err)
			r.release()
		}
	}()
	err = m.perform(r, step, token)
	return err
}

func (m *managed) perform(r *run, step, token string) error {
	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	cfg := m.config()
	if err := cfg.Before(r.ctx, step); err != nil {
		return err
	}
	work := map[string]func(context.Context, Config, string) error{
		CreateSecret: m.create, SetSecret: m.set, TestSecret: m.test, FinishSecret: m.finish,
	}[step]
	if err := work(r.ctx, cfg, token); err != nil {
		if cause := context.Cause(r.ctx); cause != nil {
			return cause
		}
		return err
	}
	if err := cfg.After(r.ctx, step); err != nil {
		return err
	}
	if step == FinishSecret {
		return nil // the rotation is done, even if it was cancelled
	}
	return r.pause(cfg.Pauses.after(step))
}

// conceal returns err, or an error in its place if err quotes a password.
func (m *managed) conceal(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return conceal(err, slices.Collect(maps.Values(m.values)))
}
