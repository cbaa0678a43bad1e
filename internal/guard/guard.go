// Package guard calls the user's code and turns its panics into errors.
package guard

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrPanic is wrapped by every error that Call makes from a panic.
var ErrPanic = errors.New("panic")

// Call runs f. The argument what names f in an error, as "hook's Put". If f panics, the
// error has what, the type of the panic's value, and the line. It does not hold the value,
// which may quote a secret. If f returns an error that isn't Walkable, Call reports that as
// a panic too, so that no caller walks through it.
func Call(what string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = recovered(fmt.Sprintf("%v in the %s: a %T at %s", ErrPanic, what, v, Origin()))
		}
	}()
	err = f()
	if err == nil || Walkable(err) {
		return err
	}
	return recovered(fmt.Sprintf("%v in the %s: it returned a %T whose methods panic, a nil pointer perhaps", ErrPanic, what, err))
}

// recovered is the text of an error that Call makes. It holds nothing of the panic's value.
type recovered string

func (r recovered) Error() string { return string(r) }
func (recovered) Unwrap() error   { return ErrPanic }

// Recovered reports whether Call made err, rather than the function that it called.
func Recovered(err error) bool {
	_, ok := err.(recovered)
	return ok
}

// Walkable reports whether errors.Is can walk through err. It can't if an Unwrap
// or Is method panics, as those of a nil pointer returned as an error do.
func Walkable(err error) (ok bool) {
	defer func() { ok = recover() == nil }()
	_ = errors.Is(err, errNone)
	return true
}

// errNone is an error that no other one wraps.
var errNone = errors.New("none")

// Origin returns the line that panicked, when it is called by a deferred function that
// recovered. That line is the first frame below the runtime's.
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
