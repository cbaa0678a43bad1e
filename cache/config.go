package cache

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/sealed"
	"github.com/typedsecret/typedsecret/internal/units"
)

// The defaults of a Config. Those that the AWS caching clients have too are
// theirs.
const (
	DefaultMaxSize            = 1024
	DefaultTTL                = time.Hour
	DefaultStage              = "AWSCURRENT"
	DefaultFetchTimeout       = 10 * time.Second
	DefaultMaxRefreshWait     = time.Second
	DefaultMinRefreshInterval = time.Second
)

// What the back-off of a Config without a Backoff.Max grows to.
const (
	maxOutageDelay   = 40 * time.Second // while the source can't answer
	maxDeniedDelay   = time.Minute      // while the source refuses what a policy may allow
	maxNotFoundDelay = 5 * time.Minute  // while there is no such secret
)

// maxMaxSize is a bound against slips: go-freelru allocates its table whole,
// about 44 bytes an entry.
const maxMaxSize = 1 << 24

// Config says how a Cache works. Its zero value is the default configuration;
// so is the zero value of each field. [Config.WithSnapshot] adds a file that outlives
// the process.
type Config struct {
	// MaxSize is how many of the secrets that are read by ID are kept, 1,024 by default and
	// at most 16,777,216. If one more is read, one of those whose last use is the longest ago
	// is evicted. The order is that of CLOCK: an eviction spares what was read since it
	// took its place in the order, but no more than 16 secrets. A secret that a living handle
	// names is not evicted, however many there are.
	MaxSize int

	// TTL is the age from which a value is refreshed before it is returned,
	// 1 h by default and at least 1 ms.
	TTL time.Duration

	// MaxRefreshWait is how long a reader waits for the refresh of a value that is past its
	// TTL or was invalidated, if the reader may be given that value instead (StaleIfError);
	// 1 s by default. A reader whose context has a deadline waits for at most a third of
	// the time that it has left. The refresh goes on meanwhile. Once a refresh that began
	// after the TTL has failed, no reader waits until one succeeds. A negative
	// MaxRefreshWait lets no reader wait.
	MaxRefreshWait time.Duration

	// NoRefreshAhead turns refresh-ahead off. With it on, an access to a value
	// older than a moment drawn at random returns the value at once and starts a
	// refresh in the background, so that no reader waits and a fleet does not
	// call in step. The moment lies between 70 and 83 % of the TTL, but ends one
	// FetchTimeout before the TTL does, or at 75 % of a TTL that is shorter than four
	// FetchTimeouts. After a first fetch, a forced one, or one that ended an outage, which
	// the whole fleet may have made at the same time, it lies between TTL/60 and that end.
	NoRefreshAhead bool

	// DefaultStage is the version stage of a Ref that names neither stage nor
	// version, AWSCURRENT by default.
	DefaultStage string

	// Backoff says how long after a failed fetch no other fetch of that Ref is made: at
	// first 1 s at most, doubling up to 1 h, with full jitter, and no longer than
	// [backoff.Policy.DelayAfter] has it for the outage so far. If its Max is 0, some
	// failures have a bound of their own in place of 1 h:
	//   - 40 s while the source can't answer ([ErrUnavailable], [ErrTimeout],
	//     [ErrThrottled]); a full jitter is an equal one then, so that a fleet has recovered
	//     40 s after an outage, however long that was
	//   - 1 min for [ErrAccessDenied] and [ErrDecryption]
	//   - 5 min for [ErrNotFound]
	//
	// A refusal seldom mends itself, but somebody may have mended it: so [Cache.Refresh] and
	// [Cache.Invalidate] pass its delay. Their fetches have one of their own, of 1 s after
	// the first that was refused, doubling up to 30 s.
	Backoff backoff.Policy

	// FetchTimeout bounds one fetch, whatever the callers' contexts say; 10 s
	// by default and at least 1 ms. A call of the source or of the hook's Put that has not
	// returned 100 ms after it is abandoned: the fetch fails with [ErrTimeout], another one may
	// begin, and what the call still returns is dropped. While 64 abandoned calls have not
	// returned, no more are made; the error says so and names the source's type. A sealer
	// that hangs holds a fetch up for one FetchTimeout more. Close waits for at most
	// FetchTimeout, and its error says what has not ended.
	FetchTimeout time.Duration

	// MinRefreshInterval is the least time from the start of a forced fetch of a secret to that
	// of the next one which [Cache.Refresh] forces, and between the starts of two fetches which
	// [Cache.Invalidate] asks for; 1 s by default and at least 1 ms. Refresh waits for its end,
	// and a Get after Invalidate as long as MaxRefreshWait says. A negative one turns it off,
	// for tests say. If a secret is evicted, its interval is forgotten, unless its last fetch
	// failed.
	MinRefreshInterval time.Duration

	// StaleIfError decides whether the last good value, whose age is given, may be returned
	// although it is past its TTL, because refreshing it failed with err or takes longer
	// than readers wait: then err wraps [ErrTimeout]. By default (nil) it always may. If
	// StaleIfError refuses the value while the refresh is under way, the reader goes on
	// waiting. The reading goroutine calls StaleIfError, and several may at once; if it
	// panics, the answer is no. If it refuses, the error of the read says so, and wraps
	// [ErrPanic] if it panicked. If the source can't answer now, and refused the secret
	// after it last gave it, err wraps that refusal too. The age is math.MaxInt64 if it is
	// unknown, which [Config.WithSnapshot] explains.
	StaleIfError func(err error, age time.Duration) bool

	// CheckClock has each read look at the wall clock and the monotonic
	// clock. Without it, a timer looks at them every 100 ms while secrets are read: after the
	// process was stopped and resumed or the machine suspended, or after the wall clock was
	// set forward, reads may get a value past its TTL for up to 100 ms of running time
	// before that is noticed. CheckClock is always on in AWS Lambda, where freezing
	// between two requests is the rule.
	CheckClock bool

	// Hook transforms what is kept in memory; none by default. Its Get must return when its
	// context ends, since nothing else ends it.
	Hook hook.Hook

	// Observer learns what happens; none by default.
	Observer hook.Observer

	snapshot  func(maxSize int) (*sealed.File, error) // by WithSnapshot; nil: none
	readClock func(start time.Time) instant           // set by tests only
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
	if c.snapshot != nil {
		if _, err := c.snapshot(c.MaxSize); err != nil {
			return fmt.Errorf("%w: WithSnapshot: %w", ErrInvalidConfig, err)
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
