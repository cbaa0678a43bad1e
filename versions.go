package typedsecret

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

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
// error while the value from before the rotation is known. Once no version has the stage
// AWSPREVIOUS, its value is no longer in the result.
//
// For the cache, the previous version is a secret of its own: it costs a request and a
// place. The handle must read the default stage. With [WithStage] or [WithVersionID],
// Versions returns an error that wraps [ErrInvalidConfig].
func (s *Secret[T]) Versions(ctx context.Context) ([]T, error) {
	if s.isZero() {
		return nil, ErrZeroHandle
	}
	if s.dec.set.ref != (secret.Ref{}) {
		return nil, &Error{Ref: s.ref(), Err: fmt.Errorf("%w: Versions is for a handle without WithStage and WithVersionID", ErrInvalidConfig)}
	}
	p := s.pastOf()
	// A rotation between the two reads moves both stages, so they are read again until
	// neither has moved.
	for range 3 {
		current, err := s.look(ctx)
		if err != nil {
			return nil, err
		}
		previous, prevErr := p.handle.look(ctx)
		again, err := s.look(ctx)
		if err != nil {
			return nil, err
		}
		if prevErr == nil {
			// The last good value survives a failed refresh, but not the end of its stage.
			if _, failed := previous.snap.State(); errors.Is(failed, ErrNotFound) {
				previous, prevErr = nil, failed
			}
		}
		if again.isSameAs(current) {
			return s.versions(ctx, p, current, previous, prevErr)
		}
	}
	return nil, &Error{Ref: s.ref(), Err: fmt.Errorf("%w: the secret was rotated three times while it was read", ErrUnavailable)}
}

// A past is the memory of Versions.
type past[T any] struct {
	handle *Secret[T] // reads the previous version

	mu      sync.Mutex // guards the fields below
	current *view[T]   // as Versions last saw it
	before  *view[T]   // was current until the last rotation; nil once the previous version was read
	moved   time.Time  // when the current version of that rotation was fetched
	prevErr error      // the error of the previous version, as Versions last saw it
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

// versions returns the values of current and previous. It adds the value that was current
// before, until previous is known to be from after the rotation.
func (s *Secret[T]) versions(ctx context.Context, p *past[T], current, previous *view[T], prevErr error) ([]T, error) {
	value, err := s.dec.pointer(ctx, current)
	if err != nil {
		return nil, err
	}
	all := []T{*value}
	before := p.note(current, previous, prevErr)
	var shown []*view[T]
	if prevErr == nil && previous.good() != nil && !previous.isSameAs(current) {
		shown = append(shown, previous)
	}
	if before != nil && !before.isSameAs(current) && (len(shown) == 0 || !before.isSameAs(previous)) {
		shown = append(shown, before)
	}
	for _, v := range shown {
		value, err := s.dec.pointer(ctx, v)
		if err != nil {
			return nil, err
		}
		all = append(all, *value)
	}
	if len(all) > 1 || errors.Is(prevErr, ErrNotFound) {
		return all, nil
	}
	if prevErr == nil && previous.good() == nil {
		prevErr = previous.err()
	}
	if prevErr != nil {
		return nil, prevErr
	}
	return all, nil
}

// note records current. It returns the view that was current before the last rotation,
// until the previous version was read after it.
func (p *past[T]) note(current, previous *view[T], prevErr error) *view[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.current == nil || p.current.snap.Cache() != current.snap.Cache():
		p.before = nil
	case !p.current.isSameAs(current):
		p.before, p.moved = p.current, current.good().Metadata().FetchedAt
	}
	isGone := errors.Is(prevErr, ErrNotFound) && prevErr != p.prevErr // otherwise the error is from before the rotation
	p.current, p.prevErr = current, prevErr
	isNew := prevErr == nil && previous.good() != nil && !previous.good().Metadata().FetchedAt.Before(p.moved)
	if isGone || isNew {
		p.before = nil
	}
	return p.before
}
