package typedsecret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/guard"
)

// ErrRejected means that a service, such as a database, refused the credential in a secret.
// The function given to [Secret.Do] reports a refusal by an error that wraps ErrRejected.
// The error with which Do gives up wraps ErrRejected too.
var ErrRejected = errors.New("credential was rejected")

// Rejected wraps err in an [ErrRejected]. With it, a function reports to [Secret.Do] that
// the credential was refused. Rejected(nil) is nil, and an error that wraps ErrRejected
// already is returned unchanged.
func Rejected(err error) error {
	err = guard.Finite("service", err)
	if err == nil || errors.Is(err, ErrRejected) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrRejected, err)
}

// MaybeRejected is like [Rejected], for a refusal that may concern only this one call, and
// not the credential: an API may answer 401 to one request and not to the next. [Secret.Do]
// refreshes the secret and tries again as after Rejected, but it does not hold other calls
// back meanwhile. Only repeated tries wait for their turn.
func MaybeRejected(err error) error {
	if err == nil {
		return nil
	}
	return &maybe{Rejected(err)}
}

type maybe struct{ error }

func (m *maybe) Unwrap() error { return m.error }

// gaveUp makes the error with which a call gives up. It wraps f's last error, or that of
// other calls if f was not called.
func (t *attempt[T]) gaveUp(ctx context.Context, after time.Duration) error {
	e := &rejection{tries: t.tries, after: after, err: cmp.Or(t.err, t.others), refresh: t.refresh, hold: t.hold}
	if ctx.Err() != nil {
		e.ended = ended(ctx)
	}
	if e.err == nil {
		return &Error{Ref: t.secret.ref(), Err: fmt.Errorf("gave up waiting for other calls of Do: %w", cmp.Or(e.ended, ErrTimeout))}
	}
	return &Error{Ref: t.secret.ref(), Err: e}
}

// brokenOff makes the error for a ctx that ended while f was tried again after a refusal. The
// last refusal says more than err, which f returned when ctx ended.
func (t *attempt[T]) brokenOff(ctx context.Context, err error) error {
	e := &rejection{tries: t.tries, after: time.Since(t.began), err: t.refusal, refresh: t.refresh, ended: ended(ctx), isBrokenOff: true}
	if err = guard.Finite("function given to Do", err); !errors.Is(err, ctx.Err()) {
		e.ended = fmt.Errorf("%w: %w", e.ended, err)
	}
	return &Error{Ref: t.secret.ref(), Err: e}
}

// A rejection is the error with which Do gives up.
type rejection struct {
	tries               int
	after               time.Duration
	err, refresh, ended error // the latter two may be nil
	hold                *hold // nil if nothing is known about the version
	isBrokenOff         bool  // the last try ended with ctx, and was no refusal
}

func (e *rejection) Error() string {
	text, known := fmt.Sprintf("%v", e.err), e.hold.text()
	if !errors.Is(e.err, ErrRejected) {
		text = fmt.Sprintf("%v: %v", ErrRejected, e.err)
	}
	switch {
	case e.isBrokenOff && e.tries == 2:
		text += " (and the next try was broken off)"
	case e.isBrokenOff:
		text += fmt.Sprintf(" (%d times in %v, and the next try was broken off)", e.tries-1, e.after.Round(time.Millisecond))
	case e.tries > 1:
		text += fmt.Sprintf(" (%d times in %v)", e.tries, e.after.Round(time.Millisecond))
	case e.tries == 0:
		text += " (to other calls)"
	case e.refresh == nil && e.ended == nil && known == "":
		text += " (and there is no other version)"
	}
	text += known
	if e.refresh != nil {
		text += fmt.Sprintf("; refreshing failed: %v", e.refresh)
	}
	if e.ended != nil {
		text += fmt.Sprintf("; gave up: %v", e.ended)
	}
	return text
}

// text names the version that is known to be refused, and says when it is tried again.
func (h *hold) text() string {
	if h == nil || h.known.refusals < 2 && !h.spent {
		return ""
	}
	version := versionName(h.known.snap)
	if h.spent {
		return fmt.Sprintf("; %s was rejected %d times; not tried again until the secret changes", version, h.known.refusals)
	}
	return fmt.Sprintf("; %s was rejected %d times; not tried again for %v, or until the secret changes",
		version, h.known.refusals, max(h.until, 0).Round(time.Millisecond))
}

// versionName returns the name of snap's version for an error.
func versionName(snap *engine.Snapshot) string {
	id := snap.VersionID()
	switch {
	case id == "":
		return "the version"
	case strings.ContainsFunc(id, unicode.IsControl):
		id = strconv.Quote(id)
	}
	return "version " + id
}

func (e *rejection) Unwrap() (errs []error) {
	for _, err := range []error{ErrRejected, e.err, e.refresh, e.ended} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// callOnce calls f with the value of v, and reports whether the call is settled.
func (t *attempt[T]) callOnce(ctx context.Context, value T, v *view[T], p pass) bool {
	t.tries++
	returned := false
	defer func() {
		if !returned {
			p.leave(silent) // f has panicked, or f or a predicate has ended the goroutine
		}
	}()
	err := t.call(ctx, value, v)
	what := t.secret.dec.set.outcome(ctx, err)
	returned = true
	return t.judge(ctx, v, p, err, what)
}

// request makes the request for a try of a version.
func (t *attempt[T]) request(snap *engine.Snapshot, pending bool) request {
	set := &t.secret.dec.set
	r := request{snap: snap, pending: pending, alternate: set.pending, most: set.most}
	for _, before := range t.refused {
		if before.snap.Same(snap) {
			r.refusedAt = before.refusedAt
		}
	}
	return r
}

// ask requests a pass from the gate. If the gate holds the version because it was refused,
// the next round requests again. Otherwise the call waits and then requests again: it waits
// for a place, or at most a second for the first result of a version that no call has tried
// before. Neither wait counts against the budget.
func (t *attempt[T]) ask(snap *engine.Snapshot, pending bool) (pass, *hold) {
	r := t.request(snap, pending)
	if r.refusedAt == 0 && t.secret.isOpen() {
		return pass{request: r}, nil
	}
	p, h := t.secret.theGate().enter(r)
	if t.hold = h; h != nil {
		t.others = cmp.Or(h.known.err, t.others)
	}
	return p, h
}

// judge records the result of f, and reports whether the call is settled.
func (t *attempt[T]) judge(ctx context.Context, v *view[T], p pass, err error, what outcome) bool {
	t.err = err
	if what != rejected && what != doubted {
		p.leave(what)
		if what == broken && t.refusal != nil {
			t.err = t.brokenOff(ctx, err)
		}
		return true
	}
	t.refusal = err
	snap := v.good()
	t.hold = t.secret.theGate().refused(p, what == doubted, err)
	p.refusedAt = t.hold.known.refusedAt
	t.refused = append(t.refused, p.request)
	snap.Observe(ctx, hook.Rejected{Secret: hook.Secret{ID: snap.Ref().ID, Stage: snap.Ref().Stage, VersionID: snap.VersionID()}})
	return false
}

// outcome returns what err, the error of a function given to Do, says about the credential.
// An error with which another Do gave up says nothing: it is about another secret, or its
// tries are over.
func (set *settings) outcome(ctx context.Context, err error) outcome {
	if err == nil {
		return accepted
	}
	what := silent
	if ctx.Err() != nil {
		what = broken
	}
	if !guard.Walkable(err) {
		return what
	}
	neither := what
	failed := guard.Call("predicate of WithRejected", func() error { // the methods of err may panic too
		dealtWith, doubt := (*rejection)(nil), (*maybe)(nil)
		switch {
		case errors.As(err, &dealtWith):
		case errors.As(err, &doubt):
			what = doubted
		case errors.Is(err, ErrRejected), set.rejected != nil && set.rejected(err):
			what = rejected
		}
		return nil
	})
	if failed != nil {
		return neither
	}
	return what
}
