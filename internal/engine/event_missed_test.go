package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secret"
)

// holding returns a service with v1 of n secrets, and a cache that has read all of them.
func holding(t *testing.T, n int, cfg engine.Config) (*service, *engine.Cache) {
	s := serving()
	for i := range n {
		s.rotate(nameOf(i), "v1")
	}
	cfg.TTL, cfg.MaxSize = 24*time.Hour, n
	c := open(t, s, cfg)
	for i := range n {
		get(t, c, nameOf(i))
	}
	return s, c
}

// current is the event that AWSCURRENT of a secret of service has moved now.
func current(id, version string) notify.Event {
	return notify.Event{
		Kind: notify.LabelMoved, Name: id, Stages: []string{"AWSCURRENT"}, VersionID: version,
		ARN: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + id + "-a1B2c3", Time: time.Now().Truncate(time.Second),
	}
}

// TestAnEventDoesNotWaitForThePaceOfMissedOnes: that may take hours.
func TestAnEventDoesNotWaitForThePaceOfMissedOnes(t *testing.T) {
	virtual(t, func(t *testing.T) {
		time.Sleep(500 * time.Millisecond) // the event's time is that of a whole second
		s, c := holding(t, 500, engine.Config{})
		handleEvent(t, c, notify.Event{Kind: notify.Missed})
		for i := range 20 {
			s.rotate(nameOf(i), "v2")
			handleEvent(t, c, current(nameOf(i), "v2"))
		}
		time.Sleep(engine.DefaultEventSpread + time.Second)
		for i := range 20 {
			wantGet(t, c, nameOf(i), nameOf(i)+" v2")
		}
	})
}

// TestAnEventWithoutAVersionDoesNotTakeOneAway: the version is still looked for three times more.
func TestAnEventWithoutAVersionDoesNotTakeOneAway(t *testing.T) {
	for name, less := range map[string]notify.Event{
		"after a gap": {Kind: notify.Missed},
		"rotated":     {Kind: notify.Rotated, Name: "db"},
	} {
		for order, isFirst := range map[string]bool{"before": true, "after": false} {
			t.Run(name+" "+order, func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					time.Sleep(500 * time.Millisecond)
					s := serving("db")
					c := open(t, s, engine.Config{TTL: 24 * time.Hour})
					get(t, c, "db")
					if isFirst {
						handleEvent(t, c, less, current("db", "v2"))
					} else {
						handleEvent(t, c, current("db", "v2"), less)
					}
					time.Sleep(engine.DefaultEventSpread + time.Second)
					s.rotate("db", "v2") // only now can it be read
					time.Sleep(10 * time.Second)
					wantGet(t, c, "db", "db v2")
				})
			})
		}
	}
}

// TestMissedEventsAreMadeUpForAtAPaceAfterAnOutage: what took the carrier away took the source away
// too, for a whole fleet.
func TestMissedEventsAreMadeUpForAtAPaceAfterAnOutage(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const n = 500
		s, c := holding(t, n, engine.Config{})
		s.fail(secret.ErrUnavailable)
		for i := range 2 { // so that the source is down
			_, _ = c.Refresh(t.Context(), ref(nameOf(i)))
		}
		handleEvent(t, c, notify.Event{Kind: notify.Missed})
		time.Sleep(10 * time.Minute)
		s.mend()
		before, most := s.count(), 0
		for range 2 * n / 10 {
			calls := s.count()
			time.Sleep(time.Second)
			most = max(most, s.count()-calls)
		}
		if calls := s.count() - before; calls < n || calls > n+10 || most > 100 {
			t.Errorf("%d calls for %d secrets, %d of them in a second", calls, n, most)
		}
	})
}

// TestAnOldEventDoesNotEndTheLookAfterMissedOnes: a later one may be among those.
func TestAnOldEventDoesNotEndTheLookAfterMissedOnes(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, secret.SourceFunc(func(ctx context.Context, r secret.Ref) (secret.Value, error) {
			v, err := s.Fetch(ctx, r)
			time.Sleep(time.Second)
			return v, err
		}), engine.Config{TTL: 24 * time.Hour})
		get(t, c, "db")
		s.rotate("db", "v2")
		go func() { _, _ = c.Refresh(t.Context(), ref("db")) }()
		time.Sleep(500 * time.Millisecond) // that has read the version already
		s.rotate("db", "v3")
		handleEvent(t, c, notify.Event{Kind: notify.Missed}, current("db", "v2"))
		time.Sleep(10 * time.Second)
		wantGet(t, c, "db", "db v3")
	})
}
