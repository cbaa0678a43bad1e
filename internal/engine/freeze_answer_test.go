package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// frozen is a Source whose answer is old when it comes: the machine was suspended between
// the service's answer and its arrival.
type frozen struct {
	*service
	k     *clock
	sleep time.Duration
}

func (f *frozen) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	v, err := f.service.Fetch(ctx, ref)
	f.k.suspend(f.sleep)
	f.sleep = 0
	return v, err
}

// TestAnAnswerFromBeforeTheMachineWasSuspendedIsAsOldAsThat: no fetch takes longer than
// FetchTimeout, so what comes later was on its way while nothing ran.
func TestAnAnswerFromBeforeTheMachineWasSuspendedIsAsOldAsThat(t *testing.T) {
	for _, sleep := range []time.Duration{0, 3 * time.Hour} {
		virtual(t, func(t *testing.T) {
			k := &clock{}
			s := &frozen{service: serving("db"), k: k, sleep: sleep}
			c := open(t, s, k.config(engine.Config{CheckClock: true}))
			get(t, c, "db") // who waited may get it
			s.rotate("db", "v2")
			want := "db v1"
			if sleep > 0 {
				want = "db v2"
			}
			wantGet(t, c, "db", want)
		})
	}
}

// The fetch that the reader meets was under way already.
func TestAReaderAfterASuspensionGetsNoAnswerFromBefore(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db"), &clock{}
		s.take(2 * time.Second)
		c := open(t, s, k.config(engine.Config{CheckClock: true, MaxRefreshWait: time.Minute}))
		go c.Get(context.Background(), ref("db")) // answered with v1, which is on its way
		time.Sleep(time.Second)
		k.suspend(3 * time.Hour)
		s.rotate("db", "v2")
		wantGet(t, c, "db", "db v2")
	})
}
