package cache

import (
	"crypto/cipher"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
)

// The defaults of a Config. Those that the AWS caching clients have too are
// theirs.
const (
	DefaultMaxSize            = 1024
	DefaultTTL                = time.Hour
	DefaultStage              = "AWSCURRENT"
	DefaultFetchTimeout       = 10 * time.Second
	DefaultMaxRefreshWait     = time.Second
	DefaultMinRefreshInterval = time.Second
	DefaultEventSpread        = 4 * time.Second
)

// Config says how a Cache works. Its zero value is the default configuration;
// so is the zero value of each field. [Config.WithSealedFile] adds a file that outlives
// the process.
type Config struct {
	// MaxSize is how many of the secrets that are read by ID are kept, 1,024 by default and
	// at most 16,777,216. If one more is read, one of those whose last use is the longest ago
	// is evicted. The order is that of CLOCK: an eviction spares what was read since it
	// took its place in the order, but no more than 16 secrets. A secret that a living handle
	// names is not evicted, however many there are.
	MaxSize int

	// TTL is the age from which a value is refreshed before it is returned,
	// 1 h by default and at least 1 ms.
	TTL time.Duration

	// MaxRefreshWait is how long a reader waits for the refresh of a value that is past its
	// TTL or was invalidated, if the reader may be given that value instead (StaleIfError);
	// 1 s by default. A reader whose context has a deadline waits for at most a third of
	// the time that it has left. The refresh goes on meanwhile. Once a refresh that began
	// after the TTL has failed, no reader waits until one succeeds. A negative
	// MaxRefreshWait lets no reader wait.
	MaxRefreshWait time.Duration

	// NoRefreshAhead turns refresh-ahead off. With it on, an access to a value
	// older than a moment drawn at random returns the value at once and starts a
	// refresh in the background, so that no reader waits and a fleet does not
	// call in step. The moment lies between 70 and 83 % of the TTL, but ends one
	// FetchTimeout before the TTL does, or at 75 % of a TTL that is shorter than four
	// FetchTimeouts. After a first fetch, a forced one, or one that ended an outage, which
	// the whole fleet may have made at the same time, it lies between TTL/60 and that end.
	NoRefreshAhead bool

	// DefaultStage is the version stage of a Ref that names neither stage nor
	// version, AWSCURRENT by default.
	DefaultStage string

	// Backoff says how long after a failed fetch no other fetch of that Ref is made: at
	// first 1 s at most, doubling up to 1 h, with full jitter, and no longer than
	// [backoff.Policy.DelayAfter] has it for the outage so far. If its Max is 0, some
	// failures have a bound of their own in place of 1 h:
	//   - 15 s while the source can't answer about this Ref ([secret.ErrUnavailable],
	//     [secret.ErrTimeout], [secret.ErrThrottled]) but answers about others; a full jitter is
	//     an equal one then
	//   - 1 min for [secret.ErrAccessDenied] and [secret.ErrDecryption]
	//   - 5 min for [secret.ErrNotFound]
	//
	// If two Refs in a row had no answer, the source is down, and no Ref's own delay counts:
	// one probe at a time asks for one of the Refs that are read, after delays from 1 to 5 s.
	// An answer about any Ref ends the outage. Values past their TTL are then fetched when they
	// are read, 10 a second at first and more from second to second.
	//
	// A refusal seldom mends itself, but somebody may have mended it: so [Cache.Refresh] and
	// [Cache.Invalidate] pass its delay. Their fetches have one of their own, of 1 s after
	// the first that was refused, doubling up to 30 s.
	Backoff backoff.Policy

	// FetchTimeout bounds one fetch, whatever the callers' contexts say; 10 s
	// by default and at least 1 ms. A call of the source or of the hook's Put that has not
	// returned 100 ms after it is abandoned: the fetch fails with [secret.ErrTimeout], another one may
	// begin, and what the call still returns is dropped. While 64 abandoned calls have not
	// returned, no more are made; the error says so and names the source's type. A sealer
	// that hangs holds a fetch up for one FetchTimeout more. Close waits for at most
	// FetchTimeout, and its error says what has not ended.
	FetchTimeout time.Duration

	// MinRefreshInterval is the least time from the start of a forced fetch of a secret to that
	// of the next one which [Cache.Refresh] forces, and between the starts of two fetches which
	// [Cache.Invalidate] asks for; 1 s by default and at least 1 ms. Refresh waits for its end.
	// A Get after Invalidate waits for it only if it comes within MaxRefreshWait. A negative one
	// turns it off, for tests say. If a secret is evicted, its interval is forgotten, unless its
	// last fetch failed.
	MinRefreshInterval time.Duration

	// EventSpread is the time within which the fetch for an event begins, at a random moment; 4 s
	// by default. All processes of a fleet learn of a rotation in the same second, and they share
	// one quota. If negative, the fetch begins at once. See [Cache.HandleEvent].
	EventSpread time.Duration

	// StaleIfError decides whether the last good value, whose age is given, may be returned
	// although it is past its TTL, because refreshing it failed with err or takes longer
	// than readers wait: then err wraps [secret.ErrTimeout]. By default (nil) it always may. If
	// StaleIfError refuses the value while the refresh is under way, the reader goes on
	// waiting. The reading goroutine calls StaleIfError, and several may at once; if it
	// panics, the answer is no. If it refuses, the error of the read says so, and wraps
	// [ErrPanic] if it panicked. If the source can't answer now, and refused the secret
	// after it last gave it, err wraps that refusal too. The age is math.MaxInt64 if it is
	// unknown, which [Config.WithSealedFile] explains.
	StaleIfError func(err error, age time.Duration) bool

	// CheckClock has each read look at the wall clock and the monotonic
	// clock. Without it, a timer looks at them every 100 ms while secrets are read: after the
	// process was stopped and resumed or the machine suspended, or after the wall clock was
	// set forward, reads may get a value past its TTL for up to 100 ms of running time
	// before that is noticed. CheckClock is always on in AWS Lambda, where freezing
	// between two requests is the rule.
	CheckClock bool

	// Hook transforms what is kept in memory; none by default. Its Get must return when its
	// context ends, since nothing else ends it.
	Hook hook.Hook

	// Observer learns what happens; none by default.
	Observer hook.Observer

	sealedFile *engine.SealedFile // nil: none
}

// WithSealedFile returns c with a sealed file at path, that holds the values of
// the cache, encrypted by sealer, so that a process that starts while the source can't
// answer ([secret.ErrUnavailable], [secret.ErrTimeout], [secret.ErrThrottled]) has those of an earlier one.
// They are returned as stale, with the age that they have by then, as far as
// Config.StaleIfError allows, and refreshed when the back-off lets a fetch through.
//
// The file follows the refusals of the source. If the source says that a secret does not
// exist ([secret.ErrNotFound]) or is deleted ([secret.ErrDeleted]), the next write takes the secret out
// of the file, until the source gives the secret again. If the source refuses a secret
// otherwise ([secret.ErrAccessDenied], [secret.ErrDecryption], [secret.ErrInvalidRequest]), its value stays, since
// a mistake in a policy may be mended soon. The file remembers that refusal until the source
// gives the secret again. In an outage StaleIfError then gets an error that wraps both the
// outage and the refusal, and that says when the refusal was.
//
// If the file was written more than 5 s in the future of the wall clock, the age of its
// values is unknown. StaleIfError then gets the largest Duration (math.MaxInt64), so that a
// limit on the age refuses them.
//
// The file is written after a successful fetch and a refusal, in the background, once a
// second at most, and by Close if this Cache has something that it did not write yet. It
// holds the newest MaxSize values, or as many as the cache keeps with those of handles, if
// these are more. A value that another process wrote stays in the file
// until 90 days after it was fetched. So processes of one service may share a file; for
// each secret, the latest news that any of them had counts. If two processes write at the
// same moment, the file lacks the news of one of them until its next write, so processes
// that start together had better have a file each. The file is replaced as a whole: after a
// crash at any moment the old or the new one is there. Only its owner may read it. A
// symbolic link at path is itself replaced.
//
// The directory must exist. [New] tries to create a file in it, and returns an error that
// wraps [ErrSealedFile] if that fails.
//
// Sealer is an authenticated cipher such as AES-GCM, with a key that is kept elsewhere: in
// KMS, say. It is called by several goroutines at once, and must not wait for anything, as
// Close waits for it. A file that is truncated, was tampered with, was sealed with another
// key or is of another format is refused: no part of it is used, and the next write
// replaces it. A file that this library did not write stays as it is. So does a file that
// is too large, which is not even read; the limit is 128 KiB for each of MaxSize secrets,
// but at least 128 MiB and at most 1 GiB. In each of these cases the Observer gets
// [hook.SealedFileFailed], and the error of a Get that needed the file wraps [ErrSealedFile].
// If a write fails, the file stays as it was, the Observer gets the same event, and the
// next fetch, or Close, tries again. With a Hook, a value is derived for the time of the
// writing, if the file does not have it yet.
func (c Config) WithSealedFile(path string, sealer cipher.AEAD) Config {
	c.sealedFile = &engine.SealedFile{Path: path, Sealer: sealer}
	return c
}

// Validate reports the first setting that makes no sense, and what would, as an
// error that wraps [ErrInvalidConfig].
func (c Config) Validate() error { return c.engine().Validate() }

// MaxStale is a [Config].StaleIfError that allows the last good value for this long after it was
// fetched, whatever the error. The age counts from the fetch and not from the end of the TTL, so
// a MaxStale under the TTL allows no stale value at all.
func MaxStale(age time.Duration) func(err error, age time.Duration) bool {
	return func(_ error, since time.Duration) bool { return since <= age }
}

// engine returns the same settings for the engine.
func (c Config) engine() engine.Config {
	return engine.Config{
		MaxSize:            c.MaxSize,
		TTL:                c.TTL,
		MaxRefreshWait:     c.MaxRefreshWait,
		NoRefreshAhead:     c.NoRefreshAhead,
		DefaultStage:       c.DefaultStage,
		Backoff:            c.Backoff,
		FetchTimeout:       c.FetchTimeout,
		MinRefreshInterval: c.MinRefreshInterval,
		EventSpread:        c.EventSpread,
		StaleIfError:       c.StaleIfError,
		CheckClock:         c.CheckClock,
		Hook:               c.Hook,
		Observer:           c.Observer,
		SealedFile:         c.sealedFile,
	}
}
