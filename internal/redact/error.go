package redact

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/typedsecret/typedsecret/internal/guard"
)

// Error returns err without these secrets in its text, in what its fields show, and in the
// errors that it wraps. An error without them is returned as it is. errors.Is and errors.As still
// find the errors that were replaced. The tree of err must be finite; see guard.Walkable.
func Error(err error, secrets []string) error {
	if err == nil || len(secrets) == 0 {
		return err
	}
	clean, _ := replaced(err, secrets)
	return clean
}

// replaced is Error, and reports whether it replaced anything.
func replaced(err error, secrets []string) (_ error, changed bool) {
	below := below(err)
	for i, b := range below {
		var of bool
		if below[i], of = replaced(b, secrets); of {
			changed = true
		}
	}
	text := err.Error()
	clean := text
	for _, s := range secrets {
		clean = strings.ReplaceAll(clean, s, Text)
	}
	if clean == text && !changed && !shows(err, secrets) {
		return err, false
	}
	return &cleaned{Identity: IdentityOf(err), text: clean, below: below}, true
}

// shows reports whether err, whose text has none of these secrets, shows one when it is printed
// with its fields, logged or marshalled.
func shows(err error, secrets []string) bool {
	all := fmt.Sprintf("%v %+v %#v %q %v", err, err, err, err, slog.AnyValue(err).Resolve())
	if b, failed := marshal(err); failed == nil {
		all += string(b)
	}
	return slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(all, s) })
}

// marshal marshals err, whose methods may panic. Package fmt and slog look after themselves.
func marshal(err error) (b []byte, failed error) {
	failed = guard.Call("error's MarshalJSON", func() (failed error) {
		b, failed = json.Marshal(err)
		return failed
	})
	return b, failed
}

// below returns a copy of what err wraps.
func below(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if b := e.Unwrap(); b != nil {
			return []error{b}
		}
	case interface{ Unwrap() []error }:
		return slices.DeleteFunc(slices.Clone(e.Unwrap()), func(err error) bool { return err == nil })
	}
	return nil
}

// A cleaned stands for an error that had a secret in its text, or in that of an error it wraps.
type cleaned struct {
	Identity
	text  string
	below []error
}

func (c *cleaned) Error() string   { return c.text }
func (c *cleaned) Unwrap() []error { return c.below }
