package cache

import "context"

// A Source fetches one version of one secret. The Cache calls it from several
// goroutines at once, never twice at a time for one Ref.
//
// Fetch makes at most one request that counts against the service's quota: when
// to try again is the Cache's to decide. It returns soon after ctx is done. The Ref
// it gets is valid and has a Stage or a VersionID. Where the service says why it
// refuses, the error wraps the sentinel for it, [ErrNotFound] or one of its
// neighbours; no error holds secret bytes, in its text or in what it wraps.
//
// The Cache copies what it keeps of the Value, whose strings may be parts of larger
// ones, and sets FetchedAt.
type Source interface {
	Fetch(ctx context.Context, ref Ref) (Value, error)
}

// SourceFunc makes a Source of a function.
type SourceFunc func(ctx context.Context, ref Ref) (Value, error)

// Fetch calls f.
func (f SourceFunc) Fetch(ctx context.Context, ref Ref) (Value, error) { return f(ctx, ref) }
