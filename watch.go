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

// Watch returns a sequence of values. It begins with the present value, and goes on with
// each value that differs from the last one in its version or payload:
//
//	for creds, err := range db.Watch(ctx) {
//
// A slow consumer gets the latest value and skips those between. The secret is refreshed as
// if it were read, so a watched secret stays fresh even if no caller uses Get. If a refresh
// fails, or a new version does not decode, the sequence yields the error once, with a zero
// T, and goes on; Get still returns the last value. After the machine was suspended, a
// refresh may be late by the time of the suspension, unless the secret is read or
// Cache.CheckNow is called.
//
// The sequence ends with ctx, or with an error that is permanent: that of [Secret.Err], or
// [ErrClosed] or [ErrNilCache] of a cache to which the handle is bound.
//
// It runs in the goroutine that ranges over it, and starts no other. A sequence may be
// ranged over more than once, also by several goroutines at the same time; each gets the
// present value first.
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

// A watcher is one range over a sequence of Watch.
type watcher[T any] struct {
	secret  *Secret[T]
	ctx     context.Context
	yield   func(T, error) bool
	changed chan struct{} // receives a value when there may be something new

	entry *engine.Entry // notifies changed; nil if there is none yet
	stop  func()

	shown   *engine.Snapshot // the snapshot of the last value that was yielded
	last    *view[T]         // the last view; its error was yielded
	refresh error            // the refresh error of the last look, which was yielded
	retries int              // the failures in a row that no fetch can mend
}

func (w *watcher[T]) leave() {
	if w.entry != nil {
		w.stop()
		w.entry = nil
	}
}

// bind makes the present cache notify the watcher. It is called before each look.
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

// look returns the present view, and its value if that was not yielded yet.
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

// show yields new values and errors, and reports whether to go on.
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
		again := w.retries > 1 && (v != nil || errors.Is(err, ErrHook)) // the cause was yielded before
		return (again || w.tell(&w.refresh, err)) && (!stays(err) || w.secret.dec.set.followsDefault())
	}
	if value != nil {
		w.shown = v.good()
		if !w.yield(*value, nil) {
			return false
		}
	}
	told := w.last.toldOf(v.snap) && v.err() != nil && w.last.failure.hook == v.failure.hook
	w.last = v
	return (told || w.say(v.err())) && w.tell(&w.refresh, v.snap.RefreshError())
}

// isPassing reports whether another look may succeed without a fetch: there was no default
// cache, or the hook failed.
func isPassing[T any](v *view[T], err error) bool {
	if err == nil {
		return v.failure != nil && v.failure.hook
	}
	return !isOfFetch(err) && !stays(err)
}

// stays reports whether err is permanent for its cache.
func stays(err error) bool {
	return !isOfFetch(err) && (errors.Is(err, ErrClosed) || errors.Is(err, ErrNilCache))
}

// isOfFetch reports whether err is that of a failed fetch, which is tried again.
func isOfFetch(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && failed.RetryIn > 0
}

// tell yields err unless it was yielded before, and reports whether to go on.
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

// minQuiet is the least wait of a watcher, so that it does not spin when the clocks
// disagree.
const minQuiet = time.Millisecond
