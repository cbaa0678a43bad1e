package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secret"
)

// panics is an observer that does nothing else.
type panics struct{}

func (panics) Observe(context.Context, hook.Event) { panic("observer") }

// TestEventsAmongAllElse has events come while secrets are read, refreshed, invalidated, evicted,
// refused and rotated, the source fails, hangs and throttles, and the clock jumps. Then the last event
// is followed, within the minute that the budget may take, and nothing is left to be looked at.
func TestEventsAmongAllElse(t *testing.T) {
	for seed := range uint64(10) {
		virtual(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			const n = 20
			s := serving()
			versions := map[string]int{}
			for i := range n {
				s.rotate(nameOf(i), "v0")
			}
			jump := time.Duration(0)
			var mu sync.Mutex
			cfg := engine.Config{MaxSize: n / 2, TTL: time.Hour, Observer: panics{}, Backoff: backoff.Policy{Max: 30 * time.Second}}
			cfg.SetClock(func(start time.Time) (wall, mono int64) {
				mu.Lock()
				defer mu.Unlock()
				now := time.Now()
				return now.Add(jump).UnixNano(), int64(now.Sub(start))
			})
			c := open(t, s, cfg)
			var handles []*engine.Entry
			for i := range n {
				handles = append(handles, entryOf(c, ref(nameOf(i))))
			}
			ctx, cancel := context.WithCancel(t.Context())
			for range 3000 {
				i := r.IntN(n)
				id := nameOf(i)
				switch r.IntN(16) {
				case 0, 1:
					go handles[i].Get(ctx)
				case 2:
					go c.Get(ctx, secret.Ref{ID: id, Stage: "BLUE"})
				case 3:
					go handles[i].Refresh(ctx)
				case 4:
					go handles[i].RefreshRecent(ctx)
				case 5:
					_ = c.Invalidate(ref(id))
				case 6:
					versions[id]++
					s.rotate(id, fmt.Sprintf("v%d", versions[id]))
				case 7, 8:
					e := current(id, fmt.Sprintf("v%d", versions[id]))
					e.Time = e.Time.Add(time.Duration(r.IntN(5)-2) * time.Hour)
					handleEvent(t, c, e)
				case 9:
					handleEvent(t, c, notify.Event{Kind: notify.Kind([]notify.Kind{notify.Rotated, notify.Deleted, notify.Restored, notify.ValuePut}[r.IntN(4)]), Name: id})
				case 10:
					handleEvent(t, c, current(id, "forged"))
				case 11:
					if r.IntN(10) == 0 {
						handleEvent(t, c, notify.Event{Kind: notify.Missed})
					}
				case 12:
					if r.IntN(10) == 0 {
						s.set(func(s *service) {
							s.err = []error{nil, secret.ErrUnavailable, secret.ErrThrottled, secret.ErrAccessDenied, errDown}[r.IntN(5)]
							s.takes = []time.Duration{0, time.Millisecond, 3 * time.Second, -1}[r.IntN(4)]
						})
					}
				case 13:
					s.failFor(id, []error{nil, secret.ErrNotFound, secret.ErrUnavailable, errDown}[r.IntN(4)])
				case 14:
					mu.Lock()
					jump = time.Duration(r.IntN(5)-2) * time.Hour
					mu.Unlock()
				case 15:
					time.Sleep(time.Duration(r.Int64N(int64(3 * time.Second))))
				}
				time.Sleep(time.Duration(r.IntN(int(300 * time.Millisecond))))
			}
			cancel()
			s.set(func(s *service) { s.err, s.takes, s.errs = nil, 0, nil })
			for i, h := range handles {
				for range 2 { // the first may have begun before the source was mended
					_, _ = h.Refresh(t.Context())
					time.Sleep(40 * time.Second)
				}
				versions[nameOf(i)]++
				s.rotate(nameOf(i), fmt.Sprintf("v%d", versions[nameOf(i)]))
				handleEvent(t, c, current(nameOf(i), fmt.Sprintf("v%d", versions[nameOf(i)])))
			}
			time.Sleep(2 * time.Minute)
			for i, h := range handles {
				if got := h.Snapshot(); got == nil || got.VersionID() != fmt.Sprintf("v%d", versions[nameOf(i)]) {
					t.Errorf("seed %d: %s: %v, want v%d", seed, nameOf(i), got, versions[nameOf(i)])
				}
			}
			time.Sleep(30 * time.Minute)
			if left := c.Checks(); left != 0 {
				t.Errorf("seed %d: %d checks are left", seed, left)
			}
			if got := c.Status(); got.Requests != 0 || got.Queued != 0 {
				t.Errorf("seed %d: %d requests, %d queued", seed, got.Requests, got.Queued)
			}
		})
	}
}
