package secret

import (
	"context"

	"github.com/typedsecret/typedsecret/internal/turns"
)

// A Source fetches one version of one secret. The Cache calls it from several
// goroutines at once, for 64 Refs at most, and never twice at a time for one Ref unless it
// abandoned the first call.
//
// Fetch makes at most one request that counts against the service's quota: when
// to try again is the Cache's to decide. It returns soon after ctx is done; a call that has
// not returned 100 ms after Config.FetchTimeout is abandoned. The Ref that Fetch gets is valid
// and has a Stage or a VersionID. Where the service says why it refuses, the error wraps the
// sentinel for it, [ErrNotFound] or one of its neighbours. The error for a ctx whose deadline
// has passed wraps [ErrTimeout], that for a cancelled one its ctx.Err() alone. No error holds
// secret bytes, in its text or in what it wraps.
//
// The Cache copies what it keeps of the Value, whose strings may be parts of larger
// ones, and sets FetchedAt.
type Source interface {
	Fetch(ctx context.Context, ref Ref) (Value, error)
}

// IsForced reports whether ctx is that of a fetch which the program asked for, by
// [Cache.Refresh] or after [Cache.Invalidate]: a Source that has a cache of its own on
// the way is to go past it.
func IsForced(ctx context.Context) bool {
	return turns.IsForced(ctx)
}

// SourceFunc makes a Source of a function.
type SourceFunc func(ctx context.Context, ref Ref) (Value, error)

// Fetch calls f.
func (f SourceFunc) Fetch(ctx context.Context, ref Ref) (Value, error) { return f(ctx, ref) }

// Backends is a Source that reads from several backends, such as regions or accounts, each of
// which can be down while the others answer. A Cache finds that out by a type assertion. A
// Source that wraps another passes it on.
type Backends interface {
	Source

	// Backend names the backend that answers for ref, which is always the same one. It does no
	// I/O and calls nothing of the Cache, which holds a lock meanwhile.
	Backend(ref Ref) string
}

// A Declarer is a Source that learns on which secrets the program declares handles. It may do
// more for them than for an ID that came at run time, from a tenant say: source/awssm asks the
// region of a declared ARN. A Cache finds Declared by a type assertion. A Source that wraps
// another passes Declared on.
type Declarer interface {
	Source

	// Declared tells the Source of a handle on ref, before the handle's first fetch. It does no I/O and
	// returns at once. It may be called again for the same ref.
	Declared(ref Ref)
}

// A ManySource is a Source that can fetch several secrets at once, in fewer requests. A
// Cache finds that out by a type assertion, and makes use of it for a Preload only.
type ManySource interface {
	Source

	// FetchMany fetches refs, no two of which are equal, and calls answer once for each: from
	// any goroutine, in any order, and as soon as the answer is there, since it ends the fetch
	// of its Ref for all who wait for it. How many requests that takes is the source's to
	// decide; it makes them by [MakeRequests], which says when each may begin, and bounds it by
	// Config.FetchTimeout. Ctx itself has no deadline. All else is as for Fetch.
	//
	// A Ref that has no answer when FetchMany returns, panics or ends its goroutine fails,
	// with an error that says so and wraps [ErrUnavailable] or [ErrPanic]. A second answer and
	// one after FetchMany has returned are ignored.
	FetchMany(ctx context.Context, refs []Ref, answer func(Ref, Value, error))
}
