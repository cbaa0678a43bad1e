package health_test

import (
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/health"
)

// next asks for the first of wants, and for the Ref whose turn it is instead, until one of
// wants may be the probe. It moves now.
func next(t *testing.T, h *health.Health, now *health.Instant, wants ...health.Want) health.Permit {
	t.Helper()
	for range 10 {
		p := h.Ask(*now, wants[0])
		for _, w := range wants {
			if p.Verdict == health.Down && p.Next == w.Key {
				p = h.Ask(*now, w)
			}
		}
		if p.Verdict == health.Probe {
			return p
		}
		if p.Verdict != health.Down || p.In <= 0 {
			t.Fatalf("%+v", p)
		}
		*now += p.In
	}
	t.Fatal("no probe")
	panic("unreachable")
}

func TestOneProbeAtATimeAfterDelaysOf1To5Seconds(t *testing.T) {
	h, now := wentDown(t), start
	for i := range 20 {
		failed := now
		p := next(t, h, &now, health.Want{Key: "a"})
		most := min(1500*time.Millisecond<<i, 5*time.Second)
		least := most * 2 / 3
		if took := now - failed; took < least || took > most {
			t.Errorf("probe %d comes after %v, want %v to %v", i+1, took, least, most)
		}
		if want := 3 * time.Second; i%4 != 3 && p.Timeout != want || i%4 == 3 && p.Timeout != 0 {
			t.Errorf("probe %d has the timeout %v", i+1, p.Timeout)
		}
		ask(t, h, now+2*time.Second, health.Want{Key: "a"}, health.Down)
		ask(t, h, now+2*time.Second, health.Want{Key: "a", Purpose: health.Forced}, health.Down)
		now += 2 * time.Second
		if change := h.Report(now, p, health.CantAnswer); change != health.Failed {
			t.Fatal(change)
		}
	}
}

func TestAnyAnswerEndsAnOutage(t *testing.T) {
	late := func(t *testing.T, h *health.Health) health.Permit {
		now := start
		return next(t, h, &now, health.Want{Key: "a"})
	}
	for name, c := range map[string]struct {
		permit func(*testing.T, *health.Health) health.Permit
		kind   health.Kind
		want   health.Change
	}{
		"a value":                       {late, ok, health.CameBack},
		"a refusal":                     {late, no, health.CameBack},
		"throttling does not":           {late, much, health.Failed},
		"nor a probe that was not sent": {late, nothing, health.Failed},
		"a value for which nobody asked": {
			func(*testing.T, *health.Health) health.Permit { return health.Permit{} }, ok, health.CameBack,
		},
		"nor a failure for which nobody asked": {
			func(*testing.T, *health.Health) health.Permit { return health.Permit{} }, cant, health.Same,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := wentDown(t)
			p, end := c.permit(t, h), start+10*time.Second
			if change := h.Report(end, p, c.kind); change != c.want {
				t.Fatalf("the change is %d, want %d", change, c.want)
			}
			_, down := h.Down()
			if cameBack := c.want == health.CameBack; down == cameBack || h.Forgives(start) != cameBack || h.Forgives(end+1) {
				t.Errorf("down is %v, forgives %v", down, h.Forgives(start))
			}
		})
	}
}

// TestARequestThatWasUnderWayEndsTheOutage: and the probe that still hangs says nothing then.
func TestARequestThatWasUnderWayEndsTheOutage(t *testing.T) {
	h := &health.Health{}
	c := ask(t, h, start, health.Want{Key: "c"}, health.Go)
	for _, key := range []string{"a", "b"} {
		h.Report(start, ask(t, h, start, health.Want{Key: key}, health.Go), health.CantAnswer)
	}
	now := start
	p := next(t, h, &now, health.Want{Key: "a"})
	if change := h.Report(now+time.Second, c, health.Answered); change != health.CameBack {
		t.Fatal(change)
	}
	if change := h.Report(now+3*time.Second, p, health.CantAnswer); change != health.Same {
		t.Fatal(change)
	}
	b := ask(t, h, now+4*time.Second, health.Want{Key: "b"}, health.Go)
	if change := h.Report(now+5*time.Second, b, health.CantAnswer); change != health.Same {
		t.Error("the probe that hung was evidence")
	}
}

// TestTheProbeMovesFromRefToRef, also where one is read a thousand times as often as another.
func TestTheProbeMovesFromRefToRef(t *testing.T) {
	for name, remembers := range map[string]bool{"by a caller that knows when each failed": true, "by one that does not": false} {
		t.Run(name, func(t *testing.T) {
			h := wentDown(t)
			tried := map[string]health.Instant{}
			var probes []string
			var under health.Permit
			var whose string
			ask := func(now health.Instant, key string) {
				w := health.Want{Key: key}
				if remembers {
					w.Tried = tried[key]
				}
				p := h.Ask(now, w)
				if p.Verdict == health.Down && p.Next != "" && remembers { // as the cache does
					key = p.Next
					p = h.Ask(now, health.Want{Key: key, Tried: tried[key]})
				}
				if p.Verdict == health.Probe {
					under, whose = p, key
					probes = append(probes, key)
				}
			}
			for now := start; now < start+10*time.Minute; now += time.Millisecond {
				if whose != "" {
					h.Report(now, under, health.CantAnswer)
					tried[whose], whose = now, ""
				}
				ask(now, "hot")
				if now%(900*time.Millisecond) == 0 {
					ask(now, "warm")
				}
				if remembers && now%(30*time.Second) == 0 {
					ask(now, "cold")
				}
			}
			count := map[string]int{}
			for _, key := range probes {
				count[key]++
			}
			t.Log(count)
			if count["warm"] < 40 || count["hot"] < 40 || remembers && count["cold"] < 19 {
				t.Errorf("the probes were %v", count)
			}
		})
	}
}

// TestARefThatVanishedHoldsNoProbeUp: the one whose turn it is was evicted.
func TestARefThatVanishedHoldsNoProbeUp(t *testing.T) {
	h, now := wentDown(t), start
	ask(t, h, now, health.Want{Key: "gone"}, health.Down)
	p := ask(t, h, now, health.Want{Key: "a", Tried: start}, health.Down)
	now += p.In
	if p = ask(t, h, now, health.Want{Key: "a", Tried: start}, health.Down); p.Next != "gone" || p.In != time.Second {
		t.Fatalf("%+v", p)
	}
	ask(t, h, now+p.In, health.Want{Key: "a", Tried: start}, health.Probe)
}

func TestAForcedFetchMayBeTheProbe(t *testing.T) {
	h := wentDown(t)
	forced, b := health.Want{Key: "a", Purpose: health.Forced}, health.Want{Key: "b"}
	ask(t, h, start, b, health.Down)
	if p := ask(t, h, start, forced, health.Down); p.In != time.Second {
		t.Errorf("a forced fetch is to wait for %v", p.In)
	}
	// One that is made every second, and hangs, leaves b its turn. No probe follows another at once.
	turns, last := 0, start
	for now := start; now < start+time.Minute; now += 10 * time.Millisecond {
		for _, w := range []health.Want{forced, b} {
			if p := h.Ask(now, w); p.Verdict == health.Probe {
				if now < last+time.Second {
					t.Errorf("the probe at %v comes %v after the last one", now, now-last)
				}
				if w == b {
					turns++
				}
				now += 3 * time.Second
				h.Report(now, p, health.CantAnswer)
				last = now
			}
		}
	}
	if turns < 5 {
		t.Errorf("b had %d turns in a minute", turns)
	}
}

// TestASourceThatNeeds4SecondsComesBack, although a probe has 3.
func TestASourceThatNeeds4SecondsComesBack(t *testing.T) {
	h, now := wentDown(t), start
	for range 4 {
		p := next(t, h, &now, health.Want{Key: "a"})
		if p.Timeout != 0 {
			now += p.Timeout
			h.Report(now, p, health.CantAnswer)
			continue
		}
		now += 4 * time.Second
		if h.Report(now, p, health.Answered) == health.CameBack {
			return
		}
	}
	t.Error("it stays down")
}

// TestAProbeThatHangsKeepsNoOtherWaiting: each fourth may take as long as any request. If it was
// sent while the source hung, others find out that the source is up again.
func TestAProbeThatHangsKeepsNoOtherWaiting(t *testing.T) {
	for kind, want := range map[health.Kind]health.Change{health.CantAnswer: health.Same, health.Answered: health.CameBack} {
		h, now := wentDown(t), start
		var patient health.Permit
		for patient.Verdict != health.Probe {
			p := next(t, h, &now, health.Want{Key: "a"})
			if p.Timeout == 0 {
				patient = p
				break
			}
			now += p.Timeout
			h.Report(now, p, health.CantAnswer)
		}
		sent := now
		p := next(t, h, &now, health.Want{Key: "b"})
		if took := now - sent; took < health.ProbeTimeout+time.Second || took > health.ProbeTimeout+5*time.Second {
			t.Errorf("the next one begins after %v", took)
		}
		ask(t, h, now, health.Want{Key: "c"}, health.Down)
		if change := h.Report(now, patient, kind); change != want {
			t.Errorf("its end changes %d, want %d", change, want)
		}
		if kind == health.CantAnswer {
			ask(t, h, now, health.Want{Key: "c"}, health.Down) // the other one is still under way
			if change := h.Report(now, p, kind); change != health.Failed {
				t.Errorf("the end of the other one changes %d", change)
			}
		}
	}
}

// TestAForcedProbeIsNotPatientOutOfTurn: it is not counted, so that one after the other would be, each
// sent while those before hang.
func TestAForcedProbeIsNotPatientOutOfTurn(t *testing.T) {
	h, now := wentDown(t), start
	forced := 0
	for range 10_000 {
		now += 100 * time.Millisecond
		for _, w := range []health.Want{{Key: "a", Tried: 1}, {Key: "c", Tried: 1}, {Key: "b", Purpose: health.Forced, Tried: now}} {
			p := h.Ask(now, w)
			if p.Verdict != health.Probe {
				continue
			}
			if w.Purpose == health.Forced {
				if forced++; p.Timeout == 0 {
					t.Fatal("it is patient")
				}
			}
			now += health.ProbeTimeout
			h.Report(now, p, health.CantAnswer)
		}
	}
	if forced < 100 {
		t.Errorf("only %d of the probes were forced", forced)
	}
}

// TestAProbeThatWasNotSentIsNotRepeatedAtOnce: a source that panics is no reason for a loop.
func TestAProbeThatWasNotSentIsNotRepeatedAtOnce(t *testing.T) {
	h, now := wentDown(t), start
	p := next(t, h, &now, health.Want{Key: "a"})
	h.Report(now, p, health.Nothing)
	if p := ask(t, h, now, health.Want{Key: "a"}, health.Down); p.In < time.Second {
		t.Errorf("another one after %v", p.In)
	}
}

func TestBackendsHaveAHealthOfTheirOwn(t *testing.T) {
	var s health.Set
	west, east := s.Of("eu-west-1"), s.Of("eu-central-1")
	for _, key := range []string{"a", "b"} {
		west.Report(start, ask(t, west, start, health.Want{Key: key}, health.Go), health.CantAnswer)
	}
	if _, down := s.Of("eu-west-1").Down(); !down {
		t.Error("eu-west-1 is not down")
	}
	for name, h := range map[string]*health.Health{"eu-central-1": east, "": s.Of("")} {
		if _, down := h.Down(); down {
			t.Errorf("%q is down", name)
		}
	}
	for i := range 1_000_000 { // a source that names a backend for each secret
		s.Of(string(rune(i)))
	}
	if s.Of("one more") != s.Of("") {
		t.Error("there are more than 64 backends")
	}
	if s.Of("eu-west-1") != west {
		t.Error("the first is not the same any more")
	}
}

// TestAForcedProbeBringsNoOtherForward: errors say when the next probe may begin, and none begins
// before.
func TestAForcedProbeBringsNoOtherForward(t *testing.T) {
	early := 0
	for range 200 {
		h, now := wentDown(t), start
		for range 4 { // so that the delays are long
			p := next(t, h, &now, health.Want{Key: "a"})
			h.Report(now, p, health.CantAnswer)
		}
		due := now + h.ProbeIn(now)
		forced := health.Want{Key: "b", Purpose: health.Forced}
		now += time.Second
		p := ask(t, h, now, forced, health.Probe)
		h.Report(now, p, health.CantAnswer)
		if now+h.ProbeIn(now) < due {
			early++
		}
	}
	if early > 0 {
		t.Errorf("%d of 200 times the next probe was due before the moment that was told", early)
	}
}
