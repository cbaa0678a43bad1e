package engine

import (
	"context"
	"math"
)

// NewFixed makes a Cache that has v under ref for ever, and nothing else. It makes no fetch, and
// has no goroutine and no timer, so it may be used in any testing/synctest bubble.
func NewFixed(ref Ref, v Value) (*Cache, error) {
	none := SourceFunc(func(context.Context, Ref) (Value, error) { return v, nil })
	c, err := New(none, Config{MaxSize: 1, TTL: math.MaxInt64})
	if err != nil {
		return nil, err
	}
	c.clock.close()
	e, err := c.Entry(ref)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{entry: e, number: 1, at: c.now()}
	s.own(v, nil)
	e.snap.Store(s)
	c.fixed = s
	return c, nil
}
