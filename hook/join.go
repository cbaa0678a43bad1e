package hook

import (
	"context"

	"github.com/typedsecret/typedsecret/internal/guard"
)

// Join returns an Observer that passes every event to each of observers, in their order: logs and
// metrics, say. Those that are a [FetchObserver] follow fetches. Join leaves out nil ones. If an
// observer panics, the others get the event all the same, and the panic goes on after that.
func Join(observers ...Observer) Observer {
	var all joined
	for _, o := range observers {
		if !guard.IsNil(o) {
			all = append(all, o)
		}
	}
	return all
}

type joined []Observer

// Observe implements [Observer].
func (all joined) Observe(ctx context.Context, e Event) {
	if len(all) == 0 {
		return
	}
	defer all[1:].Observe(ctx, e) // also if the first one panics
	all[0].Observe(ctx, e)
}

var _ FetchObserver = joined(nil)

// BeginFetch implements [FetchObserver]. Each observer gets the context that the one before it
// returned. If one panics, its panic is dropped and the next gets the context of the one before.
func (all joined) BeginFetch(ctx context.Context, s Secret) context.Context {
	for _, o := range all {
		o, ok := o.(FetchObserver)
		if !ok {
			continue
		}
		_ = guard.Call("observer", func() error {
			if own := o.BeginFetch(ctx, s); own != nil {
				ctx = own
			}
			return nil
		})
	}
	return ctx
}
