package rotation

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// The steps of a rotation, in order.
const (
	CreateSecret = "createSecret"
	SetSecret    = "setSecret"
	TestSecret   = "testSecret"
	FinishSecret = "finishSecret"
)

// Config says how a secret is rotated.
type Config struct {
	Database Database

	// Strategy is [SingleUser] by default.
	Strategy Strategy

	// Pauses make a rotation take its time; there are none by default.
	Pauses Pauses

	// Before and After are called around each step's work, After ahead of the
	// pause and only if the work went well. An error makes the step fail, with
	// its work not begun or done already. Both run on the goroutine of the
	// rotation and may block.
	Before, After func(ctx context.Context, step string) error
}

// Pauses are how long a rotation rests after a step. The pause after setSecret is
// the window in which the database refuses the password that AWSCURRENT holds.
type Pauses struct {
	Create, Set, Test time.Duration
}

func (p Pauses) after(step string) time.Duration {
	switch step {
	case CreateSecret:
		return p.Create
	case SetSecret:
		return p.Set
	case TestSecret:
		return p.Test
	default:
		return 0
	}
}

// Strategy names the user whose password the next version holds, given the user
// of AWSCURRENT.
type Strategy func(current string) (next string)

// SingleUser changes the one user's password, as AWS's template for a single user
// does. From setSecret to finishSecret the application can't log in anew.
func SingleUser(current string) string { return current }

// AlternatingUsers changes the password of the user who is not in use: app and
// app_clone take turns, as in AWS's template for alternating users. Both have to
// be there.
func AlternatingUsers(current string) string {
	const suffix = "_clone"
	if user, isClone := strings.CutSuffix(current, suffix); isClone {
		return user
	}
	return current + suffix
}

// ErrInjected is what a step fails with that [FailAt] has made fail.
var ErrInjected = errors.New("made to fail")

// FailAt returns a hook for Config that makes a step fail the given number of
// times.
func FailAt(step string, times int) func(context.Context, string) error {
	var mu sync.Mutex // guards times
	return func(_ context.Context, s string) error {
		mu.Lock()
		defer mu.Unlock()
		if s != step || times == 0 {
			return nil
		}
		times--
		return ErrInjected
	}
}
