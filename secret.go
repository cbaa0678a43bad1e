// Package typedsecret reads secrets from AWS Secrets Manager as typed Go values. Declare a
// handle and read it wherever the secret is used, on every request:
//
//	var db = typedsecret.New[DBCreds]("prod/db") // no client and no I/O yet
//
//	creds, err := db.Get(ctx) // a DBCreds, decoded once per version
//
// A Get costs a few pointer loads. Behind the handles a cache, which all of them share,
// fetches each secret when it is first read, refreshes it in the background before its TTL
// is over, and goes on with the last good value while Secrets Manager can't answer or a
// rotated value does not decode.
//
// # What there is for what
//
//   - the secrets of a service, as fields of a struct: [Set.Fill], [Set.Preload]
//   - secrets whose IDs are known only at run time: [ByID]
//   - code that only reads a secret, and its tests: [Getter], [Static]
//   - a credential that a service may refuse during a rotation: [Secret.Do], and the
//     packages sqlsecret and httpsecret
//   - each new value: [Secret.Watch]; the current and the previous one: [Secret.Versions]
//   - readiness: [Set.ReadyHandler]
//   - settings: [SetDefault], [WithCache] and package cache
//   - what decodes, and what is refused: package codec
//   - a test with a Secrets Manager of its own: package secrettest
package typedsecret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
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
	ErrHook           = secret.ErrHook
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
	// UndecodableVersionID is the version that DecodeErr is about.
	UndecodableVersionID string
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

// An Option changes what New and NewByID make.
type Option func(*settings)

// settings are what a handle was made with. They don't change.
type settings struct {
	ref    secret.Ref // without an ID
	cache  *engine.Cache
	client *engine.Cache // that of WithClient, which becomes cache
	codec  codec.Codec
	key    string // of WithKey; "" for the whole secret
	shared bool
	set    *Set

	// For Do.
	rejected func(error) bool
	budget   time.Duration
	most     int // of WithMaxRejections; 0 for no bound
	pending  bool

	err error // of the options
}

func newSettings(opts []Option) settings {
	if len(opts) == 0 {
		return settings{budget: DefaultRetryBudget}
	}
	return settingsBy(opts)
}

// settingsBy is newSettings in a function of its own, since its settings are allocated.
func settingsBy(opts []Option) settings {
	set := settings{budget: DefaultRetryBudget}
	set.apply(opts)
	if s := set.set; s != nil && len(s.Options) > 0 {
		set = settings{budget: DefaultRetryBudget}
		set.apply(s.Options)
		if set.set != nil {
			set.refuse("WithSet is no option for Set.Options")
		}
		set.apply(opts)
	}
	if set.cache != nil && set.client != nil {
		set.refuse("WithCache and WithClient exclude each other; give the client to the cache's source")
	}
	set.cache = cmp.Or(set.cache, set.client)
	if set.pending && set.ref != (secret.Ref{}) {
		set.refuse("WithPending excludes WithStage and WithVersionID; leave it out, or them")
	}
	return set
}

// isPlain reports whether they say nothing but, perhaps, the cache.
func (set *settings) isPlain() bool {
	return set.ref == (secret.Ref{}) && set.codec == nil && set.key == "" && !set.shared && set.err == nil && !set.isForDo()
}

// isForDo reports whether they say something about Do.
func (set *settings) isForDo() bool {
	return set.rejected != nil || set.budget != DefaultRetryBudget || set.most != 0 || set.pending
}

func (set *settings) apply(opts []Option) {
	for _, opt := range opts {
		if opt != nil {
			opt(set)
		}
	}
}

func (set *settings) refuse(format string, args ...any) {
	set.fail(fmt.Errorf("%w: "+format, append([]any{ErrInvalidConfig}, args...)...))
}

// fail adds err to what is wrong with the settings, in one line.
func (set *settings) fail(err error) {
	switch {
	case set.err == nil:
		set.err = err
	case err != nil:
		set.err = fmt.Errorf("%w; %w", set.err, err)
	}
}

// WithCache binds the handle to c instead of the default cache.
func WithCache(c *cache.Cache) Option {
	return func(set *settings) {
		if c == nil {
			set.fail(ErrNilCache)
		}
		set.cache = (*engine.Cache)(c)
	}
}

// WithClient binds the handle to a cache over client, of default settings,
// which all handles with the same client share, and which ends with the last of them. For
// other settings use [WithCache] over a source/awssm.Source, and close the cache in the end.
//
// Client is any value with the method GetSecretValue, such as a
// *secretsmanager.Client; it must be comparable, as pointers are.
func WithClient(client awssm.Client) Option {
	return func(set *settings) {
		switch {
		case guard.IsNil(client):
			set.refuse("the client is nil")
		case !reflect.ValueOf(client).Comparable():
			set.refuse("the client, a %T, is not comparable; give a pointer to it", client)
		default:
			c, err := clientCache(client)
			set.client = c
			set.fail(err)
		}
	}
}

// WithStage reads the version that bears this version stage, such as
// AWSPREVIOUS, in place of the cache's default stage.
func WithStage(stage string) Option {
	return func(set *settings) {
		if stage == "" {
			set.refuse("the version stage is empty; leave WithStage out for the default stage")
		}
		set.ref.Stage = stage
	}
}

// WithVersionID pins one version, which never changes. A stage given with it
// must be one that the version bears, or Secrets Manager refuses the request.
func WithVersionID(id string) Option {
	return func(set *settings) {
		if id == "" {
			set.refuse("the version ID is empty; leave WithVersionID out for the current version")
		}
		set.ref.VersionID = id
	}
}

// WithCodec decodes with c in place of what [codec.For] answers for T.
func WithCodec(c codec.Codec) Option {
	return func(set *settings) {
		if guard.IsNil(c) {
			set.refuse("the codec is nil; leave WithCodec out for the one that codec.For answers")
		}
		set.codec = c
	}
}

// WithShared says that nobody modifies what Get returns, so that one decoded value
// can be returned to all, although T's type would allow to modify it.
func WithShared() Option {
	return func(set *settings) { set.shared = true }
}

// WithKey decodes the value of one key of a secret that is a JSON object, in place of the whole:
//
//	var password = typedsecret.New[string]("prod/db", typedsecret.WithKey("password"))
//
// It is what Amazon ECS writes as arn:…:password::. A string goes to T's codec as its text, any
// other value as its JSON.
func WithKey(key string) Option {
	return func(set *settings) {
		if key == "" {
			set.refuse("the key is empty; leave WithKey out for the whole secret")
		}
		set.key = key
	}
}
