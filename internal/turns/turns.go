// Package turns passes, in a context, what a cache requires of a source's requests: when
// each may begin, how long it may take, and whether it is a forced one. It imports none of
// our packages, so that package secret and the cache can both import it.
package turns

import (
	"context"
	"time"
)

// Turns decides when the requests of a FetchMany may begin.
type Turns[Ref any] struct {
	Timeout time.Duration // the timeout of each request; 0 means none
	// Begin waits until a request may begin. It calls refs then, for the refs that are
	// still wanted.
	Begin func(refs func() []Ref) (Request[Ref], error)
}

// A Request is one of a FetchMany.
type Request[Ref any] struct {
	Refs   []Ref // the refs to ask for
	Forced bool  // whether the fetch of one of them is forced
	End    func()
}

type turnsKey struct{}

// Forced is the key of a context's value that is true in a forced fetch.
type Forced struct{}

// With returns a context with t.
func With[Ref any](ctx context.Context, t *Turns[Ref]) context.Context {
	return context.WithValue(ctx, turnsKey{}, t)
}

// From returns the Turns that With has put into ctx, or nil.
func From[Ref any](ctx context.Context) *Turns[Ref] {
	t, _ := ctx.Value(turnsKey{}).(*Turns[Ref])
	return t
}

// IsForced reports whether ctx is that of a forced fetch.
func IsForced(ctx context.Context) bool {
	forced, _ := ctx.Value(Forced{}).(bool)
	return forced
}

// Next calls Begin for refs. It also returns the context for the request.
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
