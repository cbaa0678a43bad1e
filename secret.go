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
	"encoding/json"
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

// A caller branches on these errors with errors.Is. Package cache explains each of them.
// For an error of decoding, errors.As finds a [*codec.Error], which wraps a sentinel of
// package codec.
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

	// ErrZeroHandle is the error of a handle that New or NewByID did not make.
	ErrZeroHandle = errors.New("handle is nil or was not made by typedsecret.New or NewByID")
)

// An Error says which secret could not be read, why, and when it is fetched again. Errors
// of handles are of type *Error, with three exceptions: [ErrZeroHandle], the error of
// [ByID.Err], and that of a nil function given to Do or Inject.
type Error = secret.Error

// Info describes a value that a handle returned. It holds no secret.
type Info struct {
	ID        string // the ID of the handle
	ARN       string
	Name      string
	VersionID string   // the version of the value
	Stages    []string // the stages of that version when it was fetched
	Created   time.Time
	FetchedAt time.Time
	// Age is the time since FetchedAt, also if the wall clock was set back meanwhile. If
	// the value is from a sealed file whose time is in the future of the wall clock, its
	// age is unknown; then Age is math.MaxInt64, the largest Duration. See
	// [cache.Config.WithSealedFile].
	Age time.Duration
	// Replica is the replica region from which the value came, if the primary region
	// failed. Otherwise it is empty.
	Replica string

	// LastEvent is when the last event came to [cache.Cache.HandleEvent] by which this stage of the
	// secret may have moved; zero if none did.
	LastEvent time.Time

	// Stale reports whether the value is past its TTL or was invalidated. Such a value is
	// returned if its refresh failed or takes long.
	Stale bool
	// RefreshErr is the error of the last refresh, if that failed. It is [ErrTimeout] if
	// the refresh under way takes longer than readers wait. Otherwise it is nil.
	RefreshErr error
	// DecodeErr is the error of the newest version, if that does not decode or is invalid.
	// The value is then that of an older version. Otherwise it is nil.
	DecodeErr error
	// UndecodableVersionID is the version of DecodeErr.
	UndecodableVersionID string
}

// MarshalJSON returns i as JSON, with its errors as texts; null means none.
func (i Info) MarshalJSON() ([]byte, error) {
	type fields Info
	return json.Marshal(struct {
		fields
		RefreshErr, DecodeErr *string
	}{fields(i), textOf(i.RefreshErr), textOf(i.DecodeErr)})
}

func textOf(err error) *string {
	if err == nil {
		return nil
	}
	s := err.Error()
	return &s
}

// IsTransient reports whether another try may succeed: the source could not answer, was too
// busy or took too long ([ErrUnavailable], [ErrThrottled], [ErrTimeout]), a hook failed
// ([ErrHook]), or the deadline of the caller passed. It is false for nil, and for errors
// that a person has to mend: a secret that does not exist, a missing permission, a T that
// does not fit. If err joins several errors, as that of [Preload] does, one transient error
// is enough.
func IsTransient(err error) bool {
	if !guard.Walkable(err) {
		return false
	}
	for _, transient := range []error{ErrUnavailable, ErrThrottled, ErrTimeout, ErrHook, context.DeadlineExceeded} {
		if errors.Is(err, transient) {
			return true
		}
	}
	return false
}

// An Option changes the handles that New and NewByID make.
type Option func(*settings)

// settings are the options of a handle. They don't change.
type settings struct {
	ref    secret.Ref // has no ID
	cache  *engine.Cache
	client *engine.Cache // the cache of WithClient, which becomes cache
	codec  codec.Codec
	key    string // the key of WithKey; "" means the whole secret
	shared bool
	set    *Set

	undeclared bool // the settings are a ByID's without WithARNRegion
	arnRegion  bool // of WithARNRegion

	// The fields below are for Do.
	rejected func(error) bool
	budget   time.Duration
	most     int // the bound of WithMaxRejections; 0 means none
	pending  bool

	err error // what is wrong with the options
}

func newSettings(opts []Option) settings {
	if len(opts) == 0 {
		return settings{budget: DefaultRetryBudget}
	}
	return settingsBy(opts)
}

// settingsBy is a function of its own, since its settings are allocated.
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

// isPlain reports whether the settings are the default ones, except for the cache.
func (set *settings) isPlain() bool {
	return set.ref == (secret.Ref{}) && set.codec == nil && set.key == "" && !set.shared && set.err == nil && !set.isForDo() &&
		!set.undeclared && !set.arnRegion
}

// isForDo reports whether one of the settings is about Do.
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

// fail adds err to the error of the settings, in one line.
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

// WithClient binds the handle to a cache over client, with default settings. All handles
// with the same client share the cache, which ends with the last of them. For other
// settings use [WithCache] with a source/awssm.Source, and close the cache at the end.
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

// WithStage reads the version with this version stage, such as AWSPREVIOUS, in place of the
// cache's default stage.
func WithStage(stage string) Option {
	return func(set *settings) {
		if stage == "" {
			set.refuse("the version stage is empty; leave WithStage out for the default stage")
		}
		set.ref.Stage = stage
	}
}

// WithVersionID pins one version, which never changes. If a stage is given too, the version
// must have that stage, or Secrets Manager refuses the request.
func WithVersionID(id string) Option {
	return func(set *settings) {
		if id == "" {
			set.refuse("the version ID is empty; leave WithVersionID out for the current version")
		}
		set.ref.VersionID = id
	}
}

// WithCodec decodes with c in place of the codec that [codec.For] returns for T.
func WithCodec(c codec.Codec) Option {
	return func(set *settings) {
		if guard.IsNil(c) {
			set.refuse("the codec is nil; leave WithCodec out for the one that codec.For returns")
		}
		set.codec = c
	}
}

// WithShared promises that no caller modifies the values of Get. Then all callers get the
// same decoded value, although T's type would allow to modify it.
func WithShared() Option {
	return func(set *settings) { set.shared = true }
}

// WithKey decodes the value of one key of a secret that is a JSON object, in place of the whole:
//
//	var password = typedsecret.New[string]("prod/db", typedsecret.WithKey("password"))
//
// Amazon ECS writes such a key as arn:…:password::. A [codec.JSON], which structs, numbers and
// bools have by default, gets the value as its JSON. Any other codec, such as that of a string,
// gets the text of a JSON string, and a value of another kind is an error.
func WithKey(key string) Option {
	return func(set *settings) {
		if key == "" {
			set.refuse("the key is empty; leave WithKey out for the whole secret")
		}
		set.key = key
	}
}
