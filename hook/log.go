package hook

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/secret"
)

// Log returns an Observer that writes events to l, one line an event, with the same keys for all:
// secret, stage and version say which secret; err, class (one word, see [secret.Class]), took, retry_in,
// age and from say what happened. No line holds secret bytes.
//
// The levels are those that an operator needs. A first failure of a secret warns; the failures
// that follow are Debug, so a long outage does not repeat itself each second. The first fetch
// that succeeds after it is Info, and has the time since the first failure as down_for. A rotation
// is Info; a version that does not decode, a refused credential and a sealed file that can't be
// used warn; a fetch and an eviction are Debug. A stale value warns once, until a fetch succeeds.
//
// Log remembers up to 16,384 secrets that fail, in about a megabyte. Where more fail at once, it
// still warns once of each, and may not say that one is fetched again.
func Log(l *slog.Logger) Observer {
	return &logger{to: l, seed: maphash.MakeSeed(), failing: map[uint64]*failing{}}
}

// maxFailing bounds what a logger remembers.
const maxFailing = 1 << 14

type logger struct {
	to   *slog.Logger
	seed maphash.Seed

	mu      sync.Mutex          // guards failing
	failing map[uint64]*failing // by the hash of what fails, since an ID may be long
}

// failing is what is known of a secret that can't be fetched.
type failing struct {
	since           time.Time
	isDown, isStale bool // that was said
}

// Observe implements [Observer].
func (l *logger) Observe(ctx context.Context, e Event) {
	switch e := e.(type) {
	case Fetched:
		if f := l.recover(e.Secret); f != nil {
			l.write(ctx, slog.LevelInfo, "secret is fetched again", e.Secret, slog.Duration("down_for", time.Since(f.since)), slog.Duration("took", e.Took))
			return
		}
		l.write(ctx, slog.LevelDebug, "secret fetched", e.Secret, slog.Duration("took", e.Took))
	case Rotated:
		l.write(ctx, slog.LevelInfo, "secret rotated", e.Secret, slog.String("from", e.From))
	case Announced:
		l.write(ctx, slog.LevelInfo, "rotation was announced", e.Secret, slog.Duration("lag", e.Lag))
	case FetchFailed:
		level := slog.LevelDebug
		if l.fail(e.Secret, false, e.Failures > 1) {
			level = slog.LevelWarn
		}
		l.write(ctx, level, "secret can't be fetched", e.Secret, slog.String("class", secret.Class(e.Err)), slog.String("err", text(e.Err)),
			slog.Int("failures", e.Failures), slog.Duration("retry_in", e.RetryIn), slog.Duration("took", e.Took))
	case ServedStale:
		level := slog.LevelDebug
		if l.fail(e.Secret, true, false) {
			level = slog.LevelWarn
		}
		l.write(ctx, level, "secret is stale", e.Secret, slog.Duration("age", e.Age), slog.String("class", secret.Class(e.Err)), slog.String("err", text(e.Err)))
	case DecodeFailed:
		l.write(ctx, slog.LevelWarn, "version does not decode", e.Secret, slog.String("class", "undecodable"), slog.String("err", text(e.Err)))
	case Rejected:
		l.write(ctx, slog.LevelWarn, "credential was rejected", e.Secret)
	case SealedFileFailed:
		l.to.LogAttrs(ctx, slog.LevelWarn, "sealed file can't be used", slog.String("path", e.Path), slog.String("err", text(e.Err)))
	case Evicted:
		l.write(ctx, slog.LevelDebug, "secret evicted", e.Secret)
	}
}

func (l *logger) write(ctx context.Context, level slog.Level, message string, s Secret, attrs ...slog.Attr) {
	if !l.to.Enabled(ctx, level) {
		return
	}
	about := []slog.Attr{slog.String("secret", s.ID), slog.String("stage", s.Stage), slog.String("version", s.VersionID)}
	l.to.LogAttrs(ctx, level, message, append(about, attrs...)...)
}

// text returns what err says. A handler gets no error, since it might print what that wraps.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// keyOf returns the key of what fails. All versions that come for a stage share it; one that is
// pinned, which has no stage, has its own.
func (l *logger) keyOf(s Secret) uint64 {
	if s.Stage != "" {
		s.VersionID = ""
	}
	return maphash.Comparable(l.seed, s)
}

// fail notes that s fails, and reports whether that is news. A secret that failed before is no
// news, even if the logger has forgotten it.
func (l *logger) fail(s Secret, isStale, failedBefore bool) (news bool) {
	key := l.keyOf(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.failing[key]
	if f == nil {
		if len(l.failing) >= maxFailing {
			clear(l.failing)
		}
		f = &failing{since: time.Now(), isDown: failedBefore, isStale: failedBefore}
		l.failing[key] = f
	}
	said := &f.isDown
	if isStale {
		said = &f.isStale
	}
	news = !*said
	*said = true
	return news
}

// recover returns what was known of s if it failed, and forgets it.
func (l *logger) recover(s Secret) *failing {
	key := l.keyOf(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.failing[key]
	delete(l.failing, key)
	return f
}
