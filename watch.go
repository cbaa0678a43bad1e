package typedsecret

import (
	"context"
	"errors"
	"iter"
	"math"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/internal/engine"
)

// Watch returns a sequence of the present value, at once, and then of each that
// differs from the one before in its version or payload:
//
//	for creds, err := range db.Watch(ctx) {
//
// A slow consumer gets the latest value and skips those between. While
// a value is waited for, the secret is refreshed as if it were read, so a watched
// secret stays fresh although nobody calls Get. A refresh that failed, or brought what
// does not decode, is seen once, as an error with a zero T; the value before stays what
// Get returns, and the sequence goes on. After the machine was suspended, a refresh may
// be late by that time, unless somebody reads the secret or calls Cache.CheckNow.
//
// It ends when ctx does, or with an error that stays: [Secret.Err], or [ErrClosed] or
// [ErrNilCache] of a cache that the handle is bound to.
//
// It runs in the goroutine that ranges over it, and starts no other. A sequence may be
// ranged over more than once, by several goroutines at once too; each sees the present
// value first.
func (s *Secret[T]) Watch(ctx context.Context) iter.Seq2[T, error] {
	if ctx == nil {
		ctx = context.Background()
	}
	return func(yield func(T, error) bool) {
		if err := s.Err(); err != nil {
			yield(*new(T), err)
			return
		}
		w := &watcher[T]{secret: s, ctx: ctx, yield: yield, changed: make(chan struct{}, 1)}
		defer w.leave()
		if s.dec.set.followsDefault() {
			defaultWatchers.Store(w.changed, nil)
			defer defaultWatchers.Delete(w.changed)
		}
		for w.show() && w.wait() {
		}
	}
}

// A watcher is one range over what Watch returned.
type watcher[T any] struct {
	secret  *Secret[T]
	ctx     context.Context
	yield   func(T, error) bool
	changed chan struct{} // has a value when there may be something new

	entry *engine.Entry // that changed is notified by; nil if there is none yet
	stop  func()

	shown   *engine.Snapshot // what was last yielded
	last    *view[T]         // of the last look that brought one, and its error yielded
	refresh error            // of the last look, and yielded
	retries int              // how often in a row it failed at what no fetch mends
}

func (w *watcher[T]) leave() {
	if w.entry != nil {
		w.stop()
		w.entry = nil
	}
}

// bind has the present cache notify the watcher from before it looks.
func (w *watcher[T]) bind() error {
	c, err := w.secret.dec.set.bind(w.ctx)
	if err != nil {
		w.leave()
		return &Error{Ref: w.secret.ref(), Err: err}
	}
	e, err := w.secret.entryIn(c)
	if err != nil {
		w.leave()
		return err
	}
	if e != w.entry {
		w.leave()
		w.entry, w.stop = e, e.Notify(w.changed)
	}
	return nil
}

// look returns the present view, and its value if that was not shown yet.
func (w *watcher[T]) look() (v *view[T], value *T, err error) {
	if err = w.bind(); err == nil {
		v, err = w.secret.look(w.ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	if good := v.good(); good != nil && (w.shown == nil || !good.Same(w.shown)) {
		value, err = w.secret.dec.pointer(w.ctx, v)
	}
	return v, value, err
}

// show yields what is new, and reports whether to go on.
func (w *watcher[T]) show() bool {
	v, value, err := w.look()
	if w.ctx.Err() != nil {
		return false
	}
	if isPassing(v, err) {
		w.retries++
	} else {
		w.retries = 0
	}
	if err != nil {
		again := w.retries > 1 && (v != nil || errors.Is(err, ErrHook)) // what keeps the value away was told of
		return (again || w.tell(&w.refresh, err)) && (!stays(err) || w.secret.dec.set.followsDefault())
	}
	if value != nil {
		w.shown = v.good()
		if !w.yield(*value, nil) {
			return false
		}
	}
	told := w.last.toldOf(v.snap) && v.err() != nil && w.last.trouble.hook == v.trouble.hook
	w.last = v
	return (told || w.say(v.err())) && w.tell(&w.refresh, v.snap.RefreshError())
}

// isPassing reports whether another look may bring what this one didn't, although
// nothing is fetched: there is no default cache, or the hook failed.
func isPassing[T any](v *view[T], err error) bool {
	if err == nil {
		return v.trouble != nil && v.trouble.hook
	}
	return !isOfFetch(err) && !stays(err)
}

// stays reports whether nothing else will come of the cache that err is of.
func stays(err error) bool {
	return !isOfFetch(err) && (errors.Is(err, ErrClosed) || errors.Is(err, ErrNilCache))
}

// isOfFetch reports whether err is of a fetch that failed, which is tried again.
func isOfFetch(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && failed.RetryIn > 0
}

// tell yields err unless it was told already, and reports whether to go on.
func (w *watcher[T]) tell(told *error, err error) bool {
	if err == *told {
		return true
	}
	*told = err
	return w.say(err)
}

// say yields err, if there is one, and reports whether to go on.
func (w *watcher[T]) say(err error) bool {
	return err == nil || w.ctx.Err() == nil && w.yield(*new(T), err)
}

// wait waits until there may be something new, and reports whether to go on.
func (w *watcher[T]) wait() bool {
	quiet := time.Duration(math.MaxInt64)
	if w.entry != nil {
		quiet = w.entry.Quiet()
	}
	if w.retries > 0 {
		quiet = min(quiet, backoff.Policy{}.Delay(w.retries))
	}
	timer := time.NewTimer(max(quiet, minQuiet))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.changed:
	case <-w.ctx.Done():
		return false
	}
	return true
}

// minQuiet keeps a watcher from turning fast where the clocks disagree.
const minQuiet = time.Millisecond
