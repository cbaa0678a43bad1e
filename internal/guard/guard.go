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
// which may quote a secret. If f returns an error that isn't Walkable, or that has no text,
// Call reports that as a panic too, so that no caller walks through it.
func Call(what string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = recovered(fmt.Sprintf("%v in the %s: a %T at %s", ErrPanic, what, v, Origin()))
		}
	}()
	err = f()
	if err == nil || Walkable(err) && speaks(err) {
		return err
	}
	return recovered(fmt.Sprintf("%v in the %s: it returned a %T whose methods panic, a nil pointer perhaps, or that wraps itself without end", ErrPanic, what, err))
}

// Finite returns err, or the error of Call in its place if err isn't Walkable.
func Finite(what string, err error) error { return Call(what, func() error { return err }) }

// recovered is the text of an error that Call makes. It holds nothing of the panic's value.
type recovered string

func (r recovered) Error() string { return string(r) }
func (recovered) Unwrap() error   { return ErrPanic }

// Recovered reports whether Call made err, rather than the function that it called.
func Recovered(err error) bool {
	_, ok := err.(recovered)
	return ok
}

// speaks reports whether err has a text, and does not panic.
func speaks(err error) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	_ = err.Error()
	return true
}

// Walkable reports whether errors.Is can walk through err. It can't if an Unwrap or Is method
// panics, as those of a nil pointer returned as an error do, or if err wraps itself: errors.Is
// would not come to an end.
func Walkable(err error) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	if left := maxErrors; !isFinite(err, maxDepth, &left) {
		return false
	}
	_ = errors.Is(err, errNone)
	return true
}

// These bound a tree of errors. The error of a Preload of many secrets is broad, and no error
// is deep.
const (
	maxErrors = 100_000
	maxDepth  = 1_000
)

// isFinite reports whether err wraps at most as many errors as are left, at most this deep.
func isFinite(err error, depth int, left *int) bool {
	if *left--; *left < 0 || depth == 0 {
		return false
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if below := e.Unwrap(); below != nil {
			return isFinite(below, depth-1, left)
		}
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			if below != nil && !isFinite(below, depth-1, left) {
				return false
			}
		}
	}
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
