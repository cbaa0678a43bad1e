package secret

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/turns"
)

// FetchMany fetches refs from source: by its FetchMany, if it is a [ManySource], else each by
// a request of its own. It calls answer as a ManySource does.
func FetchMany(ctx context.Context, source Source, refs []Ref, answer func(Ref, Value, error)) {
	if many, ok := source.(ManySource); ok {
		many.FetchMany(ctx, refs, answer)
		return
	}
	MakeRequests(ctx, slices.Chunk(refs, 1), answer, func(ctx context.Context, refs []Ref) error {
		v, err := source.Fetch(ctx, refs[0])
		if err == nil {
			answer(refs[0], v, nil)
		}
		return err
	})
}

// MakeRequests makes the requests of a [ManySource]'s FetchMany: for each of parts, such as
// those of [slices.Chunk], it calls request, in goroutines of their own. It waits before each
// while 64 requests of the Cache are under way, and returns when all have ended. Ctx and
// answer are those of FetchMany.
//
// Each request gets a context of its own, which ends after Config.FetchTimeout. A request
// answers the Refs of its part; if it returns an error, or panics, that is the answer for
// those that have none. If it returns nil, Refs without an answer are left to another call of
// MakeRequests. Before each request MakeRequests keeps the pace of a Preloader.
func MakeRequests(ctx context.Context, parts iter.Seq[[]Ref], answer func(Ref, Value, error), request func(ctx context.Context, refs []Ref) error) {
	by := turnsOf(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	for refs := range parts {
		timed, next, err := by.Next(ctx, refs)
		if err != nil {
			for _, ref := range refs {
				answer(ref, Value{}, err)
			}
			continue
		}
		refs := next.Refs
		if len(refs) == 0 {
			next.End()
			continue
		}
		running.Go(func() {
			defer next.End()
			err := errBrokenOff
			defer func() {
				for _, ref := range refs {
					if err != nil {
						answer(ref, Value{}, err)
					}
				}
			}()
			err = guard.Call("source", func() error { return request(timed, refs) })
			if err != nil && errors.Is(timed.Err(), context.DeadlineExceeded) && !errors.Is(err, ErrTimeout) {
				err = fmt.Errorf("%w: %w", ErrTimeout, err)
			}
		})
	}
}

// Via returns a context for the FetchMany of another Source, which a ManySource calls in its
// own: each request may take one part of Config.FetchTimeout, such as half of it if parts is
// 2. A request for a Ref begins the fetch of what originals returns for it; if that is
// nothing, the Ref is not asked for.
func Via(ctx context.Context, parts int, originals func(Ref) []Ref) context.Context {
	by := turnsOf(ctx)
	return turns.With(ctx, &turns.Turns[Ref]{Timeout: by.Timeout / time.Duration(parts), Begin: func(refs func() []Ref) (turns.Request[Ref], error) {
		of := map[Ref]Ref{} // of each original, in refs
		next, err := by.Begin(func() (all []Ref) {
			for _, ref := range refs() {
				for _, original := range originals(ref) {
					all, of[original] = append(all, original), ref
				}
			}
			return all
		})
		all := next.Refs
		next.Refs = nil
		for _, original := range all {
			if ref := of[original]; !slices.Contains(next.Refs, ref) {
				next.Refs = append(next.Refs, ref)
			}
		}
		return next, err
	}})
}

// errBrokenOff is the answer of a request that ended its goroutine.
var errBrokenOff = fmt.Errorf("%w in the source: it ended its goroutine", guard.ErrPanic)

// maxRequests is how many requests of a FetchMany are under way that no Cache calls.
const maxRequests = 64

// turnsOf returns when the requests of a FetchMany with this ctx may begin.
func turnsOf(ctx context.Context) *turns.Turns[Ref] {
	if by := turns.From[Ref](ctx); by != nil {
		return by
	}
	places := make(chan struct{}, maxRequests)
	return &turns.Turns[Ref]{Begin: func(refs func() []Ref) (turns.Request[Ref], error) {
		places <- struct{}{}
		return turns.Request[Ref]{Refs: refs(), End: func() { <-places }}, nil
	}}
}
