// Package guard calls code that isn't ours and turns its panics into errors.
package guard

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrPanic is wrapped by every error that Call makes of a panic.
var ErrPanic = errors.New("panic")

// Call runs f. If f panics, the error says in what, of which type the panic's
// value was and where it happened; not the value, which may quote a secret.
func Call(what string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w in the %s: a %T at %s", ErrPanic, what, v, Origin())
		}
	}()
	return f()
}

// Origin finds, for a deferred function that recovered, the line that panicked:
// the first frame below the runtime's.
func Origin() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	panicking := false
	for {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		if panicking && !inRuntime {
			return fmt.Sprintf("%s (%s:%d)", f.Function, filepath.Base(f.File), f.Line)
		}
		panicking = panicking || f.Function == "runtime.gopanic"
		if !more {
			return "a place unknown"
		}
	}
}
