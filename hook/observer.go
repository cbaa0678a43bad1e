package hook

import (
	"context"
	"time"
)

// An Observer learns what a cache does: for logs, metrics and alarms. Observe is called
// synchronously by the goroutine in which the event happened, from several at once and with
// no lock held. Callers that wait for the fetch also wait for Observe: return quickly, and
// don't wait for a fetch in it. Reading what the cache has is fine. A panic in Observe is
// caught and dropped. The context carries the values of the Get that caused the event.
type Observer interface {
	Observe(ctx context.Context, e Event)
}

// A FetchObserver is an Observer that follows fetches from their beginning, for
// example to measure them by spans. A Cache finds BeginFetch by a type assertion. [Join] passes it
// on.
type FetchObserver interface {
	Observer

	// BeginFetch is called before the source is asked for s, with the values of the context of
	// the Get that began the fetch. The source, the hook and the Observe that gets the Fetched
	// or FetchFailed of this fetch are called with the values of the context that BeginFetch
	// returns. Its deadline is ignored. If one request is for s and other secrets, the source does
	// not get this context.
	//
	// All else is as for Observe: a fetch waits for it, and a panic in it is dropped. Two kinds of
	// fetches have no BeginFetch: one that the source answers without a request, in a Preload, and
	// one that looks into the sealed file. A fetch that Close cuts off has no Fetched and no
	// FetchFailed.
	BeginFetch(ctx context.Context, s Secret) context.Context
}

// ObserverFunc makes an Observer of a function.
type ObserverFunc func(ctx context.Context, e Event)

// Observe calls f.
func (f ObserverFunc) Observe(ctx context.Context, e Event) { f(ctx, e) }

// An Event is one of [Fetched], [Rotated], [FetchFailed], [ServedStale],
// [Evicted], [DecodeFailed], [Rejected], [SealedFileFailed] and [Announced]. More may be added; an
// Observer ignores what it doesn't know. None holds secret bytes. Their JSON has errors as texts.
type Event interface {
	event()
}

// A Secret says which secret an Event is about.
type Secret struct {
	ID        string // as the program asked for it
	Stage     string
	VersionID string // the version concerned; for a FetchFailed the one pinned, if any
}

// Fetched: a fetch succeeded, whether or not it brought a new version.
type Fetched struct {
	Secret
	Took time.Duration
}

// Rotated: a fetch brought another version than the one before. Secret names
// the new version, which a handle may yet refuse to decode. It follows the Fetched of the same
// fetch. Sources whose versions have no ID (source/static, source/env, source/file) count them:
// local-…-1, local-…-2.
type Rotated struct {
	Secret
	From string // the version ID before
}

// Announced: a fetch brought a new version that an event had announced. It follows the Rotated of
// the same fetch.
type Announced struct {
	Secret
	// Lag is the time from the rotation until the cache had the version. The event dates the
	// rotation, in whole seconds of AWS's clock; Lag is 0 if that clock is ahead of this machine's.
	// If the event has no date, or the rotation was found after notify.Missed, Lag begins when the
	// event came.
	Lag time.Duration
}

// FetchFailed: a fetch failed.
type FetchFailed struct {
	Secret
	Err      error
	Failures int           // how many in a row, this one included
	RetryIn  time.Duration // no read fetches again before this has passed
	Took     time.Duration
}

// ServedStale: a value older than its TTL was returned because refreshing it fails or takes
// long. There is one for each such fetch, not for each Get.
type ServedStale struct {
	Secret
	Age time.Duration // math.MaxInt64 if it is unknown
	Err error         // why the last refresh failed
}

// Evicted: the cache was full and dropped this secret, which is read by ID alone and was not
// read for the longest time.
type Evicted struct {
	Secret
}

// DecodeFailed: a typed handle could not decode or validate a version; the last
// good one stays in use if there is one. There is one event for a version and
// handle.
type DecodeFailed struct {
	Secret
	Err error
}

// Rejected: a service refused the credential in this version, as the function given to
// a typed handle's Do said. There is one each time.
type Rejected struct {
	Secret
}

// SealedFileFailed: the sealed file, which keeps the values for the next start,
// could not be read or written.
type SealedFileFailed struct {
	Path string
	Err  error
}

func (Fetched) event()          {}
func (Rotated) event()          {}
func (FetchFailed) event()      {}
func (ServedStale) event()      {}
func (Evicted) event()          {}
func (DecodeFailed) event()     {}
func (Rejected) event()         {}
func (SealedFileFailed) event() {}
func (Announced) event()        {}
