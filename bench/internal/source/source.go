// Package source is the source of secrets of all contenders: a replacement for Secrets
// Manager inside the process, with a latency and faults that a workload sets. The
// end-to-end rows get the same secrets over HTTP.
package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// A Secret is one version of a secret. Each Fetch makes a new string for Value, as a real
// client does.
type Secret struct {
	Value   string
	Version int
}

// Mode is the way in which a Source answers.
type Mode int32

// These are the modes of a Source.
const (
	OK      Mode = iota
	Failing      // every call fails at once
	Hanging      // every call waits for its context to end
)

// ErrFailing is the error of a failing Source.
var ErrFailing = errors.New("source: failing as configured")

// A Source holds a secret under every ID. It is safe for concurrent use; the zero
// value is ready.
type Source struct {
	latency atomic.Int64
	mode    atomic.Int32
	version atomic.Int64
	calls   atomic.Int64
}

// SetLatency makes every answer take d.
func (s *Source) SetLatency(d time.Duration) { s.latency.Store(int64(d)) }

// SetMode sets how further calls are answered.
func (s *Source) SetMode(m Mode) { s.mode.Store(int32(m)) }

// Rotate gives every secret its next version, and returns the version.
func (s *Source) Rotate() int { return int(s.version.Add(1)) }

// Version returns the current version of every secret.
func (s *Source) Version() int { return int(s.version.Load()) }

// Calls returns the number of calls of Fetch and Describe.
func (s *Source) Calls() int { return int(s.calls.Load()) }

// Fetch stands for GetSecretValue.
func (s *Source) Fetch(ctx context.Context, _ string) (Secret, error) {
	s.calls.Add(1)
	if err := s.wait(ctx, Mode(s.mode.Load())); err != nil {
		return Secret{}, err
	}
	v := s.Version()
	return Secret{Value: Payload(v, 0), Version: v}, nil
}

// Describe stands for DescribeSecret, and returns the current version. The AWS caching
// client calls it first. If reachable is set, it also works while the Source fails, as in
// an outage of GetSecretValue alone.
func (s *Source) Describe(ctx context.Context, _ string, reachable bool) (int, error) {
	s.calls.Add(1)
	mode := Mode(s.mode.Load())
	if reachable {
		mode = OK
	}
	if err := s.wait(ctx, mode); err != nil {
		return 0, err
	}
	return s.Version(), nil
}

func (s *Source) wait(ctx context.Context, mode Mode) error {
	switch mode {
	case Failing:
		return ErrFailing
	case Hanging:
		<-ctx.Done()
		return ctx.Err()
	}
	d := time.Duration(s.latency.Load())
	if d == 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// PayloadSize is the length of a payload without padding.
const PayloadSize = 97

// Payload returns the JSON of a version, with five fields. It has PayloadSize bytes, or
// size bytes if that is more; then the password is longer.
func Payload(version, size int) string {
	pad := ""
	if size > PayloadSize {
		pad = strings.Repeat("x", size-PayloadSize)
	}
	return fmt.Sprintf(`{"username":"app","password":"hunter2%08d%s","host":"db.internal","port":5432,"dbname":"order"}`,
		version%1e8, pad)
}
