package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// slowHalf is a source with two backends: b is slow, and a answers at once, but for when it is down.
type slowHalf struct {
	isDown         atomic.Bool // the backend a
	running, most  atomic.Int64
	answered, slow atomic.Int64 // by a, and by b
}

func (*slowHalf) Backend(ref secret.Ref) string { return ref.ID[:1] }

func (h *slowHalf) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	n := h.running.Add(1)
	defer h.running.Add(-1)
	for most := h.most.Load(); n > most && !h.most.CompareAndSwap(most, n); most = h.most.Load() {
	}
	switch {
	case ref.ID[0] == 'b':
		time.Sleep(9 * time.Second)
		h.slow.Add(1)
	case h.isDown.Load():
		return secret.Value{}, secret.ErrUnavailable
	default:
		h.answered.Add(1)
	}
	return secret.Value{Payload: secret.StringPayload(ref.ID), VersionID: "v1"}, nil
}

// TestABackendThatIsBusyKeepsNoOtherDown: more is asked of it than all places can fetch, and before
// the other one goes down.
func TestABackendThatIsBusyKeepsNoOtherDown(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &slowHalf{}
		c := open(t, s, engine.Config{TTL: time.Minute})
		get(t, c, "a1")
		get(t, c, "a2")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i := range 1000 {
			e := entryOf(c, ref(fmt.Sprint("b", i)))
			go func() {
				for ctx.Err() == nil {
					_, _ = e.Get(ctx)
					time.Sleep(time.Second)
				}
			}()
		}
		time.Sleep(5 * time.Minute)
		s.isDown.Store(true)
		reads := func(d time.Duration) {
			for began := time.Now(); time.Since(began) < d; time.Sleep(time.Second) {
				get(t, c, "a1")
				get(t, c, "a2")
			}
		}
		reads(time.Minute)
		s.isDown.Store(false)
		before := s.answered.Load()
		reads(30 * time.Second)
		if n := s.answered.Load() - before; n < 2 {
			t.Errorf("%d of its two secrets were fetched in the 30 s since it works again", n)
		}
		short, stop := context.WithTimeout(ctx, 10*time.Second) // the next place may be free after 9 s
		defer stop()
		if _, err := c.Get(short, ref("a3")); err != nil {
			t.Errorf("a secret that was never read: %v", err)
		}
		if n := s.most.Load(); n != 64 {
			t.Errorf("%d requests at a time", n)
		}
		if n := s.slow.Load(); n < 64*(5*60+60+30)/9*9/10 {
			t.Errorf("the busy one has answered %d times", n)
		}
		cancel()
		time.Sleep(time.Minute)
	})
}
