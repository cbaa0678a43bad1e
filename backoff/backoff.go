// Package backoff says how long to wait after a failure before the next try: a
// delay that grows exponentially up to a bound, drawn at random so that the
// processes of a fleet don't try again in step.
package backoff

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/typedsecret/typedsecret/internal/units"
	"github.com/typedsecret/typedsecret/internal/world"
)

// The defaults are those of the AWS caching clients.
const (
	DefaultBase   = time.Second
	DefaultGrowth = 2.0
	DefaultMax    = time.Hour
)

// ErrInvalid is wrapped by the errors of Validate.
var ErrInvalid = errors.New("invalid back-off")

// A Policy computes delays. The zero Policy is the default one. A Policy is a
// value without state, safe for concurrent use.
type Policy struct {
	// Base bounds the delay after the first failure; 0 means 1 s. A positive Base must be
	// at least 1 ms. A negative Base turns the back-off off, as a test may want: no delay
	// follows a failure.
	Base time.Duration
	// Growth multiplies the bound for each further failure; 0 means 2. It must be at least
	// 1.
	Growth float64
	// Max is the most that the bound grows to; 0 means 1 h, or Base if
	// that is longer.
	Max time.Duration
	// Jitter says how the delay is drawn below its bound; the zero value is
	// FullJitter.
	Jitter Jitter
}

// Jitter is how a delay is drawn at random. The names are those of "Exponential
// Backoff And Jitter" in the AWS Architecture Blog, where FullJitter needs the
// fewest calls of all.
type Jitter int

const (
	FullJitter  Jitter = iota // between 0 and the bound
	EqualJitter               // between half the bound and the bound
	NoJitter                  // the bound itself
)

// Validate reports a setting that makes no sense, and says what would.
func (p Policy) Validate() error {
	for _, setting := range []struct {
		name  string
		value time.Duration
	}{{"Base", p.Base}, {"Max", p.Max}} {
		if err := units.Check(setting.name, setting.value); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	switch {
	case p.Growth != 0 && !(p.Growth >= 1) || math.IsInf(p.Growth, 1):
		return fmt.Errorf("%w: Growth is %v; it must be a number of at least 1, or 0 for %v", ErrInvalid, p.Growth, DefaultGrowth)
	case p.Max < 0:
		return fmt.Errorf("%w: Max is %v; it must be positive, or 0 for %v", ErrInvalid, p.Max, DefaultMax)
	case p.Max != 0 && p.Base >= 0 && p.Max < p.base():
		base := fmt.Sprint(p.base())
		if p.Base == 0 {
			base += ", its default"
		}
		return fmt.Errorf("%w: Max is %v and Base %s; Max must be at least Base", ErrInvalid, p.Max, base)
	case p.Jitter < FullJitter || p.Jitter > NoJitter:
		return fmt.Errorf("%w: Jitter is %d; it must be FullJitter, EqualJitter or NoJitter", ErrInvalid, p.Jitter)
	}
	return nil
}

// Bound returns the longest that Delay can be after that many failures in a
// row; without a failure it is 0.
func (p Policy) Bound(failures int) time.Duration {
	if failures < 1 || p.Base < 0 {
		return 0
	}
	d := float64(p.base()) * math.Pow(p.growth(), float64(failures-1))
	// The comparison is one of floats, since the product may be too large for a Duration.
	if d >= float64(p.max()) {
		return p.max()
	}
	return time.Duration(d)
}

// Delay draws how long to wait after that many failures in a row.
func (p Policy) Delay(failures int) time.Duration {
	bound := p.Bound(failures)
	if bound == 0 {
		return 0
	}
	switch p.Jitter {
	case EqualJitter:
		half := bound / 2
		return half + world.UpTo(bound-half)
	case NoJitter:
		return bound
	default:
		return world.UpTo(bound)
	}
}

// DelayAfter is Delay with one more bound: the delay is at most Base plus (Growth-1) times
// outage, which is the time since the first of the failures. So with a Growth of 2, the
// delay after an outage is no longer than the outage and Base together. Without this bound,
// a short outage could lead to a long delay, if the first few delays drawn were short and
// many tries failed.
func (p Policy) DelayAfter(failures int, outage time.Duration) time.Duration {
	delay := p.Delay(failures)
	if p.Base < 0 {
		return delay
	}
	if most := float64(p.base()) + (p.growth()-1)*float64(max(outage, 0)); most < float64(delay) {
		return time.Duration(most)
	}
	return delay
}

func (p Policy) base() time.Duration {
	if p.Base == 0 {
		return DefaultBase
	}
	return p.Base
}

func (p Policy) growth() float64 {
	if p.Growth == 0 {
		return DefaultGrowth
	}
	return p.Growth
}

func (p Policy) max() time.Duration {
	if p.Max == 0 {
		return max(DefaultMax, p.base())
	}
	return p.Max
}
