package engine

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/units"
)

// The defaults, as package cache has them.
const (
	DefaultMaxSize            = 1024
	DefaultTTL                = time.Hour
	DefaultStage              = "AWSCURRENT"
	DefaultFetchTimeout       = 10 * time.Second
	DefaultMaxRefreshWait     = time.Second
	DefaultMinRefreshInterval = time.Second
	DefaultEventSpread        = 4 * time.Second
)

// The longest back-off delays of a Config without a Backoff.Max.
const (
	maxOutageDelay   = 15 * time.Second // while the source can't answer about it, but about others
	maxDeniedDelay   = time.Minute      // while the source refuses what a policy may allow
	maxNotFoundDelay = 5 * time.Minute  // while there is no such secret
)

// maxMaxSize is a bound against slips: go-freelru allocates its table whole,
// about 44 bytes an entry.
const maxMaxSize = 1 << 24

// Config has the fields of package cache's Config, which explains them.
type Config struct {
	MaxSize            int
	TTL                time.Duration
	MaxRefreshWait     time.Duration
	NoRefreshAhead     bool
	DefaultStage       string
	Backoff            backoff.Policy
	FetchTimeout       time.Duration
	MinRefreshInterval time.Duration
	EventSpread        time.Duration
	StaleIfError       func(err error, age time.Duration) bool
	CheckClock         bool
	Hook               hook.Hook
	Observer           hook.Observer
	SealedFile         *SealedFile // nil: none

	readClock func(start time.Time) instant // set by tests only
}

// Validate reports the first setting that makes no sense, and what would, as an
// error that wraps [ErrInvalidConfig].
func (c Config) Validate() error {
	for _, d := range []struct {
		name         string
		value, usual time.Duration
		canBeOff     bool
	}{
		{"TTL", c.TTL, DefaultTTL, false},
		{"FetchTimeout", c.FetchTimeout, DefaultFetchTimeout, false},
		{"MaxRefreshWait", c.MaxRefreshWait, DefaultMaxRefreshWait, true},
		{"MinRefreshInterval", c.MinRefreshInterval, DefaultMinRefreshInterval, true},
		{"EventSpread", c.EventSpread, DefaultEventSpread, true},
	} {
		if d.value < 0 && !d.canBeOff {
			return fmt.Errorf("%w: %s is %v; it must be positive, or 0 for %v", ErrInvalidConfig, d.name, d.value, d.usual)
		}
		if err := units.Check(d.name, d.value); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalidConfig, err)
		}
	}
	if c.MaxSize < 0 || c.MaxSize > maxMaxSize {
		return fmt.Errorf("%w: MaxSize is %d; it must be 1 to %d, or 0 for %d", ErrInvalidConfig, c.MaxSize, maxMaxSize, DefaultMaxSize)
	}
	if err := c.Backoff.Validate(); err != nil {
		return fmt.Errorf("%w: Backoff: %w", ErrInvalidConfig, err)
	}
	if err := (Ref{ID: "any", Stage: c.DefaultStage}).Validate(); err != nil {
		return fmt.Errorf("%w: DefaultStage: %w", ErrInvalidConfig, err)
	}
	switch {
	case c.Hook != nil && guard.IsNil(c.Hook):
		return fmt.Errorf("%w: Hook is a nil %T; leave it out for none", ErrInvalidConfig, c.Hook)
	case c.Observer != nil && guard.IsNil(c.Observer):
		return fmt.Errorf("%w: Observer is a nil %T; leave it out for none", ErrInvalidConfig, c.Observer)
	}
	if c.SealedFile != nil {
		if _, err := c.SealedFile.open(c.MaxSize); err != nil {
			return fmt.Errorf("%w: WithSealedFile: %w", ErrInvalidConfig, err)
		}
	}
	return nil
}

// backoffAfter returns the back-off for a fetch that failed with err.
func (c *Config) backoffAfter(err error) backoff.Policy {
	p := c.Backoff
	switch {
	case p.Max != 0:
	case isOutage(err):
		p.Max = max(maxOutageDelay, p.Base)
		if p.Jitter == backoff.FullJitter {
			p.Jitter = backoff.EqualJitter // as many calls as with a full one up to 60 s, and none so late
		}
	case errors.Is(err, ErrAccessDenied), errors.Is(err, ErrDecryption):
		p.Max = max(maxDeniedDelay, p.Base)
	case errors.Is(err, ErrNotFound):
		p.Max = max(maxNotFoundDelay, p.Base)
	}
	return p
}

// isOutage reports whether err says that the source could not answer, rather than what
// its answer is.
func isOutage(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrThrottled)
}

// resolved puts the defaults in place of zero values.
func (c Config) resolved() Config {
	if c.MaxSize == 0 {
		c.MaxSize = DefaultMaxSize
	}
	if c.TTL == 0 {
		c.TTL = DefaultTTL
	}
	if c.DefaultStage == "" {
		c.DefaultStage = DefaultStage
	}
	if c.FetchTimeout == 0 {
		c.FetchTimeout = DefaultFetchTimeout
	}
	c.MaxRefreshWait = orDefault(c.MaxRefreshWait, DefaultMaxRefreshWait)
	c.MinRefreshInterval = orDefault(c.MinRefreshInterval, DefaultMinRefreshInterval)
	c.EventSpread = orDefault(c.EventSpread, DefaultEventSpread)
	if os.Getenv("AWS_LAMBDA_FUNCTION_NAME") != "" {
		c.CheckClock = true
	}
	if c.readClock == nil {
		c.readClock = readClocks
	}
	return c
}

// orDefault returns the default for 0, and 0 for a negative setting, which turns it off.
func orDefault(d, usual time.Duration) time.Duration {
	if d == 0 {
		return usual
	}
	return max(0, d)
}
