package typedsecret

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/typedsecret/typedsecret/internal/guard"
)

// ErrRejected: the service that a secret is for refused the credential. An error that
// wraps it tells [Secret.Do] so, and the one that Do returns at last wraps it too.
var ErrRejected = errors.New("credential was rejected")

// Rejected wraps err, which may be reached through it, in an [ErrRejected]: that is
// how a function tells [Secret.Do] that the credential was refused. Of nil it makes
// nil, and what wraps ErrRejected already it returns as it is.
func Rejected(err error) error {
	if err == nil || guard.Walkable(err) && errors.Is(err, ErrRejected) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrRejected, err)
}

// gaveUp says that f's last error stays, and what was tried.
func (t *trial[T]) gaveUp(ctx context.Context, after time.Duration) error {
	e := &rejection{tries: t.tries, after: after, err: t.err, refresh: t.refresh}
	if ctx.Err() != nil {
		e.ended = ended(ctx)
	}
	return &Error{Ref: t.secret.ref(), Err: e}
}

// A rejection is what Do gives up with.
type rejection struct {
	tries               int
	after               time.Duration
	err, refresh, ended error // the latter two may be nil
}

func (e *rejection) Error() string {
	text := fmt.Sprintf("%v", e.err)
	if !errors.Is(e.err, ErrRejected) {
		text = fmt.Sprintf("%v: %v", ErrRejected, e.err)
	}
	switch {
	case e.tries > 1:
		text += fmt.Sprintf(" (%d times in %v)", e.tries, e.after.Round(time.Millisecond))
	case e.refresh == nil && e.ended == nil:
		text += " (and there is no other version)"
	}
	if e.refresh != nil {
		text += fmt.Sprintf("; refreshing failed: %v", e.refresh)
	}
	if e.ended != nil {
		text += fmt.Sprintf("; gave up: %v", e.ended)
	}
	return text
}

func (e *rejection) Unwrap() (errs []error) {
	for _, err := range []error{ErrRejected, e.err, e.refresh, e.ended} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// isRejection reports whether err, of a function given to Do, says that the credential
// was refused. What another Do gave up about is of another secret, or was tried enough.
func (set *settings) isRejection(err error) bool {
	if err == nil {
		return false
	}
	var is bool
	broken := guard.Call("predicate of WithRejected", func() error { // or in the methods of err
		dealtWith := (*rejection)(nil)
		switch {
		case errors.As(err, &dealtWith):
		case errors.Is(err, ErrRejected):
			is = true
		case set.rejected != nil:
			is = set.rejected(err)
		}
		return nil
	})
	return broken == nil && is
}
