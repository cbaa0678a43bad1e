package cache

import "context"

// A Source fetches one version of one secret. The Cache calls it from several
// goroutines at once, never twice at a time for one Ref.
//
// Fetch makes at most one request that counts against the service's quota: when
// to try again is the Cache's to decide. It returns soon after ctx is done. The Ref
// it gets is valid and has a Stage or a VersionID. Where the service says why it
// refuses, the error wraps the sentinel for it, [ErrNotFound] or one of its
// neighbours; that of a ctx whose deadline has passed [ErrTimeout], that of a cancelled one
// its ctx.Err() alone. No error holds secret bytes, in its text or in what it wraps.
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
	forced, _ := ctx.Value(forcedKey{}).(bool)
	return forced
}

// SourceFunc makes a Source of a function.
type SourceFunc func(ctx context.Context, ref Ref) (Value, error)

// Fetch calls f.
func (f SourceFunc) Fetch(ctx context.Context, ref Ref) (Value, error) { return f(ctx, ref) }

// A BatchSource is a Source that can fetch several secrets by one request. A Cache finds
// that out by a type assertion, and makes use of it in [Cache.LookupAll] only.
type BatchSource interface {
	Source

	// FetchBatch fetches by one request the secrets that refs name, at most [MaxBatch],
	// all with the stage AWSCURRENT and without a VersionID. It returns a result for each,
	// in their order; or an error if the request as a whole failed. A result whose error
	// is [ErrNotInBatch] says that there was no answer about that secret, which is then
	// fetched by itself. All else is as for Fetch.
	FetchBatch(ctx context.Context, refs []Ref) ([]Result, error)
}

// MaxBatch is how many secrets one request may name, from the reference page of the
// BatchGetSecretValue action: its SecretIdList.
const MaxBatch = 20

// A Result is what came of one secret of a batch.
type Result struct {
	Value Value
	Err   error
}
