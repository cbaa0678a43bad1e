package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secret"
)

// moved is the event that Secrets Manager sends when AWSCURRENT moves to a version of signer's.
func moved(version string) notify.Event {
	return notify.Event{
		Kind: notify.LabelMoved, Name: signerName, ARN: signerARN,
		Stages: []string{"AWSCURRENT"}, VersionID: version, Time: time.Now(),
	}
}

func handleEvent(t testing.TB, c *engine.Cache, events ...notify.Event) {
	t.Helper()
	for _, e := range events {
		if err := c.HandleEvent(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
}

// lags is an observer that notes the Lag of each hook.Announced.
type lags struct {
	mu   sync.Mutex
	told []time.Duration
}

func (l *lags) Observe(_ context.Context, e hook.Event) {
	if e, ok := e.(hook.Announced); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.told = append(l.told, e.Lag)
	}
}

// wantOne checks that there was one hook.Announced, whose Lag is at most most.
func (l *lags) wantOne(t testing.TB, most time.Duration) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.told) != 1 || l.told[0] < 0 || l.told[0] > most {
		t.Errorf("the observer was told the lags %v, want one of at most %v", l.told, most)
	}
}

func TestAnEventBringsTheNewVersionWithinTheSpread(t *testing.T) {
	for name, id := range signerIDs {
		for form, event := range map[string]func(n int) notify.Event{
			"native":      func(n int) notify.Event { return moved(keyID(n)) },
			"name alone":  func(n int) notify.Event { e := moved(keyID(n)); e.ARN = ""; return e },
			"ARN alone":   func(n int) notify.Event { e := moved(keyID(n)); e.Name = ""; return e },
			"no version":  func(int) notify.Event { return notify.Event{Kind: notify.Rotated, Name: signerName, ARN: signerARN} },
			"any stage":   func(int) notify.Event { return notify.Event{Kind: notify.ValuePut, ARN: signerARN} },
			"after a gap": func(int) notify.Event { return notify.Event{Kind: notify.Missed} },
		} {
			virtual(t, func(t *testing.T) {
				s, told := &signer{keys: 1}, &lags{}
				c := open(t, s, engine.Config{Observer: told})
				get(t, c, id)
				previous := entryOf(c, secret.Ref{ID: id, Stage: "AWSPREVIOUS"})
				pinned := entryOf(c, secret.Ref{ID: id, VersionID: keyID(1)})
				wantEntry(t, previous, "k0")
				wantEntry(t, pinned, "k1")
				s.rotate()
				s.fetches()
				handleEvent(t, c, event(2))
				wantGet(t, c, id, "k1") // nobody waits
				time.Sleep(engine.DefaultEventSpread)
				settle()
				wantGet(t, c, id, "k2")
				wantEntry(t, previous, "k1")
				wantEntry(t, pinned, "k1")
				if n := s.fetches(); n < 2 || n > 3 { // AWSPREVIOUS may be fetched before AWSCURRENT is seen to have moved
					t.Errorf("%s, %s: %d fetches", name, form, n)
				}
				told.mu.Lock()
				defer told.mu.Unlock()
				if len(told.told) == 0 || slices.Max(told.told) > engine.DefaultEventSpread {
					t.Errorf("%s, %s: the lags are %v", name, form, told.told)
				}
			})
		}
	}
}

func TestAnEventThatBringsNothingNewCostsNothing(t *testing.T) {
	foreign := moved(keyID(2))
	foreign.ARN = "arn:aws:secretsmanager:eu-west-1:999999999999:secret:prod/signing-a1B2c3"
	elsewhere := moved(keyID(2))
	elsewhere.ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/signing-zzzzzz"
	staged := moved(keyID(2))
	staged.Stages = []string{"BLUE"}
	for name, e := range map[string]notify.Event{
		"held already":      moved(keyID(1)),
		"another secret":    {Kind: notify.LabelMoved, Name: "prod/other", Stages: []string{"AWSCURRENT"}, VersionID: keyID(9)},
		"another account":   foreign,
		"another region":    elsewhere,
		"another stage":     staged,
		"a failed rotation": {Kind: notify.RotationFailed, ARN: signerARN},
		"an abandoned one":  {Kind: notify.RotationAbandoned, ARN: signerARN},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := &signer{keys: 1}
				c := open(t, s, engine.Config{})
				get(t, c, signerName)
				s.fetches()
				for range 100 {
					handleEvent(t, c, e)
				}
				time.Sleep(time.Minute)
				if n := s.fetches(); n != 0 {
					t.Errorf("%d fetches", n)
				}
				if got := c.Status(); got.LastEvent.IsZero() {
					t.Errorf("the status says that no event came: %+v", got)
				}
			})
		})
	}
}

// TestAReplicasEventIsNotForeign: a replica has the name and the end of its primary.
func TestAReplicasEventIsNotForeign(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &signer{keys: 1}
		c := open(t, s, engine.Config{})
		get(t, c, signerName)
		s.rotate()
		e := moved(keyID(2))
		e.ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/signing-a1B2c3"
		handleEvent(t, c, e)
		time.Sleep(engine.DefaultEventSpread)
		wantGet(t, c, signerName, "k2")
	})
}

// TestWhatIsNotYetThereIsLookedForThreeTimesMore: an event may come before the version can be read.
func TestWhatIsNotYetThereIsLookedForThreeTimesMore(t *testing.T) {
	for after := range 6 {
		virtual(t, func(t *testing.T) {
			s, told := &signer{keys: 1}, &lags{}
			c := open(t, s, engine.Config{EventSpread: -1, Observer: told})
			get(t, c, signerName)
			s.fetches()
			handleEvent(t, c, moved(keyID(2)))
			moments := []time.Duration{0, 1, 3, 7, 60, 60} // seconds at which a fetch has been made
			time.Sleep(moments[after]*time.Second + time.Millisecond)
			s.rotate()
			time.Sleep(time.Minute)
			want := after + 2
			if after >= 3 {
				want = 4
				wantGet(t, c, signerName, "k1")
			} else {
				wantGet(t, c, signerName, "k2")
				told.wantOne(t, 10*time.Second)
			}
			if n := s.fetches(); n != want {
				t.Errorf("after %d fetches in vain: %d fetches, want %d", after, n, want)
			}
		})
	}
}

// TestForgedEventsStayWithinTheBudget, each of which announces another version that does not exist.
func TestForgedEventsStayWithinTheBudget(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &signer{keys: 1}
		c := open(t, s, engine.Config{TTL: 24 * time.Hour})
		get(t, c, signerName)
		s.fetches()
		const minutes = 10
		for i := range minutes * 60 {
			handleEvent(t, c, moved(fmt.Sprintf("forged-%032d", i)))
			wantGet(t, c, signerName, "k1")
			time.Sleep(time.Second)
		}
		if n := s.fetches(); n < minutes || n > 5+minutes {
			t.Errorf("%d fetches in %d minutes", n, minutes)
		}
		s.rotate() // among all that are forged
		handleEvent(t, c, moved(keyID(2)))
		time.Sleep(time.Minute + engine.DefaultEventSpread)
		wantGet(t, c, signerName, "k2")
	})
}

// TestAnOldEventChangesNothing: events come out of order.
func TestAnOldEventChangesNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, told := &signer{keys: 1}, &lags{}
		c := open(t, s, engine.Config{Observer: told})
		get(t, c, signerName)
		first := moved(keyID(2))
		time.Sleep(2 * time.Second)
		s.rotate()
		s.rotate()
		s.fetches()
		handleEvent(t, c, moved(keyID(3)), first)
		time.Sleep(time.Minute)
		wantGet(t, c, signerName, "k3")
		if n := s.fetches(); n != 1 {
			t.Errorf("%d fetches", n)
		}
		told.wantOne(t, engine.DefaultEventSpread)
	})
}

// TestAnEventInAnOutageIsNotLost: the value is young, so no read would fetch it for long.
func TestAnEventInAnOutageIsNotLost(t *testing.T) {
	for name, fail := range map[string]func(s *service){
		"that fails": func(s *service) { s.fail(secret.ErrUnavailable) },
		"that hangs": func(s *service) { s.hang() },
		"of one":     func(s *service) { s.failFor("db", secret.ErrUnavailable) },
		"throttled":  func(s *service) { s.fail(secret.ErrThrottled) },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db", "other", "third")
				c := open(t, s, engine.Config{TTL: 24 * time.Hour})
				for _, id := range []string{"db", "other", "third"} {
					get(t, c, id)
				}
				fail(s)
				for _, id := range []string{"other", "third"} {
					_, _ = c.Refresh(t.Context(), ref(id)) // so that the source is down
				}
				s.rotate("db", "v2")
				before := s.count()
				handleEvent(t, c, notify.Event{Kind: notify.LabelMoved, Name: "db", Stages: []string{"AWSCURRENT"}, VersionID: "v2"})
				time.Sleep(20 * time.Minute)
				wantGet(t, c, "db", "db v1")
				if n := s.count() - before; n > 30*20 {
					t.Errorf("%d calls in the outage", n)
				}
				s.set(func(s *service) { s.err, s.takes, s.errs = nil, 0, nil })
				time.Sleep(time.Minute + 30*time.Second)
				wantGet(t, c, "db", "db v2")
			})
		})
	}
}

// TestAnEventKeepsTheBackOffOfARefusal, and is followed when that is over.
func TestAnEventKeepsTheBackOffOfARefusal(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{TTL: 24 * time.Hour, Backoff: every(30 * time.Second)})
		get(t, c, "db")
		s.failFor("db", secret.ErrAccessDenied)
		if _, err := c.Refresh(t.Context(), ref("db")); !errors.Is(err, secret.ErrAccessDenied) {
			t.Error(err)
		}
		s.rotate("db", "v2")
		before := s.count()
		handleEvent(t, c, notify.Event{Kind: notify.Rotated, Name: "db"})
		time.Sleep(29 * time.Second)
		if n := s.count(); n != before {
			t.Errorf("%d calls in the back-off", n-before)
		}
		time.Sleep(6 * time.Second) // that fetch is refused too
		s.failFor("db", nil)
		time.Sleep(40 * time.Second)
		wantGet(t, c, "db", "db v2")
	})
}

// TestAnEventDuringTheFirstFetchIsFollowed: that fetch may have read the version before.
func TestAnEventDuringTheFirstFetchIsFollowed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		held := make(chan struct{})
		first := true
		c := open(t, secret.SourceFunc(func(ctx context.Context, r secret.Ref) (secret.Value, error) {
			v, err := s.Fetch(ctx, r)
			if first {
				first = false
				<-held
			}
			return v, err
		}), engine.Config{})
		go get(t, c, "db")
		settle()
		s.rotate("db", "v2")
		handleEvent(t, c, notify.Event{Kind: notify.Rotated, Name: "db"})
		time.Sleep(9 * time.Second)
		close(held)
		time.Sleep(time.Second)
		wantGet(t, c, "db", "db v2")
	})
}

// TestMissedEventsAreMadeUpForAtAPace looks at all that is held once.
func TestMissedEventsAreMadeUpForAtAPace(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const n = 500
		s := serving()
		for i := range n {
			s.rotate(nameOf(i), "v1")
		}
		c := open(t, s, engine.Config{TTL: 24 * time.Hour})
		for i := range n {
			get(t, c, nameOf(i))
		}
		before := s.count()
		for i := range n {
			s.rotate(nameOf(i), "v2")
		}
		for range 10 { // the carrier comes and goes
			handleEvent(t, c, notify.Event{Kind: notify.Missed})
			time.Sleep(time.Second)
		}
		if calls := s.count() - before; calls < 50 || calls > 200 {
			t.Errorf("%d calls in 10 s", calls)
		}
		time.Sleep(50 * time.Second)
		if calls := s.count() - before; calls < n || calls > 2*n {
			t.Errorf("%d calls for %d secrets", calls, n)
		}
		for i := range n {
			wantGet(t, c, nameOf(i), nameOf(i)+" v2")
		}
	})
}

func TestAClosedCacheTakesNoEvent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		get(t, c, "db")
		e := notify.Event{Kind: notify.Rotated, Name: "db"}
		handleEvent(t, c, e)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := c.HandleEvent(t.Context(), e); !errors.Is(err, engine.ErrClosed) {
			t.Errorf("error = %v", err)
		}
		time.Sleep(time.Minute)
		wantCalls(t, s, 1)
	})
	if err := (*engine.Cache)(nil).HandleEvent(t.Context(), notify.Event{}); !errors.Is(err, engine.ErrNilCache) {
		t.Errorf("error = %v", err)
	}
}

func TestAnEventThatNamesNoSecretIsAnError(t *testing.T) {
	c := open(t, serving(), engine.Config{})
	if err := c.HandleEvent(t.Context(), notify.Event{Kind: notify.Rotated}); err == nil {
		t.Error("no error")
	}
}
