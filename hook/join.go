package hook

import (
	"context"

	"github.com/typedsecret/typedsecret/internal/guard"
)

// Join returns an Observer that tells each of observers of every event, in their order: logs and
// metrics, say. Join leaves out nil ones. If an observer panics, the others get the event all the same, and the
// panic goes on after that.
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
