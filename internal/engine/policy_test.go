package engine

import (
	"fmt"
	"testing"
	"time"
)

// The scale of the tests of the policy: a TTL of 100, refresh-ahead from 80 on.
const (
	testTTL     time.Duration = 100
	testDue     time.Duration = 80
	testWait    time.Duration = 10
	testTimeout time.Duration = 50
)

var testPolicy = policy{testTTL, testWait, testTimeout}

// TestThePolicyOfEveryState is the table of what a reader gets, how long it may read that
// without another look, and when a fetch begins.
func TestThePolicyOfEveryState(t *testing.T) {
	var (
		none    = state{}
		fresh   = state{hasValue: true, age: 10, due: testDue}
		due     = state{hasValue: true, age: 90, due: testDue}
		past    = state{hasValue: true, age: 110, due: testDue}
		invalid = state{hasValue: true, age: 10, due: testDue, isInvalid: true, isAsked: true}
	)
	var (
		down    = func(s state) state { s.failed, s.isTried, s.delay = true, true, 5; return s } // the source can't answer
		refused = func(s state) state { s.isRefusal = true; return down(s) }                     // it refused the secret
		over    = func(s state) state { s.delay, s.forcedDelay = -1, -1; return s }              // the delay is over
		early   = func(s state) state { s.isTried = false; return s }                            // the fetch began before the TTL
		held    = func(s state) state { s.forcedDelay = 3; return s }                            // so does the user's own delay
		asked   = func(s state) state { s.isInvalid, s.isAsked = true, true; return s }
		paused  = func(s state) state { s.renewIn, s.forcedIn = 4, 4; return s }   // MinRefreshInterval runs
		longer  = func(s state) state { s.renewIn, s.forcedIn = 14, 14; return s } // for longer than a reader waits
		waits   = func(s state) state { s.downIn = 2; return s }                   // the backend is down, and a probe may begin
		probed  = func(s state) state { s.isProbed = true; return waits(s) }       // and one has failed
	)
	for _, row := range []struct {
		name  string
		state state

		read, hasty, refresh, recent string // while no fetch is under way
		flying, flyingHasty          string // of a read while one is
		flyingLong                   string // while one has been for MaxRefreshWait
	}{
		{"absent", none, "absent now", "absent now", "fetch now", "fetch now", "absent", "absent", "absent"},
		{"absent, MinRefreshInterval", paused(none), "absent now", "absent now", "fetch in 4", "fetch in 4", "absent", "absent", "absent"},
		{"absent, down", down(none), "refused in 5", "refused in 5", "refused in 5", "refused in 5", "absent", "absent", "absent"},
		{"absent, was down", over(down(none)), "absent now", "absent now", "fetch now", "fetch now", "absent", "absent", "absent"},
		{"absent, refused", refused(none), "refused in 5", "refused in 5", "fetch now", "refused in 5", "absent", "absent", "absent"},
		{"absent, refused and so Refresh", held(refused(none)), "refused in 5", "refused in 5", "refused in 3", "refused in 5", "absent", "absent", "absent"},
		{"absent, refused, Invalidate", asked(refused(none)), "absent now", "absent now", "fetch now", "refused in 5", "absent", "absent", "absent"},
		{"absent, refused and so Invalidate", asked(held(refused(none))), "refused in 3", "refused in 3", "refused in 3", "refused in 5", "absent", "absent", "absent"},
		{"absent, down, Invalidate", asked(down(none)), "refused in 5", "refused in 5", "refused in 5", "refused in 5", "absent", "absent", "absent"},

		{"absent, the backend is down", waits(none), "absent in 2", "absent in 2", "fetch in 2", "refused in 2", "absent", "absent", "absent"},
		{"absent, and a probe has failed", probed(none), "refused in 2", "refused in 2", "refused in 2", "refused in 2", "absent", "absent", "absent"},

		{"fresh", fresh, "fresh for 70 in 70", "fresh for 70 in 70", "fetch now", "fetch now", "fresh for 70", "fresh for 70", "fresh for 70"},
		{"fresh, MinRefreshInterval", paused(fresh), "fresh for 70 in 70", "fresh for 70 in 70", "fetch in 4", "fresh", "fresh for 70", "fresh for 70", "fresh for 70"},
		{"fresh, down", early(down(fresh)), "fresh for 70 in 70", "fresh for 70 in 70", "refused in 5", "refused in 5", "fresh for 70", "fresh for 70", "fresh for 70"},
		{"fresh, refused", early(refused(fresh)), "fresh for 70 in 70", "fresh for 70 in 70", "fetch now", "refused in 5", "fresh for 70", "fresh for 70", "fresh for 70"},

		{"due", due, "fresh now", "fresh now", "fetch now", "fetch now", "fresh for 10", "fresh for 10", "fresh for 10"},
		{"due, down", early(down(due)), "fresh for 5 in 5", "fresh for 5 in 5", "refused in 5", "refused in 5", "fresh for 10", "fresh for 10", "fresh for 10"},
		{"due, was down", over(early(down(due))), "fresh now", "fresh now", "fetch now", "fetch now", "fresh for 10", "fresh for 10", "fresh for 10"},
		{"due, refused", early(refused(due)), "fresh for 5 in 5", "fresh for 5 in 5", "fetch now", "refused in 5", "fresh for 10", "fresh for 10", "fresh for 10"},

		{"due, the backend is down", waits(due), "fresh for 2 in 2", "fresh for 2 in 2", "fetch in 2", "refused in 2", "fresh for 10", "fresh for 10", "fresh for 10"},

		{"expired, the backend is down", waits(past), "stale for 2 in 2", "stale for 2 in 2", "fetch in 2", "refused in 2", "expired", "stale", "stale for 50"},
		{"expired", past, "expired now", "stale now", "fetch now", "fetch now", "expired", "stale", "stale for 50"},
		{"expired, down before that", early(down(past)), "stale for 5 in 5", "stale for 5 in 5", "refused in 5", "refused in 5", "expired", "stale", "stale for 50"},
		{"expired, was down before that", over(early(down(past))), "expired now", "stale now", "fetch now", "fetch now", "expired", "stale", "stale for 50"},
		{"expired, down", down(past), "stale for 5 in 5", "stale for 5 in 5", "refused in 5", "refused in 5", "stale for 50", "stale for 50", "stale for 50"},
		{"expired, was down", over(down(past)), "stale now", "stale now", "fetch now", "fetch now", "stale for 50", "stale for 50", "stale for 50"},
		{"expired, refused", refused(past), "stale for 5 in 5", "stale for 5 in 5", "fetch now", "refused in 5", "stale for 50", "stale for 50", "stale for 50"},
		{"expired, refused and so Refresh", held(refused(past)), "stale for 5 in 5", "stale for 5 in 5", "refused in 3", "refused in 5", "stale for 50", "stale for 50", "stale for 50"},

		{"invalid", invalid, "expired now", "stale now", "fetch now", "fetch now", "expired", "stale", "stale for 50"},
		{"invalid, MinRefreshInterval", paused(invalid), "expired in 4", "stale in 4", "fetch in 4", "fetch in 4", "expired", "stale", "stale for 50"},
		{"invalid, a long MinRefreshInterval", longer(invalid), "stale for 4 in 14", "stale in 14", "fetch in 14", "fetch in 14", "expired", "stale", "stale for 50"},
		{"invalid, down", down(invalid), "stale for 5 in 5", "stale for 5 in 5", "refused in 5", "refused in 5", "stale for 50", "stale for 50", "stale for 50"},
		{"invalid, refused before that", early(refused(invalid)), "expired now", "stale now", "fetch now", "refused in 5", "expired", "stale", "stale for 50"},
		{"invalid, refused and so Invalidate", held(refused(invalid)), "stale for 3 in 3", "stale for 3 in 3", "refused in 3", "refused in 5", "stale for 50", "stale for 50", "stale for 50"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, s := testPolicy, row.state
			flying, long := s, s
			flying.inFlight, flying.awaited = true, testWait-1
			long.inFlight, long.awaited = true, testWait
			for _, look := range []struct{ name, got, want string }{
				{"read", shown(p.read(s, false)), row.read},
				{"hasty read", shown(p.read(s, true)), row.hasty},
				{"read during a fetch", shown(p.read(flying, false)), row.flying},
				{"hasty read during a fetch", shown(p.read(flying, true)), row.flyingHasty},
				{"read during a long fetch", shown(p.read(long, false)), row.flyingLong},
				{"Refresh", shownForced(p.forced(s, renewal, false)), row.refresh},
				{"Refresh for a caller that asks again and again", shownForced(p.forced(s, recent, false)), row.recent},
				{"Refresh during a fetch", shownForced(p.forced(flying, renewal, false)), "fetch"},
			} {
				if look.got != look.want {
					t.Errorf("%s: %q, want %q", look.name, look.got, look.want)
				}
			}
		})
	}
}

// shown names a ruling: its verdict, for how long the value may be read without another
// look, and when a fetch begins.
func shown(r ruling) string {
	text := [...]string{absent: "absent", refused: "refused", fresh: "fresh", expired: "expired", stale: "stale"}[r.verdict]
	if r.lookIn > 0 {
		text += fmt.Sprintf(" for %d", r.lookIn)
	}
	switch {
	case r.fetchIn == never:
		return text
	case r.fetchIn <= 0:
		return text + " now"
	}
	return text + fmt.Sprintf(" in %d", r.fetchIn)
}

// shownForced is shown for a forced fetch, whose caller gets nothing or waits.
func shownForced(r ruling) string {
	if r.verdict == expired {
		return "fetch" + shown(r)[len("expired"):]
	}
	return shown(r)
}

// eachState calls f with each state of a grid that stateOf may return.
func eachState(f func(state)) {
	flags := func(bits int) (b [7]bool) {
		for i := range b {
			b[i] = bits>>i&1 == 1
		}
		return b
	}
	for bits := range 1 << 7 {
		b := flags(bits)
		s := state{hasValue: b[0], isInvalid: b[1], isAsked: b[2], inFlight: b[3], failed: b[4], isTried: b[5], isRefusal: b[6]}
		switch {
		case s.isAsked && (!s.isInvalid || s.inFlight), s.isInvalid && !s.hasValue && !s.isAsked, !s.failed && (s.isTried || s.isRefusal):
			continue
		}
		for _, s.age = range values(s.hasValue, 0, testDue-1, testDue, testTTL-1, testTTL, testTTL+1) {
			for _, s.due = range values(s.hasValue, testDue, testTTL) {
				for _, s.awaited = range values(s.inFlight, 0, testWait-1, testWait) {
					for _, s.delay = range values(s.failed, -1, 0, 1, 30, 1000) {
						for _, s.forcedDelay = range values(s.failed, -1, 0, 1, 30) {
							for _, s.renewIn = range values(!s.failed && s.isInvalid, 0, 1, 30) {
								for _, s.forcedIn = range []time.Duration{0, 1, 30} {
									s.downIn, s.isProbed, s.isHeld = 0, false, false
									f(s)
									if s.isHeld = s.inFlight; s.isHeld {
										f(s)
									}
									if testPolicy.read(s, false).fetchIn > 0 || s.forcedIn > 0 {
										continue // only a fetch that would begin asks whether it may
									}
									for _, s.downIn = range []time.Duration{1, 30} {
										for _, s.isProbed = range []bool{false, true} {
											f(s)
										}
									}
								}
							}
						}
					}
				}
			}
		}
	}
}

// values returns the grid of a field, which is 0 where it has no meaning.
func values(hasMeaning bool, grid ...time.Duration) []time.Duration {
	if !hasMeaning {
		return []time.Duration{0}
	}
	return grid
}

// after returns the state that s is after d, if nothing happens meanwhile.
func (s state) after(d time.Duration) state {
	if s.hasValue {
		s.age += d
	}
	if s.inFlight {
		s.awaited += d
	}
	if s.failed {
		s.delay -= d
		s.forcedDelay -= d
	}
	s.renewIn, s.forcedIn, s.downIn = max(0, s.renewIn-d), max(0, s.forcedIn-d), max(0, s.downIn-d)
	return s
}

// eachRuling calls f with each state of the grid and what the policy says of it to readers.
func eachRuling(t *testing.T, f func(p *policy, s state, hasty bool, r ruling) (problem string)) {
	t.Helper()
	problems, states := 0, 0
	for _, p := range []policy{testPolicy, {testTTL, 0, testTimeout}} {
		eachState(func(s state) {
			for _, hasty := range []bool{false, true} {
				states++
				r := p.read(s, hasty)
				if problem := f(&p, s, hasty, r); problem != "" {
					if problems++; problems <= 10 {
						t.Errorf("%s: %s\n\thasty %v, %+v", problem, shown(r), hasty, s)
					}
				}
			}
		})
	}
	if problems > 10 {
		t.Errorf("and %d more", problems-10)
	}
	t.Logf("%d states", states)
}

func TestAReaderIsGivenAValueWhereThereIsOneAndNoneElse(t *testing.T) {
	eachRuling(t, func(_ *policy, s state, hasty bool, r ruling) string {
		isFresh := s.hasValue && !s.isInvalid && s.age < testTTL
		switch {
		case s.hasValue == (r.verdict == absent || r.verdict == refused):
			return "a verdict that does not know whether there is a value"
		case isFresh != (r.verdict == fresh):
			return "a value younger than its TTL is fresh, and no other is"
		case hasty && r.verdict == expired:
			return "a hasty reader waits"
		}
		return ""
	})
}

func TestNoValuePastItsTTLIsReturnedWithoutAFetch(t *testing.T) {
	eachRuling(t, func(p *policy, s state, _ bool, r ruling) string {
		mayWait := s.inFlight || s.delay > 0 || s.renewIn > 0 || s.downIn > 0
		switch {
		case r.verdict != fresh && r.fetchIn > 0 && !mayWait:
			return "no fetch begins"
		case r.verdict == stale && r.lookIn > max(0, r.fetchIn):
			return "a stale value is read past the moment of the next fetch"
		case r.verdict == stale && s.inFlight && r.lookIn > max(p.fetchTimeout, s.delay):
			return "a stale value is read past the end of the fetch"
		case s.inFlight && r.fetchIn != never:
			return "a second fetch begins"
		}
		return ""
	})
}

func TestAFreshValueIsLookedAtBeforeItsTTLEndsAndWhenItIsDue(t *testing.T) {
	eachRuling(t, func(_ *policy, s state, _ bool, r ruling) string {
		switch {
		case r.verdict != fresh:
			return ""
		case r.lookIn > testTTL-s.age:
			return "it is read past its TTL"
		case r.lookIn > max(0, r.fetchIn):
			return "it is read past the moment of its refresh"
		case r.fetchIn > max(0, s.due-s.age) && !s.inFlight && s.delay <= 0 && s.downIn <= 0:
			return "its refresh is late"
		}
		return ""
	})
}

// TestAFetchBeginsAtTheMomentThatThePolicyNamed also serves Watch and Quiet, which sleep for
// as long as a read that is not hasty says.
func TestAFetchBeginsAtTheMomentThatThePolicyNamed(t *testing.T) {
	eachRuling(t, func(p *policy, s state, hasty bool, r ruling) string {
		if other := p.read(s, !hasty).fetchIn; other != r.fetchIn {
			return fmt.Sprintf("another reader's fetch begins in %d", other)
		}
		if r.fetchIn <= 0 || r.fetchIn == never {
			return ""
		}
		for _, left := range []time.Duration{0, 1, r.fetchIn - 1} {
			if then := p.read(s.after(r.fetchIn-left), hasty).fetchIn; left >= 0 && then != left && !(left == 0 && then <= 0) {
				return fmt.Sprintf("with %d left it begins in %d", left, then)
			}
		}
		return ""
	})
}

func TestARefreshIsHeldBackByItsOwnDelayAlone(t *testing.T) {
	problems := 0
	eachState(func(s state) {
		for _, asks := range []kind{recent, renewal} {
			for _, isDone := range []bool{false, true} {
				r, problem := testPolicy.forced(s, asks, isDone), ""
				ownDelay := s.delay
				if s.isRefusal && asks == renewal {
					ownDelay = min(s.delay, s.forcedDelay)
				}
				switch {
				case r.verdict == fresh && !s.hasValue:
					problem = "fresh without a value"
				case r.verdict == refused && !s.failed && s.downIn == 0:
					problem = "refused without a failure"
				case r.verdict == stale || r.verdict == absent:
					problem = "no verdict for Refresh"
				case s.inFlight && (r.verdict != expired || r.fetchIn != never):
					problem = "a fetch under way is waited for"
				case s.inFlight || isDone:
				case s.downIn > 0 && (r.fetchIn != s.downIn || (r.verdict == refused) != (s.isProbed || asks == recent)):
					problem = "a backend that is down is asked by its probe"
				case s.downIn > 0:
				case asks == renewal && ownDelay > 0 != (r.verdict == refused):
					problem = "refused by another's delay"
				case asks == renewal && ownDelay <= 0 && r.fetchIn != s.forcedIn:
					problem = "forced fetches are MinRefreshInterval apart"
				case asks == recent && r.verdict == fresh && (s.isInvalid || s.age >= testTTL):
					problem = "a value past its TTL"
				}
				if problem != "" {
					if problems++; problems <= 10 {
						t.Errorf("%s: %s\n\tasks %d, done %v, %+v", problem, shown(r), asks, isDone, s)
					}
				}
			}
		}
	})
}
