// Package turns hands down, in a context, what a cache says to its source about the requests of
// a call: when each may begin, how long it may take, and whether it is a forced one. It knows
// no secret, so that package secret can import it as well as the cache.
package turns

import (
	"context"
	"time"
)

// Turns says when the requests of a FetchMany may begin.
type Turns[Ref any] struct {
	Timeout time.Duration // of each request; 0: none
	// Begin waits until a request may begin for refs, which are those of that moment.
	Begin func(refs func() []Ref) (Request[Ref], error)
}

// A Request is one of a FetchMany.
type Request[Ref any] struct {
	Refs   []Ref // still to be asked for
	Forced bool  // the fetch of one of them is
	End    func()
}

type turnsKey struct{}

// Forced is the key of the value in a context that is true in a forced fetch.
type Forced struct{}

// With returns a context with t.
func With[Ref any](ctx context.Context, t *Turns[Ref]) context.Context {
	return context.WithValue(ctx, turnsKey{}, t)
}

// From returns what With has put into ctx, or nil.
func From[Ref any](ctx context.Context) *Turns[Ref] {
	t, _ := ctx.Value(turnsKey{}).(*Turns[Ref])
	return t
}

// IsForced reports whether ctx is that of a forced fetch.
func IsForced(ctx context.Context) bool {
	forced, _ := ctx.Value(Forced{}).(bool)
	return forced
}

// Next is Begin for refs, and returns the context of the request too.
func (t *Turns[Ref]) Next(ctx context.Context, refs []Ref) (context.Context, Request[Ref], error) {
	r, err := t.Begin(func() []Ref { return refs })
	if err != nil || t.Timeout == 0 {
		return ctx, r, err
	}
	timed, cancel := context.WithTimeout(context.WithValue(ctx, Forced{}, r.Forced), t.Timeout)
	end := r.End
	r.End = func() { cancel(); end() }
	return timed, r, nil
}
