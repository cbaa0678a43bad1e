// Package source is the one thing that all contenders are set up over: a stand-in
// for Secrets Manager inside the process, with a latency and faults that are set,
// and the same secrets over HTTP for the end-to-end rows.
package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// A Secret is one version of a secret, as every contender's adapter gets it. Value
// is a string of its own for each Fetch, as from a real client.
type Secret struct {
	Value   string
	Version int
}

// Mode is how a Source answers.
type Mode int32

// The modes of a Source.
const (
	OK      Mode = iota
	Failing      // every call fails at once
	Hanging      // every call waits for its context to end
)

// ErrFailing is how a failing Source fails.
var ErrFailing = errors.New("source: failing as it was told to")

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

// SetMode says how further calls are answered.
func (s *Source) SetMode(m Mode) { s.mode.Store(int32(m)) }

// Rotate gives every secret its next version and returns that.
func (s *Source) Rotate() int { return int(s.version.Add(1)) }

// Version returns the present version of every secret.
func (s *Source) Version() int { return int(s.version.Load()) }

// Calls returns how many calls were made, of either kind.
func (s *Source) Calls() int { return int(s.calls.Load()) }

// Fetch is GetSecretValue.
func (s *Source) Fetch(ctx context.Context, _ string) (Secret, error) {
	s.calls.Add(1)
	if err := s.wait(ctx, Mode(s.mode.Load())); err != nil {
		return Secret{}, err
	}
	v := s.Version()
	return Secret{Value: Payload(v, 0), Version: v}, nil
}

// Describe is DescribeSecret: the current version. It is what the AWS caching
// client asks first; it goes on working in an outage "just after a rotation",
// where GetSecretValue alone fails.
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

// PayloadSize is the length of a payload that is not padded.
const PayloadSize = 97

// Payload makes the JSON of five fields of one version: of PayloadSize bytes, or
// of size if that is more; then the password is that much longer.
func Payload(version, size int) string {
	pad := ""
	if size > PayloadSize {
		pad = strings.Repeat("x", size-PayloadSize)
	}
	return fmt.Sprintf(`{"username":"app","password":"hunter2%08d%s","host":"db.internal","port":5432,"dbname":"order"}`,
		version%1e8, pad)
}
