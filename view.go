package typedsecret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
)

// A view is what a handle knows about one secret. It is immutable once it is published.
type view[T any] struct {
	snap    *engine.Snapshot // the newest snapshot
	failure *decodeFailure   // nil if snap decodes
	kept    bool             // value is the decoded value of good
	direct  bool             // value is kept, and may be returned as it is
	fixed   bool             // the handle does not follow the default cache
	own     bool             // the view is one reader's own and not published
	value   T                // zero if no decoded value is kept; behind what each read looks at
}

// A decodeFailure describes the failure of a view whose snap does not decode.
type decodeFailure struct {
	good  *engine.Snapshot // the last snapshot that decodes; nil if there is none
	err   error            // why snap does not decode
	again bool             // a later try may succeed, since the codec panicked or the hook failed
	hook  bool             // the hook failed
}

// good returns the snapshot of value, or nil.
func (v *view[T]) good() *engine.Snapshot {
	switch {
	case v == nil:
		return nil
	case v.failure != nil:
		return v.failure.good
	}
	return v.snap
}

// err returns why snap does not decode, or nil.
func (v *view[T]) err() error {
	if v.failure == nil {
		return nil
	}
	return v.failure.err
}

// isUnsettled reports whether the next reader should try to decode snap again. It should if
// the hook failed, or if the codec panicked and no earlier value decodes.
func (v *view[T]) isUnsettled() bool {
	t := v.failure
	return t != nil && t.again && (t.good == nil || t.hook)
}

// isOfVersion reports whether v also holds for snap, which is another snapshot of the same
// version.
func (v *view[T]) isOfVersion(snap *engine.Snapshot) bool {
	return v != nil && v.snap.Cache() == snap.Cache() && (v.failure == nil || !v.failure.again) && snap.Same(v.snap)
}

// newest joins two views of one cache: it takes the newer snapshot and the newer good
// value. Two versions may finish decoding in either order.
func newest[T any](a, b *view[T]) *view[T] {
	if a.snap.Before(b.snap) {
		a, b = b, a
	}
	if a.failure == nil || b.good() == nil || a.good() != nil && !a.good().Before(b.good()) {
		return a
	}
	v, t := *b, *a.failure
	t.good = b.good()
	v.snap, v.failure = a.snap, &t
	return &v
}

func (v *view[T]) info() Info {
	shown := v.good()
	if shown == nil {
		shown = v.snap
	}
	m := shown.Metadata()
	info := Info{
		ID: shown.Ref().ID, ARN: m.ARN, Name: m.Name, VersionID: m.VersionID, Stages: m.Stages,
		Created: m.Created, FetchedAt: m.FetchedAt, Age: shown.Age(), Replica: m.Replica,
		DecodeErr: v.err(),
	}
	info.LastEvent = v.snap.LastEvent()
	info.Stale, info.RefreshErr = v.snap.State()
	if v.failure != nil {
		info.UndecodableVersionID = v.snap.VersionID()
	}
	return info
}

// A slot holds a handle's view of one secret.
type slot[T any] struct {
	view atomic.Pointer[view[T]]
	next atomic.Pointer[decoding[T]]
}

// A decoding is the one run of the codec for a snapshot, shared by every reader that meets
// the snapshot. The reader that began it runs it.
type decoding[T any] struct {
	snap     *engine.Snapshot
	done     chan struct{} // closed when the fields below are written
	view     *view[T]      // nil if err is set
	err      error         // why nothing is known about snap; its hook failed, say
	isBroken bool          // the context of the reader that ran it ended, so err does not count for others
}

// viewOf returns the view of snap, or of a newer one that the slot has seen. So a slow reader
// brings no older version back.
func (s *slot[T]) viewOf(ctx context.Context, dec *decoder[T], snap *engine.Snapshot) (*view[T], error) {
	if ctx == nil {
		ctx = context.Background()
	}
	for {
		v := s.view.Load()
		if v != nil && (v.snap == snap || snap.Before(v.snap)) && !v.isUnsettled() {
			return v, nil
		}
		if v.isOfVersion(snap) {
			next, _ := dec.view(ctx, v, snap) // there is nothing to decode
			return s.publish(v, next), nil
		}
		d, isFirst := s.join(snap)
		if isFirst {
			return s.run(ctx, dec, d)
		}
		if err := d.wait(ctx, snap.Cache().FetchTimeout()); err != nil {
			return nil, &Error{Ref: snap.Ref(), Err: err}
		}
		if !d.isBroken {
			return d.view, d.err
		}
	}
}

// wait waits for the end of d, for at most a time. Without that bound it could wait for ever: a
// Validate or a codec that reads its own handle makes d wait for the caller.
func (d *decoding[T]) wait(ctx context.Context, most time.Duration) error {
	select {
	case <-d.done: // a finished decoding is returned even if ctx is done
		return nil
	default:
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("gave up waiting for the decoding: %w", ended(ctx))
	case <-timer.C:
		// A codec.Error, so that Validate may return it and its text is shown.
		return fmt.Errorf("%w: %w", ErrTimeout, codec.Invalid(fmt.Sprintf("the decoding of the value has not ended after %v; does Validate, the codec or the hook read its own handle?", most)))
	}
}

// join returns the decoding of snap, of another snapshot of the same version, or of a newer
// one. It also reports whether the decoding is new.
func (s *slot[T]) join(snap *engine.Snapshot) (d *decoding[T], first bool) {
	for {
		d = s.next.Load()
		if d != nil && d.snap.Cache() == snap.Cache() && (d.snap.Same(snap) || snap.Before(d.snap)) {
			return d, false
		}
		mine := &decoding[T]{snap: snap, done: make(chan struct{})}
		if s.next.CompareAndSwap(d, mine) {
			return mine, true
		}
	}
}

// run decodes for all readers that wait for d. It returns the view for the reader that runs
// it. Other readers decode for themselves if the view keeps no value.
func (s *slot[T]) run(ctx context.Context, dec *decoder[T], d *decoding[T]) (own *view[T], err error) {
	before := s.view.Load()
	var v *view[T]
	func() {
		defer func() {
			s.next.CompareAndSwap(d, nil)
			close(d.done)
		}()
		if before != nil && d.snap.Before(before.snap) {
			d.view = before
			return
		}
		d.err = &Error{Ref: d.snap.Ref(), Err: errUnfinished}
		if v, d.err = dec.view(ctx, before, d.snap); d.err != nil {
			d.isBroken = ctx.Err() != nil
			return
		}
		if v.own {
			copied := *v
			own, v.value, v.own = &copied, *new(T), false
		}
		if d.view = s.publish(before, v); d.view != v {
			own = nil
		}
	}()
	if v != nil && v.err() != nil && !before.toldOf(v.snap) {
		// Reported after the waiters are released, so that the observer may call Get on
		// this handle.
		d.snap.Observe(context.WithoutCancel(ctx), hook.DecodeFailed{
			Secret: hook.Secret{ID: d.snap.Ref().ID, Stage: d.snap.Ref().Stage, VersionID: d.snap.VersionID()},
			Err:    v.err(),
		})
	}
	if own == nil {
		own = d.view
	}
	return own, d.err
}

// toldOf reports whether the failure of snap's version was reported with v already.
func (v *view[T]) toldOf(snap *engine.Snapshot) bool {
	return v != nil && v.err() != nil && v.snap.Cache() == snap.Cache() && v.snap.Same(snap)
}

// errUnfinished is the error for other readers if the codec ended the goroutine that ran
// it, by runtime.Goexit.
var errUnfinished = errors.New("decoding was broken off")

// publish joins v, which follows before, with the slot's view. It returns the result.
func (s *slot[T]) publish(before, v *view[T]) *view[T] {
	for {
		present, next := s.view.Load(), v
		switch {
		case present == nil:
		case present.snap.Cache() == v.snap.Cache():
			next = newest(v, present)
		case present != before || defaultCache.Load() != v.snap.Cache():
			return v // SetDefault was called meanwhile
		}
		if next == present || s.view.CompareAndSwap(present, next) {
			return next
		}
	}
}

// view makes the view of snap. before is the handle's last view, or nil. It decodes only if
// snap brings another version. It returns an error if the hook failed and either there is
// no earlier good value or ctx has ended.
func (d *decoder[T]) view(ctx context.Context, before *view[T], snap *engine.Snapshot) (*view[T], error) {
	if before != nil && before.snap.Cache() != snap.Cache() {
		before = nil // after SetDefault, a view of another cache does not count
	}
	if before.isOfVersion(snap) {
		v := *before
		v.snap = snap
		if v.kept && v.failure == nil {
			d.reuse(ctx, &v) // snap has its own copy of the payload, if other versions came in between
		}
		return &v, nil
	}
	value, undecodable, err := d.decode(ctx, snap)
	if err != nil && (before.good() == nil || ctx.Err() != nil) {
		return nil, err
	}
	v := &view[T]{fixed: !d.set.followsDefault()}
	if bad := cmp.Or(err, undecodable); bad != nil {
		if before != nil {
			*v = *before
		}
		v.failure = &decodeFailure{good: before.good(), err: bad, again: err != nil || errors.Is(bad, ErrPanic), hook: err != nil}
		v.snap = snap
		return v, nil
	}
	v.snap = snap
	if sharing := d.prepare().sharing; sharing != decodeEach && !snap.Hooked() {
		v.value, v.kept, v.direct = value, true, sharing == share
		d.reuse(ctx, v)
	} else {
		v.value, v.own = value, true
	}
	return v, nil
}

// reuse makes the value of v, which is not published yet, share the payload's memory.
func (d *decoder[T]) reuse(ctx context.Context, v *view[T]) {
	if payload, err := v.snap.Payload(ctx); err == nil {
		reuse(&v.value, payload.Reveal())
	}
}

// pointer returns a pointer from which one caller may read the value of v. v is never nil.
// If the view is the reader's own, the first call returns the value that was decoded for
// it.
func (d *decoder[T]) pointer(ctx context.Context, v *view[T]) (*T, error) {
	switch {
	case v.good() == nil:
		return new(T), v.err()
	case v.direct:
		return &v.value, nil
	case v.own:
		value := v.value
		v.value, v.own = *new(T), false
		return &value, nil
	case v.kept:
		clone, err := cloneOf(v.value)
		if err != nil {
			return new(T), &Error{Ref: v.good().Ref(), Err: err}
		}
		return &clone, nil
	}
	value, undecodable, err := d.decode(ctx, v.good())
	return &value, cmp.Or(err, undecodable)
}

// refreshed returns the result of a forced refresh for one caller.
func (d *decoder[T]) refreshed(ctx context.Context, v *view[T], err error) (T, error) {
	if err == nil {
		err = v.err()
	}
	if err != nil {
		return *new(T), err
	}
	value, err := d.pointer(ctx, v)
	return *value, err
}

// decode decodes the payload of snap. It returns undecodable if the codec or Validate
// refused the payload, and err if the hook failed.
func (d *decoder[T]) decode(ctx context.Context, snap *engine.Snapshot) (value T, undecodable, err error) {
	if ctx == nil {
		ctx = context.Background() // the hook needs a context
	}
	payload, err := snap.Payload(ctx)
	if err != nil {
		return value, nil, err
	}
	data := payload.Bytes()
	value, undecodable = codec.Decode[T](d.prepare().codec, data)
	if snap.Hooked() {
		clear(data)
	}
	if undecodable != nil {
		return value, decodeError(snap, undecodable), nil
	}
	return value, nil, nil
}

// decodeError adds the secret and the version to the error of a decoding.
func decodeError(snap *engine.Snapshot, err error) error {
	if snap.VersionID() != "" {
		err = fmt.Errorf("%s: %w", versionName(snap), err)
	}
	return &Error{Ref: snap.Ref(), Err: err}
}
