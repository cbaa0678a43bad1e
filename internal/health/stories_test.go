package health_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/typedsecret/typedsecret/internal/health"
)

// TestOneThrottledKeyStopsNoOther, neither at a start nor later.
func TestOneThrottledKeyStopsNoOther(t *testing.T) {
	s := newSim(t, time.Minute, 1000, 0)
	s.source = func(_ health.Instant, e *entry) (time.Duration, health.Kind) {
		if e.key == "7" {
			return 20 * time.Millisecond, health.TooMuch
		}
		return 20 * time.Millisecond, health.Answered
	}
	s.run(2*time.Second, time.Second)
	others := func(e *entry) bool { return e.key != "7" }
	s.oldest(others) // all are there after 2 s
	s.run(10*time.Minute, time.Second)
	if oldest := s.oldest(others); oldest > s.ttl {
		t.Errorf("a value was %v old", oldest)
	}
	if n := s.callsOf(0, func(key string) bool { return key == "7" }); n > 40 || n < 15 || s.wentDown > 0 {
		t.Errorf("%d calls of the throttled one; the source was down %d times", n, s.wentDown)
	}
}

// TestOneRegionThatIsDownStopsNoOther: ten Refs hang. A source that tells its backends apart
// is better off.
func TestOneRegionThatIsDownStopsNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		backend func(*entry) string
		late    time.Duration // how much later than its TTL a value is read at most
	}{
		"known by name": {func(e *entry) string { return strconv.FormatBool(len(e.key) == 1) }, 0},
		"not told":      {func(*entry) string { return "" }, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, time.Minute, 100, 0)
			s.backend = c.backend
			s.have()
			hangs := func(e *entry) bool { return len(e.key) == 1 }
			s.source = func(_ health.Instant, e *entry) (time.Duration, health.Kind) {
				if hangs(e) {
					return time.Hour, health.CantAnswer
				}
				return 20 * time.Millisecond, health.Answered
			}
			s.run(time.Hour, time.Second)
			oldest := s.oldest(func(e *entry) bool { return !hangs(e) })
			t.Logf("down %d times, the oldest value %v, calls of the region %d", s.wentDown, oldest,
				s.callsOf(0, func(key string) bool { return len(key) == 1 }))
			if oldest > s.ttl+c.late {
				t.Errorf("a value was %v old", oldest)
			}
			if n := s.callsOf(0, func(key string) bool { return len(key) == 1 }); n > 10*3600/15 {
				t.Errorf("%d calls of the region that is down", n)
			}
		})
	}
}

// TestTwoSecretsInAProcess: one that fails does not keep the other from being fetched, and
// both are back soon after an outage.
func TestTwoSecretsInAProcess(t *testing.T) {
	var broken func(*entry) bool
	s := newSim(t, time.Minute, 2, 0)
	s.have()
	s.source = func(_ health.Instant, e *entry) (time.Duration, health.Kind) {
		if broken(e) {
			return 20 * time.Millisecond, health.CantAnswer
		}
		return 20 * time.Millisecond, health.Answered
	}
	broken = func(e *entry) bool { return e.key == "0" }
	s.run(time.Hour, time.Second)
	if oldest := s.oldest(func(e *entry) bool { return e.key == "1" }); oldest > s.ttl || s.wentDown > 0 {
		t.Errorf("the good one was %v old; the source was down %d times", oldest, s.wentDown)
	}
	broken = func(*entry) bool { return false }
	s.run(time.Minute, time.Second)
	broken = all[*entry]
	s.run(time.Hour, time.Second)
	if n := s.callsOf(s.now-time.Hour, all[string]); s.wentDown != 1 || n < 3500/6 || n > 3600/3 {
		t.Errorf("down %d times, %d calls in an hour", s.wentDown, n)
	}
	broken = func(*entry) bool { return false }
	s.run(12*time.Second, time.Second)
	s.forget()
	s.run(time.Second, time.Second)
	if oldest := s.oldest(all[*entry]); oldest > 13*time.Second {
		t.Errorf("13 s after the outage a value is %v old", oldest)
	}
}

// TestASourceThatComesAndGoes, every 3 s or from call to call, is neither flooded nor left
// alone: most reads get a value younger than its TTL. Few secrets are played five times and
// counted together, since in a rare play the calls of one secret are again and again those that
// fail.
func TestASourceThatComesAndGoes(t *testing.T) {
	n := 0
	for name, c := range map[string]struct {
		works  func(health.Instant) bool
		stale  float64 // the most of all reads
		calls  int     // times those without a failure
		isDown bool
	}{
		"every 3 s":               {func(now health.Instant) bool { return now/(3*time.Second)%2 == 0 }, 0.01, 2, true},
		"every other call fails":  {func(health.Instant) bool { n++; return n%2 == 0 }, 0.05, 4, false},
		"two calls of three fail": {func(health.Instant) bool { n++; return n%3 == 0 }, 0.1, 4, true},
		"nine calls of ten fail":  {func(health.Instant) bool { n++; return n%10 == 0 }, 1, 10, true},
	} {
		for _, secrets := range []int{3, 200} {
			t.Run(fmt.Sprintf("%s, %d secrets", name, secrets), func(t *testing.T) {
				plays := 5
				if secrets > 3 {
					plays = 1
				}
				var stale, reads, calls int
				for range plays {
					s := newSim(t, time.Minute, secrets, 0)
					s.have()
					s.source = func(now health.Instant, _ *entry) (time.Duration, health.Kind) {
						if c.works(now) {
							return 20 * time.Millisecond, health.Answered
						}
						return 20 * time.Millisecond, health.CantAnswer
					}
					s.run(20*time.Minute, time.Second)
					t.Logf("down %d times, %d of %d reads stale, the oldest value %v, %d calls", s.wentDown, s.stale, s.reads, s.oldest(all[*entry]), len(s.calls))
					stale, reads, calls = stale+s.stale, reads+s.reads, calls+len(s.calls)
					if s.wentDown > 0 && !c.isDown {
						t.Errorf("down %d times", s.wentDown)
					}
				}
				if float64(stale) > c.stale*float64(reads) {
					t.Errorf("%d of %d reads are stale", stale, reads)
				}
				// Without any failure, each secret makes 26 calls in that time.
				if calls > c.calls*26*secrets*plays {
					t.Errorf("%d calls", calls)
				}
			})
		}
	}
}

// TestARestartOf200MillisecondsSeenByAColdReader: it gets a value 1.5 s later at most.
func TestARestartOf200MillisecondsSeenByAColdReader(t *testing.T) {
	s := newSim(t, time.Hour, 3, 0)
	restarts := s.now + 200*time.Millisecond
	s.source = func(now health.Instant, _ *entry) (time.Duration, health.Kind) {
		if now < restarts {
			return time.Millisecond, health.CantAnswer
		}
		return 20 * time.Millisecond, health.Answered
	}
	cold := s.entries[2]
	s.entries = s.entries[:2]
	s.run(50*time.Millisecond, 10*time.Millisecond)
	if s.wentDown != 1 {
		t.Fatal("not down")
	}
	s.entries = append(s.entries, cold) // from now on its reader waits
	s.run(2*time.Second, 10*time.Millisecond)
	s.oldest(all[*entry])
	if took := cold.fetched - start; took > 2*time.Second {
		t.Errorf("it has a value after %v", took)
	}
	if len(s.calls) > 6 {
		t.Errorf("%d calls", len(s.calls))
	}
}

// TestALaptopThatSlept: pooled connections that broke meanwhile say nothing, and where the
// network comes back late, the secrets come soon after it.
func TestALaptopThatSlept(t *testing.T) {
	for name, network := range map[string]time.Duration{"at once": 0, "5 s later": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, time.Hour, 10, 0)
			s.have()
			s.run(time.Minute, time.Second)
			s.now += 8 * time.Hour
			woke, pooled := s.now, 10
			s.source = func(now health.Instant, _ *entry) (time.Duration, health.Kind) {
				switch {
				case pooled > 0:
					pooled--
					return time.Millisecond, health.Nothing
				case now < woke+network:
					return time.Millisecond, health.CantAnswer
				}
				return 20 * time.Millisecond, health.Answered
			}
			s.run(network+6*time.Second, 100*time.Millisecond)
			s.forget()
			s.run(time.Second, 100*time.Millisecond)
			if oldest := s.oldest(all[*entry]); oldest > 8*time.Second {
				t.Errorf("a value is %v old", oldest)
			}
			if isDown := s.wentDown > 0; isDown != (network > 0) {
				t.Errorf("the source was down %d times", s.wentDown)
			}
		})
	}
}

// TestIDsThatDontExistBesideTenThatDo: 100,000 of them in a circle, in fixed memory.
func TestIDsThatDontExistBesideTenThatDo(t *testing.T) {
	s := newSim(t, 10*time.Second, 10, 100_000)
	s.source = func(_ health.Instant, e *entry) (time.Duration, health.Kind) {
		if e.isNew {
			return 20 * time.Millisecond, health.Refused
		}
		return 20 * time.Millisecond, health.Answered
	}
	s.run(20*time.Second, time.Second)
	if oldest := s.oldest(func(e *entry) bool { return !e.isNew }); oldest > s.ttl {
		t.Errorf("a known secret was %v old", oldest)
	}
	var unknown []health.Instant
	for _, c := range s.calls {
		if s.byKey[c.key].isNew {
			unknown = append(unknown, c.at)
		}
	}
	for i := 50; i < len(unknown); i++ {
		if unknown[i]-unknown[i-50] < time.Second {
			t.Fatalf("51 calls in %v", unknown[i]-unknown[i-50])
		}
	}
	if len(unknown) < 900 {
		t.Errorf("%d calls in 20 s", len(unknown))
	}
	if size := unsafe.Sizeof(health.Health{}); size > 1024 {
		t.Errorf("a Health has %d bytes", size)
	}
}

// TestATroubledSourceIsAskedByFew: 1,100 IDs by which nothing is known, and 100,000, each read
// once a second.
func TestATroubledSourceIsAskedByFew(t *testing.T) {
	for name, c := range map[string]struct {
		kind         health.Kind
		first, later int // calls in the first second, and in each one after it
	}{
		"throttled":   {health.TooMuch, 64, 2},
		"unavailable": {health.CantAnswer, 64, 1},
		"refused":     {health.Refused, 50, 50},
	} {
		for _, n := range []int{1_100, 100_000} {
			t.Run(fmt.Sprint(name, " ", n), func(t *testing.T) {
				s := newSim(t, time.Hour, 0, n)
				s.source = func(health.Instant, *entry) (time.Duration, health.Kind) { return 20 * time.Millisecond, c.kind }
				s.run(20*time.Second, time.Second)
				if most := c.first + 20*c.later; len(s.calls) > most || len(s.calls) < 4 {
					t.Errorf("%d calls in 20 s, want at most %d", len(s.calls), most)
				}
			})
		}
	}
}

// TestExpiredCredentialsWith100000Secrets: each is read once a second, for five minutes, and
// all are fetched again soon after the credentials were renewed.
func TestExpiredCredentialsWith100000Secrets(t *testing.T) {
	s := newSim(t, time.Hour, 100_000, 0)
	s.have()
	for _, e := range s.entries {
		e.fetched -= s.ttl // all are past their TTL
	}
	expired := true
	s.source = func(health.Instant, *entry) (time.Duration, health.Kind) {
		if expired {
			return 20 * time.Millisecond, health.CantAnswer
		}
		return 20 * time.Millisecond, health.Answered
	}
	s.run(5*time.Minute, time.Second)
	if n := len(s.calls); n > 64+300/3 {
		t.Errorf("%d calls in five minutes", n)
	}
	expired = false
	s.run(50*time.Second, time.Second)
	s.forget()
	s.run(time.Second, time.Second)
	if oldest := s.oldest(all[*entry]); oldest > time.Minute {
		t.Errorf("51 s later a value is %v old", oldest)
	}
	perSecond := map[health.Instant]int{}
	for _, c := range s.calls {
		perSecond[c.at/time.Second]++
	}
	var counts []int
	for _, n := range perSecond {
		counts = append(counts, n)
	}
	t.Logf("%d calls, at most %d in a second", len(s.calls), slices.Max(counts))
}
