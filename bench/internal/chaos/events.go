package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/notify"
)

// eventKey is the key that marks the context of an event; the value is the ID that it names.
type eventKey struct{}

// carry plays a carrier of events. They are true, late, repeated, out of order or forged, or it
// was away.
func (r *run) carry(a *actor) {
	for range 5 + a.rng.IntN(25) {
		a.pause()
		id := r.ids[a.rng.IntN(len(r.ids))]
		moves := r.svc.history(id)
		e := notify.Event{
			Kind: notify.LabelMoved, Name: id, Stages: []string{cache.DefaultStage},
			VersionID: versionID(moves[len(moves)-1]), Time: time.Now().UTC().Truncate(time.Second),
		}
		kind, times := "event", 1
		switch a.rng.IntN(8) {
		case 0:
			kind, e.VersionID = "event of an old version", versionID(moves[a.rng.IntN(len(moves))])
			e.Time = e.Time.Add(-time.Duration(a.rng.Int64N(int64(time.Hour))))
		case 1:
			kind, e.VersionID = "forged event", fmt.Sprintf("forged-%032d", a.rng.Uint64())
		case 2:
			kind, times = "forged events", 20
		case 3:
			kind, e = "events missed", notify.Event{Kind: notify.Missed}
		case 4:
			kind, e = "event without a version", notify.Event{Kind: notify.Rotated, Name: id}
		}
		for i := range times {
			if times > 1 {
				e.VersionID = fmt.Sprintf("forged-%032d", i)
			}
			r.event(e)
		}
		r.fault(kind)
		r.trace(a.name, "%s of %s", kind, id)
	}
}

// event gives an event to the cache. From then on a fetch may be a forced one for it.
func (r *run) event(e notify.Event) {
	r.mu.Lock()
	for key, k := range r.known {
		if e.Kind == notify.Missed || key == e.Name || key == keyOf(e.Name, previous) {
			k.hasNews = true
		}
	}
	closed := r.closed
	r.mu.Unlock()
	err := r.c.HandleEvent(context.WithValue(r.call(), eventKey{}, e.Name), e)
	if err != nil && !errors.Is(err, cache.ErrClosed) || closed && err == nil {
		r.violate(closedIsOver, fmt.Sprintf("an event: %v", err))
	}
}

// What the events about one secret may cost, as the cache has it.
const (
	eventBurst    = 5
	eventInterval = time.Minute
)

// judgeEvent checks that the fetches for events about one secret stay within their budget.
func (r *run) judgeEvent(ctx context.Context, key string, k *known, f *fetch) {
	id, ok := ctx.Value(eventKey{}).(string)
	if !ok || key != id && key != keyOf(id, previous) || f.many {
		return
	}
	k.forEvents = append(k.forEvents, f.began)
	if r.jumped != 0 || r.cfg.MaxSize != 0 { // the budget of what is evicted is forgotten
		return
	}
	r.checked(eventsBounded)
	recent := slices.DeleteFunc(slices.Clone(k.forEvents), func(m moment) bool { return m.to(f.began) >= eventInterval })
	if len(recent) > eventBurst+1 || r.mutated == Heed {
		r.violated(eventsBounded, fmt.Sprintf("%d of %s within a minute", len(recent), key))
	}
}
