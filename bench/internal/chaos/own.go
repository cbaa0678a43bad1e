package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

// refreshKey is the key that marks the context of a Refresh; the value is what it refreshes.
type refreshKey struct{}

// isOfRefresh reports whether the user's own Refresh of key began a fetch. A Refresh of another
// secret may have begun it as the probe whose turn it was.
func isOfRefresh(ctx context.Context, key string) bool { return ctx.Value(refreshKey{}) == key }

// isSame reports whether err, of a call, is the failure that the cache reported.
func isSame(err, reported error) bool {
	var a, b *secret.Error
	return errors.As(err, &a) && errors.As(reported, &b) && a.Err == b.Err
}

// ownDelay returns the least time between fetches that the user asks for, after n of them
// were refused in a row.
func ownDelay(n int) time.Duration {
	if n == 0 {
		return 0
	}
	return min(time.Second<<min(n-1, 10), 30*time.Second)
}

// own counts the fetches since the last success for which is returns true and whose end the
// cache has reported. It also returns the last one.
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

// lastFailure returns the last fetch that the cache has reported, if it failed.
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

// mayPass reports whether f may begin within the back-off of a refusal. It may if the user
// asked for it and the delay of the user's own fetches is over.
func (k *known) mayPass(f *fetch) bool {
	before := k.lastFailure()
	if !f.forced || !f.mayBeOwn && !f.many || before == nil || !isRefusal(before.err) {
		return false
	}
	n, last := k.own(func(f *fetch) bool { return f.isOwn && !f.many }) // in a FetchMany, another fetch may be the forced one
	return last == nil || last.began.to(f.began) >= ownDelay(n)
}

// judgeRefresh checks a Refresh that begins no fetch. Only the delay of the user's own
// fetches may hold it back.
func (r *run) judgeRefresh(d *reading, jumped time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.knownOf(d.h.key)
	refused, now := k.lastFailure(), r.moment()
	if d.what != "Refresh" || err == nil || d.took > 0 || r.closed || r.jumped != jumped || refused == nil || !isSame(err, refused.err) || !isRefusal(refused.err) {
		return
	}
	if k.fetches[len(k.fetches)-1] != refused || refused.told.tick > d.began.tick {
		return // there was another fetch
	}
	r.checked(ownBackoff)
	n, last := k.own(func(f *fetch) bool { return f.mayBeOwn })
	if last == nil || last.began.to(now) >= ownDelay(n) || r.mutated == HoldBack {
		r.violated(ownBackoff, fmt.Sprintf("that of %s was, after %d that were refused", d.h.name, n))
	}
}

// lastGood returns the last fetch that brought a value, as the cache reported, or nil.
func (k *known) lastGood() *fetch {
	for _, f := range slices.Backward(k.fetches) {
		if f.told.tick > 0 && !f.failed {
			return f
		}
	}
	return nil
}

// keyOf returns the model's key for a Ref.
func keyOf(id, stage string) string {
	if stage == "" || stage == cache.DefaultStage {
		return id
	}
	return id + "@" + stage
}

// mayForce reports whether a call of ask with this op may ask for a forced fetch.
func (h *handle) mayForce(op int) bool { return op == 0 || h.do != nil && (op == 5 || op == 6) }

// noteRefused records a Refresh that was answered with the last failure: it has not got what it
// asked for, so the next fetch is to be a forced one.
func (r *run) noteRefused(d *reading, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.knownOf(d.h.key)
	failed := k.lastFailure()
	if d.what != "Refresh" || err == nil || r.closed || r.cfg.MaxSize != 0 || failed == nil || !isSame(err, failed.err) {
		return
	}
	if k.fetches[len(k.fetches)-1] == failed {
		k.mustForce = true
	}
}

// judgeForced checks that what a Refresh asked for in vain is still asked for.
func (r *run) judgeForced(id string, k *known, f *fetch) {
	if !k.mustForce || f.many {
		return
	}
	r.checked(staysForced)
	if !f.forced {
		r.violated(staysForced, "the fetch of "+id+" was not")
	}
}
