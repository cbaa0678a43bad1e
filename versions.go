package typedsecret

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// previousStage is the version stage of the version before the current one.
const previousStage = "AWSPREVIOUS"

// Versions returns the current value and, if there is one, the previous value, which has
// the stage AWSPREVIOUS. Use it for verification: a token, say, is signed with the key of
// Get and verified with each key of Versions.
//
//	keys, err := signing.Versions(ctx)
//	for _, key := range keys {
//		if verify(token, key) { … }
//	}
//
// The key that was just rotated out is never missing: after a rotation, the value that was
// current before stays in the result until the previous version has been read again. So
// there may be three values. A previous version that can't be fetched or decoded is no
// error while the value from before the rotation is known, or while Versions knows that
// there is none. Once no version has the stage AWSPREVIOUS, its value is no longer in the
// result.
//
// For the cache, the previous version is a secret of its own: it costs a request and a
// place. If the result is known without it, Versions waits for it no longer than Get waits
// for a refresh.
//
// The handle must read the default stage. With [WithStage] or [WithVersionID], Versions
// returns an error that wraps [ErrInvalidConfig].
func (s *Secret[T]) Versions(ctx context.Context) ([]T, error) {
	if s.isZero() {
		return nil, ErrZeroHandle
	}
	if s.dec.set.ref != (secret.Ref{}) {
		return nil, &Error{Ref: s.ref(), Err: fmt.Errorf("%w: Versions is for a handle without WithStage and WithVersionID", ErrInvalidConfig)}
	}
	if ctx == nil {
		ctx = context.Background()
	}
	p := s.pastOf()
	// A rotation between the two reads moves both, so they are read until neither has moved.
	for range 3 {
		current, err := s.look(ctx)
		if err != nil {
			return nil, err
		}
		if current.good() == nil {
			return nil, current.err()
		}
		previous := p.read(ctx, current)
		again, err := s.look(ctx)
		if err != nil {
			return nil, err
		}
		if !again.isSameAs(current) {
			continue
		}
		if known, isCurrent := p.note(current, previous); isCurrent {
			return s.versions(ctx, current, previous, known)
		}
	}
	return nil, &Error{Ref: s.ref(), Err: fmt.Errorf("%w: the secret was rotated three times while it was read", ErrUnavailable)}
}

// A past is the memory of Versions.
type past[T any] struct {
	handle *Secret[T] // reads the previous version

	mu      sync.Mutex // guards the fields below
	current *view[T]   // as the handle last saw it
	moved   time.Time  // when it was fetched first; zero if the handle saw no rotation
	isSlow  bool       // a read of the previous version did not end in time, and none has succeeded since
	known[T]
}

// known is what is known of the version before the current one.
type known[T any] struct {
	before *view[T] // current until the last rotation; nil once the previous version was read since
	isRead bool     // the previous version was read since, or there was none
	isNone bool     // there was none
}

// A reading is what a read of the previous version brought.
type reading[T any] struct {
	view   *view[T] // nil if err is set
	err    error    // why there is no value that decodes
	isNew  bool     // the view is of a fetch since the last move that is known
	isNone bool     // the source says so, since the last move that is known
}

func (s *Secret[T]) pastOf() *past[T] {
	if p := s.past.Load(); p != nil {
		return p
	}
	set := s.dec.set
	set.ref.Stage = previousStage
	s.past.CompareAndSwap(nil, &past[T]{handle: &Secret[T]{id: s.id, dec: &decoder[T]{set: set}}})
	return s.past.Load()
}

// isSameAs reports whether both views have the same version.
func (v *view[T]) isSameAs(other *view[T]) bool {
	return v == other || v.good() != nil && other.good() != nil && v.good().Same(other.good())
}

// read reads the previous version.
func (p *past[T]) read(ctx context.Context, current *view[T]) reading[T] {
	wait, isBounded := p.patience(ctx, current)
	bounded := ctx
	if isBounded {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	v, err := p.look(bounded)
	p.noteSpeed(err, isBounded && bounded.Err() != nil && ctx.Err() == nil)
	if err != nil {
		return reading[T]{err: err, isNone: p.isNotFound(err)}
	}
	// The last good value survives a failed refresh, but not the end of its stage.
	if _, failed := v.snap.State(); p.isNotFound(failed) {
		return reading[T]{err: failed, isNone: true}
	}
	if v.good() == nil {
		return reading[T]{err: v.err()}
	}
	return reading[T]{view: v, isNew: v.err() == nil && !v.snap.IsInvalid()}
}

// patience returns for how long a read of the previous version may take, if Versions can do
// without it.
func (p *past[T]) patience(ctx context.Context, current *view[T]) (wait time.Duration, isBounded bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.current.isSameAs(current) || p.before == nil && !p.isNone:
		return 0, false
	case p.isSlow:
		return minPatience, true
	}
	return max(minPatience, current.snap.Cache().Patience(ctx)), true
}

// look returns the view of the previous version. As long as nothing is known of the version
// before the current one, what the cache has may be of before a rotation that nobody saw. Then
// it is read anew, if that can be done in time.
func (p *past[T]) look(ctx context.Context) (*view[T], error) {
	p.mu.Lock()
	isKnown, c := p.isRead || p.before != nil, p.current.snap.Cache()
	p.mu.Unlock()
	if !isKnown {
		bounded, cancel := context.WithTimeout(ctx, max(minPatience, c.Patience(ctx)))
		defer cancel()
		if v, err := p.handle.renew(bounded, (*engine.Entry).Refresh); err == nil || p.isNotFound(err) {
			return v, err
		}
	}
	return p.handle.look(ctx)
}

// minPatience is enough to begin a fetch, and to get what is there.
const minPatience = time.Millisecond

// noteSpeed notes whether a read of the previous version, which ended with err, was over because
// of Versions' own patience. After that no caller waits until a read succeeds.
func (p *past[T]) noteSpeed(err error, isOver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isSlow = err != nil && (isOver || p.isSlow)
}

// isNotFound reports whether err, of a read of the previous version, says that there is none,
// and is no older than the last move that is known.
func (p *past[T]) isNotFound(err error) bool {
	e := p.handle.entry.Load()
	return errors.Is(err, ErrNotFound) && e != nil && e.Stands(err)
}

// see notes what the handle sees of the current version, so that no rotation is missed between
// two calls of Versions.
func (p *past[T]) see(v *view[T]) {
	if p == nil || v.good() == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.current == nil || p.current.snap.Cache() != v.snap.Cache():
		p.current, p.moved, p.known = v, time.Time{}, known[T]{}
	case p.current.isSameAs(v):
	case v.good().Before(p.current.good()): // the reader was slow
		if !p.isRead && (p.before == nil || p.before.good().Before(v.good())) {
			p.before = v
		}
	default:
		p.known = known[T]{before: p.current}
		p.current, p.moved = v, v.good().Metadata().FetchedAt
	}
}

// note notes what was read of the previous version, and returns what is known by now. It
// reports whether current is still what the handle last saw.
func (p *past[T]) note(current *view[T], previous reading[T]) (known[T], bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.current.isSameAs(current) {
		return p.known, false
	}
	isNew := previous.isNew && !previous.view.good().Metadata().FetchedAt.Before(p.moved)
	if isNew || previous.isNone {
		p.known = known[T]{isRead: true, isNone: previous.isNone}
	}
	return p.known, true
}

// versions returns the values of current and previous, and of what was current before as long
// as previous is not known to be of after the rotation.
func (s *Secret[T]) versions(ctx context.Context, current *view[T], previous reading[T], known known[T]) ([]T, error) {
	value, err := s.dec.pointer(ctx, current)
	if err != nil {
		return nil, err
	}
	all := []T{*value}
	before, isKnown := known.before, known.before != nil || known.isNone
	if v := previous.view; v != nil {
		if before != nil && before.isSameAs(v) {
			before = nil
		}
		if !known.isRead && !isKnown && v.snap.IsInvalid() && !current.snap.IsInvalid() {
			_, previous.err = v.snap.State() // it is of before a rotation
		}
		value, err := s.dec.pointer(ctx, v)
		switch {
		case v.isSameAs(current):
		case err == nil:
			all = append(all, *value)
		default:
			previous.err = err
		}
	}
	if previous.err != nil && !isKnown {
		return nil, previous.err
	}
	if before != nil && !before.isSameAs(current) {
		value, err := s.dec.pointer(ctx, before)
		if err != nil {
			return nil, err
		}
		all = append(all, *value)
	}
	return all, nil
}
