package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
)

// A trip is what the source and the hook do for one flight.
type trip struct {
	ctx  context.Context // of the caller who began it
	ref  Ref
	out  *outcome // of the flight
	v    Value
	took time.Duration // of the source alone
	err  error         // errBrokenOff until all else is done

	kept       *kept // what the snapshot has, if the source could not answer
	unanswered bool  // it was one of a batch, which had no answer about it
}

// errBrokenOff is what is left if the goroutine of a trip ends in the user's code.
var errBrokenOff = fmt.Errorf("%w in the source, hook or sealer: it ended its goroutine", ErrPanic)

// travel asks the source and gives what it brought to the hook, within
// FetchTimeout and the Cache's life.
func (c *Cache) travel(t *trip) {
	timed, cancel := context.WithTimeout(c.done, c.cfg.FetchTimeout)
	defer cancel()
	ctx := &detached{timed, t.ctx, t.out.forced}
	began := time.Now()
	err := guard.Call("source", func() (err error) {
		t.v, err = c.source.Fetch(ctx, t.ref)
		return err
	})
	t.took = time.Since(began)
	if err == nil {
		err = c.transform(ctx, t.ref, &t.v)
	}
	t.err = c.inTime(timed, err)
}

// inTime says of an error that came when the FetchTimeout was over that it was.
func (c *Cache) inTime(timed context.Context, err error) error {
	if err != nil && errors.Is(timed.Err(), context.DeadlineExceeded) && !errors.Is(err, ErrTimeout) {
		return fmt.Errorf("%w after %v: %w", ErrTimeout, c.cfg.FetchTimeout, err)
	}
	return err
}

// A detached context ends with the one that is embedded, and has the values of
// another.
type detached struct {
	context.Context
	values context.Context
	forced bool
}

// forcedKey is what IsForced asks for.
type forcedKey struct{}

// Value asks the embedded context first: it has no values, but by this method
// package context finds what is to end with it.
func (d *detached) Value(key any) any {
	if key == (forcedKey{}) {
		return d.forced
	}
	if v := d.Context.Value(key); v != nil {
		return v
	}
	return d.values.Value(key)
}

// transform has the hook make of the payload what is kept.
func (c *Cache) transform(ctx context.Context, ref Ref, v *Value) error {
	h := c.cfg.Hook
	if h == nil {
		return nil
	}
	v.VersionID = strings.Clone(v.VersionID) // lest a hook that keeps it keep the secret too
	plain := v.Payload.Bytes()
	defer clear(plain)
	var stored []byte
	err := guard.Call("hook's Put", func() (err error) {
		stored, err = h.Put(ctx, hook.Item{ID: ref.ID, Stage: ref.Stage, VersionID: v.VersionID}, plain)
		return err
	})
	if err != nil {
		return hookError("Put", err)
	}
	v.Payload = newPayload(stored, v.Payload.IsBinary())
	return nil
}
