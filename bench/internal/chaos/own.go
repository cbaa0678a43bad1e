package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/cache"
)

// refreshKey is what the context of a Refresh has.
type refreshKey struct{}

// isOfRefresh reports whether a fetch was begun by a Refresh of the user's own.
func isOfRefresh(ctx context.Context) bool { return ctx.Value(refreshKey{}) != nil }

// ownDelay is the least time between fetches that the user asks for, after n of them were
// refused in a row.
func ownDelay(n int) time.Duration {
	if n == 0 {
		return 0
	}
	return min(time.Second<<min(n-1, 10), 30*time.Second)
}

// own returns how many of the fetches since the last success, of which all that are given were
// told of, are what is says, and the last one that is.
func (k *known) own(is func(*fetch) bool) (n int, last *fetch) {
	for _, f := range slices.Backward(k.fetches) {
		if f.told.tick > 0 && !f.failed {
			break
		}
		if f.told.tick > 0 && is(f) {
			if n++; last == nil {
				last = f
			}
		}
	}
	return n, last
}

// lastFailure returns the last fetch that the cache has told of, if it failed.
func (k *known) lastFailure() *fetch {
	for _, f := range slices.Backward(k.fetches) {
		switch {
		case f.told.tick == 0:
		case f.failed:
			return f
		default:
			return nil
		}
	}
	return nil
}

// mayPass reports whether f may begin within the back-off of a refusal: the user asked for it,
// and the delay of what the user asked for is over.
func (k *known) mayPass(f *fetch) bool {
	before := k.lastFailure()
	if !f.forced || !f.mayBeOwn && !f.many || before == nil || !isRefusal(before.err) {
		return false
	}
	n, last := k.own(func(f *fetch) bool { return f.isOwn && !f.many }) // of a FetchMany, another may be the forced one
	return last == nil || last.began.to(f.began) >= ownDelay(n)
}

// judgeRefresh checks that a Refresh which begins no fetch is held back by the delay of what
// the user asked for, and not by that of others.
func (r *run) judgeRefresh(d *reading, jumped time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.knownOf(d.h.key)
	refused, now := k.lastFailure(), r.moment()
	if d.what != "Refresh" || err == nil || d.took > 0 || r.closed || r.jumped != jumped || refused == nil || !errors.Is(err, refused.err) || !isRefusal(refused.err) {
		return
	}
	if k.fetches[len(k.fetches)-1] != refused || refused.told.tick > d.began.tick {
		return // there is another one
	}
	r.checked(ownBackoff)
	n, last := k.own(func(f *fetch) bool { return f.mayBeOwn })
	if last == nil || last.began.to(now) >= ownDelay(n) || r.mutated == HoldBack {
		r.violated(ownBackoff, fmt.Sprintf("that of %s was, after %d that were refused", d.h.name, n))
	}
}

// lastGood returns the last fetch that brought a value, as the cache has told, or nil.
func (k *known) lastGood() *fetch {
	for _, f := range slices.Backward(k.fetches) {
		if f.told.tick > 0 && !f.failed {
			return f
		}
	}
	return nil
}

// keyOf is the name under which the model knows a Ref.
func keyOf(id, stage string) string {
	if stage == "" || stage == cache.DefaultStage {
		return id
	}
	return id + "@" + stage
}
