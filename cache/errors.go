package cache

import "github.com/typedsecret/typedsecret/internal/engine"

// A caller branches on these with errors.Is, and on those of package secret, which are about
// one secret.
var (
	// ErrInvalidConfig: New was given settings that make no sense.
	ErrInvalidConfig = engine.ErrInvalidConfig
	// ErrClosed: the Cache was closed.
	ErrClosed = engine.ErrClosed
	// ErrNilCache: a nil *Cache, or one not made by New, was used.
	ErrNilCache = engine.ErrNilCache
	// ErrPanic: a source, hook or codec of the user's panicked, or returned an error
	// whose methods do.
	ErrPanic = engine.ErrPanic
	// ErrSealedFile: the sealed file could not be read or written.
	ErrSealedFile = engine.ErrSealedFile
)
