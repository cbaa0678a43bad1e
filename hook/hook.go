// Package hook lets a program see and change what a cache of secrets does. Set an [Observer]
// to have logs, metrics and alarms: [Log] is one that writes to a slog.Logger. Set a [Hook] to
// transform the bytes that are kept in memory, to encrypt them, say:
//
//	c, err := cache.New(source, cache.Config{Observer: hook.Log(slog.Default())})
package hook

import "context"

// A Hook transforms the bytes of a secret when they are stored and derives them
// back when they are read, as the secret_cache_hook of the AWS caching clients
// does; encryption in memory is the usual one. With a Hook, no plaintext is
// kept: each read calls Get.
//
// Both methods are called from several goroutines at once, with no lock held, and
// must return soon after ctx is done. Put shares the fetch's FetchTimeout; a Put that has not
// returned 100 ms after it is abandoned with its fetch. Get has a FetchTimeout of its own,
// within the reader's context. Nothing abandons a Get: one that ignores its context holds up
// its readers, and Close for one FetchTimeout.
//
// An error or a panic of Put makes the fetch fail, and one of Get makes the read fail. An error's
// text shows only the type of either, since it could quote the secret. errors.Is finds the
// sentinels of the hook that its error wraps.
type Hook interface {
	// Put returns what is stored in place of secret. The slice is wiped
	// after Put returned, so the result must not share its memory.
	Put(ctx context.Context, item Item, secret []byte) (stored []byte, err error)

	// Get returns the secret that Put was given. It must neither change nor
	// keep stored. The slice it returns becomes the caller's.
	Get(ctx context.Context, item Item, stored []byte) (secret []byte, err error)
}

// An Item says which secret a Hook is given, the same for Put and Get: a good
// choice for the additional data of an AEAD, so that no stored secret can be
// taken for another.
type Item struct {
	ID        string // as the program asked for it
	Stage     string
	VersionID string // as Secrets Manager answered
}
