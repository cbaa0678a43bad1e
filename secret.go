// Package typedsecret reads secrets from AWS Secrets Manager as typed Go values,
// at the price of a few pointer loads. A handle is declared as a package variable,
// without a client and without I/O, and read in request paths:
//
//	var db = typedsecret.New[DBCreds]("prod/db")
//
//	creds, err := db.Get(ctx) // a DBCreds, decoded once per version
//
// Behind the handles a cache, shared by all of them, fetches each secret when it
// is first asked for, refreshes it in the background before its TTL is over,
// notices rotations, and goes on with the last good value while Secrets Manager
// can't be reached or a rotated value does not decode.
//
// Read on with [New] and [Secret.Get]; then [ByID] for secrets whose IDs are
// known only at run time, [Inject], and [SetDefault] for settings. What decodes
// and what is refused is told in package codec, how long what is kept in package
// cache, and how to test without AWS in package secrettest.
package typedsecret

import (
	"context"
	"errors"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

// A caller branches on these with errors.Is. They are those of package cache,
// where each is explained; errors of decoding are a [*codec.Error] in what
// errors.As finds, and bear the sentinels of package codec.
var (
	ErrNotFound       = secret.ErrNotFound
	ErrDeleted        = secret.ErrDeleted
	ErrAccessDenied   = secret.ErrAccessDenied
	ErrDecryption     = secret.ErrDecryption
	ErrThrottled      = secret.ErrThrottled
	ErrInvalidRequest = secret.ErrInvalidRequest
	ErrUnavailable    = secret.ErrUnavailable
	ErrTimeout        = secret.ErrTimeout
	ErrInvalidRef     = secret.ErrInvalidRef
	ErrInvalidConfig  = cache.ErrInvalidConfig
	ErrClosed         = cache.ErrClosed
	ErrNilCache       = cache.ErrNilCache
	ErrPanic          = cache.ErrPanic
	ErrHook           = cache.ErrHook
	ErrSealedFile     = cache.ErrSealedFile

	// ErrZeroHandle: a handle was used that New or NewByID did not make.
	ErrZeroHandle = errors.New("handle is nil or was not made by typedsecret.New or NewByID")
)

// An Error says which secret could not be had, why, and when it is asked for
// again. Errors of handles are of type *Error, but for [ErrZeroHandle] and what
// [ByID.Err] returns, which are about no secret, and for a nil function given to Do or Inject.
type Error = secret.Error

// Info tells about a value that a handle returned. It holds no secret.
type Info struct {
	ID        string // as the program asked for it
	ARN       string
	Name      string
	VersionID string   // of the value that was returned
	Stages    []string // of that version, when it was fetched
	Created   time.Time
	FetchedAt time.Time
	// Age is how long ago FetchedAt was; longer than by the wall clock if that was set back
	// since. Age is math.MaxInt64, the largest Duration, if it is unknown, since the value
	// is from a sealed file that was written in the future of the wall clock: see
	// [cache.Config.WithSealedFile].
	Age time.Duration
	// Replica is the replica region that the value came from, if the secret could not
	// be had from its primary region; else it is empty.
	Replica string

	// Stale reports whether the value is past its TTL or was invalidated. It was returned
	// all the same because refreshing it failed or takes long.
	Stale bool
	// RefreshErr says why the last attempt to refresh failed, or that the one under way
	// takes longer than readers wait ([ErrTimeout]); else it is nil.
	RefreshErr error
	// DecodeErr is why the newest version could not be decoded or is invalid;
	// then the value is that of an older version. Else nil.
	DecodeErr error
	// RejectedVersionID is the version that DecodeErr is about.
	RejectedVersionID string
}

// IsTransient reports whether err may mend itself, so that another try is worth its while: the
// source could not answer, was too busy or took too long ([ErrUnavailable], [ErrThrottled],
// [ErrTimeout]), a hook failed ([ErrHook]), or the deadline of the caller passed. It is false
// for nil and for what somebody has to mend: a secret that does not exist, a missing
// permission, a T that does not fit. Of an error that joins several, as that of [Preload],
// one is enough.
func IsTransient(err error) bool {
	for _, transient := range []error{ErrUnavailable, ErrThrottled, ErrTimeout, ErrHook, context.DeadlineExceeded} {
		if errors.Is(err, transient) {
			return true
		}
	}
	return false
}
