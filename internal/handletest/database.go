package handletest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
)

// A Database accepts one password, and records those that were tried.
type Database struct {
	mu       sync.Mutex // guards the fields below
	password string
	tries    []string
	at       []time.Time
}

// NewDatabase makes a Database that accepts a password.
func NewDatabase(password string) *Database { return &Database{password: password} }

// Set changes the password that is accepted.
func (d *Database) Set(password string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.password = password
}

// Login is a function for Do.
func (d *Database) Login(_ context.Context, password string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries, d.at = append(d.tries, password), append(d.at, time.Now())
	if password != d.password {
		return typedsecret.Rejected(&Refusal{Code: "28P01"})
	}
	return nil
}

// Tried returns the passwords that were tried.
func (d *Database) Tried() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.tries)
}

// At returns the times at which passwords were tried.
func (d *Database) At() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.at)
}

// WantTries checks which passwords were tried.
func (d *Database) WantTries(t testing.TB, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, d.Tried()); diff != "" {
		t.Errorf("tries (-want +got):\n%s", diff)
	}
}

// A Refusal is the error with which a database's driver reports a refused password.
type Refusal struct{ Code string }

func (r *Refusal) Error() string {
	return "password authentication failed for user app, code " + r.Code
}

// IsRefusal reports whether err wraps a Refusal.
func IsRefusal(err error) bool {
	_, ok := errors.AsType[*Refusal](err)
	return ok
}

// WantRefused checks the error of a Do that gave up.
func WantRefused(t testing.TB, err error, also ...error) {
	t.Helper()
	failed, ok := errors.AsType[*typedsecret.Error](err)
	if !ok || failed.Ref.ID == "" || !errors.Is(err, typedsecret.ErrRejected) || !IsRefusal(err) {
		t.Errorf("got %v; want an *Error that wraps ErrRejected and what the database said", err)
	}
	for _, want := range also {
		if !errors.Is(err, want) {
			t.Errorf("got %v; want it to be %q too", err, want)
		}
	}
	if text := fmt.Sprint(err); strings.ContainsAny(text, "\n\r") || strings.Count(text, typedsecret.ErrRejected.Error()) != 1 {
		t.Errorf("the text should be one line that says once what is wrong: %q", text)
	}
}
