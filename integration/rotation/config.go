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

// Config describes how a secret is rotated.
type Config struct {
	Database Database

	// Strategy chooses the user; the default is [SingleUser].
	Strategy Strategy

	// Pauses follow the steps of a rotation; by default there are none.
	Pauses Pauses

	// Before and After are called before and after each step's work. After is called before
	// the pause, and only if the work succeeded. If one returns an error, the step fails.
	// Its work is then not begun, or done already. Both run on the goroutine of the
	// rotation and may block.
	Before, After func(ctx context.Context, step string) error
}

// Pauses are the pauses of a rotation after its steps. The pause after setSecret is the
// window in which the database refuses the password that AWSCURRENT holds.
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

// Strategy returns the user of the next version, given the user of AWSCURRENT.
type Strategy func(current string) (next string)

// SingleUser changes the password of the same user, as AWS's template for a single user
// does. Between setSecret and finishSecret, new logins of the application are refused.
func SingleUser(current string) string { return current }

// AlternatingUsers changes the password of the user that is not in use: app and app_clone
// take turns, as in AWS's template for alternating users. Both must exist.
func AlternatingUsers(current string) string {
	const suffix = "_clone"
	if user, isClone := strings.CutSuffix(current, suffix); isClone {
		return user
	}
	return current + suffix
}

// ErrInjected is the error of a step that [FailAt] makes fail.
var ErrInjected = errors.New("made to fail")

// FailAt returns a function for Before or After in Config that makes a step fail this many
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
