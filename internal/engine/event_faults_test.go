package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secret"
)

// TestAnEventWhoseFetchIsGivenUpIsNotLost: it had queued for a place when the source went down.
func TestAnEventWhoseFetchIsGivenUpIsNotLost(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const n = 100
		s, c := holding(t, n, engine.Config{EventSpread: -1})
		s.hang()
		for i := range n { // more than there are places
			s.rotate(nameOf(i), "v2")
			handleEvent(t, c, current(nameOf(i), "v2"))
		}
		time.Sleep(5 * time.Minute)
		s.mend()
		time.Sleep(5 * time.Minute)
		for i := range n {
			wantGet(t, c, nameOf(i), nameOf(i)+" v2")
		}
	})
}

// TestAnEvictedSecretIsLookedForNoMore, nor kept: its moment may be hours away.
func TestAnEvictedSecretIsLookedForNoMore(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const n = 100
		s, c := holding(t, n, engine.Config{})
		handleEvent(t, c, notify.Event{Kind: notify.Missed})
		for i := range n {
			s.rotate("other "+nameOf(i), "v1")
			get(t, c, "other "+nameOf(i))
		}
		if left := c.Checks(); left != 0 {
			t.Errorf("%d secrets are evicted, and to be looked at", left)
		}
		calls := s.count()
		time.Sleep(time.Minute)
		wantCalls(t, s, calls)
	})
}

// TestAnEvictedSecretMayBeFetchedMeanwhile: that fetch may have read the version before.
func TestAnEvictedSecretMayBeFetchedMeanwhile(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db", "other")
		taken := time.Duration(0)
		c := open(t, secret.SourceFunc(func(ctx context.Context, r secret.Ref) (secret.Value, error) {
			v, err := s.Fetch(ctx, r)
			if r.ID == "db" {
				time.Sleep(taken)
			}
			return v, err
		}), engine.Config{MaxSize: 1})
		get(t, c, "db")
		taken = 5 * time.Second
		go c.Refresh(t.Context(), ref("db"))
		time.Sleep(time.Second)
		s.rotate("db", "v2")
		handleEvent(t, c, current("db", "v2"))
		get(t, c, "other")
		time.Sleep(20 * time.Second)
		wantGet(t, c, "db", "db v2")
	})
}

// TestAClockThatJumpsDoesNotRaiseTheBudget.
func TestAClockThatJumpsDoesNotRaiseTheBudget(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, cfg := serving("db"), engine.Config{TTL: 240 * time.Hour, EventSpread: -1}
		var jump atomic.Int64
		cfg.SetClock(func(start time.Time) (wall, mono int64) {
			now := time.Now()
			return now.UnixNano() + jump.Load(), int64(now.Sub(start))
		})
		c := open(t, s, cfg)
		get(t, c, "db")
		const minutes = 10
		for i := range 60 * minutes {
			jump.Store(int64(i%3-1) * int64(2*time.Hour))
			handleEvent(t, c, current("db", "forged"))
			time.Sleep(time.Second)
		}
		if n := s.count() - 1; n < minutes || n > 5+minutes {
			t.Errorf("%d fetches in %d minutes", n, minutes)
		}
	})
}

// TestAnARNWithoutItsEndIsOfTheSecretHeldByTheWholeOne: an event may tell the ARN as somebody wrote
// it in a call.
func TestAnARNWithoutItsEndIsOfTheSecretHeldByTheWholeOne(t *testing.T) {
	for name, id := range signerIDs {
		virtual(t, func(t *testing.T) {
			s := &signer{keys: 1}
			c := open(t, s, engine.Config{})
			get(t, c, id)
			s.rotate()
			e := moved(keyID(2))
			e.Name, e.ARN = "", signerIDs["ARN without suffix"]
			handleEvent(t, c, e)
			time.Sleep(engine.DefaultEventSpread)
			settle()
			if got := get(t, c, id); got != "k2" {
				t.Errorf("held by %s: %s", name, got)
			}
		})
	}
}

// TestAnEventIsNotOfASecretWhoseNameBeginsAlike: an ARN ends with the name, or with a hyphen and six
// characters more.
func TestAnEventIsNotOfASecretWhoseNameBeginsAlike(t *testing.T) {
	for _, names := range [][2]string{
		{"prod/db", "prod/db-backup"}, {"prod/dbabcdefg", "prod/db"}, {"prod/db-backup-a1B2c3", "prod/db"}, {"prod/db", "prod/d"},
	} {
		virtual(t, func(t *testing.T) {
			held := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + names[0]
			s := serving(held)
			c := open(t, s, engine.Config{})
			get(t, c, held)
			handleEvent(t, c, notify.Event{Kind: notify.Rotated, Name: names[1]})
			time.Sleep(time.Minute)
			if n := s.count(); n != 1 {
				t.Errorf("an event about %s, and %s is held: %d fetches", names[1], held, n-1)
			}
		})
	}
}

// TestAnEventDoesNotWaitForABackOffThatHasEnded, since the user's own Refresh passes it.
func TestAnEventDoesNotWaitForABackOffThatHasEnded(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{TTL: 24 * time.Hour, Backoff: never})
		get(t, c, "db")
		s.failFor("db", secret.ErrAccessDenied)
		_, _ = c.Refresh(t.Context(), ref("db"))
		handleEvent(t, c, current("db", "v2"))
		time.Sleep(10 * time.Second)
		s.failFor("db", nil)
		if _, err := c.Refresh(t.Context(), ref("db")); err != nil {
			t.Error(err)
		}
		s.rotate("db", "v2") // only now can it be read
		time.Sleep(time.Minute + 2*engine.DefaultEventSpread)
		wantGet(t, c, "db", "db v2")
	})
}

// TestAnEventFromTheFutureHidesNoLaterOne: a forged one may have any time.
func TestAnEventFromTheFutureHidesNoLaterOne(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, secret.SourceFunc(func(ctx context.Context, r secret.Ref) (secret.Value, error) {
			v, err := s.Fetch(ctx, r)
			time.Sleep(time.Second)
			return v, err
		}), engine.Config{TTL: 24 * time.Hour, EventSpread: -1})
		get(t, c, "db")
		s.rotate("db", "v2")
		future := current("db", "v2")
		future.Time = future.Time.Add(time.Hour)
		handleEvent(t, c, future)
		time.Sleep(500 * time.Millisecond) // that fetch has read the version already
		s.rotate("db", "v3")
		handleEvent(t, c, current("db", "v3"))
		time.Sleep(10 * time.Second)
		wantGet(t, c, "db", "db v3")
	})
}

// TestEventsAboutOtherSecretsLeaveNothing in memory.
func TestEventsAboutOtherSecretsLeaveNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, c := holding(t, 2, engine.Config{})
		before := c.Entries()
		for i := range 10_000 {
			e := current("other-"+nameOf(i), "v2")
			handleEvent(t, c, e, notify.Event{Kind: notify.Rotated, ARN: e.ARN}, notify.Event{Kind: notify.Deleted, Name: e.Name})
		}
		if n := c.Entries(); n != before || c.Checks() != 0 {
			t.Errorf("%d entries, before %d; %d checks", n, before, c.Checks())
		}
		wantCalls(t, s, 2)
	})
}

// TestAnEventDoesNotWaitForThePaceOfAPreloader that has listed the value's refresh.
func TestAnEventDoesNotWaitForThePaceOfAPreloader(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &manyService{service: serving("a", "db")}
		s.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) { s.requests(ctx, refs, answer, 1) }
		c := open(t, s, engine.Config{})
		getAll(t.Context(), c, refs("a", "db"), nil)
		time.Sleep(2 * time.Hour)
		go getAll(t.Context(), c, refs("a", "db"), pace(10*time.Minute))
		time.Sleep(time.Minute)
		s.rotate("db", "v2")
		handleEvent(t, c, notify.Event{Kind: notify.LabelMoved, Name: "db", Stages: []string{"AWSCURRENT"}, VersionID: "v2"})
		time.Sleep(5 * time.Second)
		if snap := entryOf(c, ref("db")).Snapshot(); snap.VersionID() != "v2" {
			t.Errorf("the version is %s", snap.VersionID())
		}
	})
}
