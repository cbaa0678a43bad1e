package engine

import (
	"context"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/turns"
)

// follow calls the BeginFetch of an observer that has one, before the source is asked for f. It
// does so once for each fetch. All that the fetch does from then on has the context that
// BeginFetch returns.
func (c *Cache) follow(f *fetch) {
	if c.follower == nil || f.followed.Load() != nil {
		return
	}
	given := context.WithoutCancel(f.ctx)
	followed := given
	_ = guard.Call("observer", func() error {
		ref := f.entry.ref()
		s := hook.Secret{ID: ref.ID, Stage: ref.Stage, VersionID: ref.VersionID}
		if ctx := c.follower.BeginFetch(given, s); ctx != nil {
			followed = context.WithoutCancel(ctx)
		}
		return nil
	})
	f.followed.Store(&followed)
}

// values returns the context whose values the source, the hook and the observer get.
func (f *fetch) values() context.Context {
	if ctx := f.followed.Load(); ctx != nil {
		return *ctx
	}
	return f.ctx
}

// A detached context ends with the embedded context, and has the values of another.
type detached struct {
	context.Context
	values context.Context
	forced bool
}

// Value asks the embedded context first. That context has no values, but package context calls
// its Value to find the context with which a child is to end.
func (d *detached) Value(key any) any {
	if key == (turns.Forced{}) {
		return d.forced
	}
	if v := d.Context.Value(key); v != nil {
		return v
	}
	return d.values.Value(key)
}
