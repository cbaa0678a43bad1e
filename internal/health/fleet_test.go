package health_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/health"
)

// A fleet is many processes that read all their secrets every 2 s, and an outage of 90 s at
// whose begin all values are past their TTL. A request takes 20 ms.
type fleet struct {
	calls map[health.Instant]int // by second since the begin
	back  []time.Duration        // after the outage, of each secret
}

const (
	fleetOutage = 90 * time.Second
	never       = health.Instant(math.MaxInt64)
)

// process plays one process. Its Refs that asked in vain wait in a queue while the pace holds
// them back, as those of the cache do.
func (f *fleet) process(secrets int) {
	type request struct {
		secret int
		ends   health.Instant
		health.Permit
	}
	var h health.Health
	var under []request
	var queue []int
	tried, done, busy := make([]health.Instant, secrets), make([]bool, secrets), make([]bool, secrets)
	keys := make([]string, secrets)
	for i := range keys {
		keys[i] = string(rune('0' + i))
	}
	read, turn, left := start+rand.N(2*time.Second), never, secrets
	for left > 0 {
		end := never
		for _, r := range under {
			end = min(end, r.ends)
		}
		now := min(read, turn, end)
		ask := func(i int) health.Permit {
			p := h.Ask(now, health.Want{Key: keys[i], Tried: tried[i]})
			if p.Verdict <= health.Probe {
				busy[i] = true
				under = append(under, request{i, now + 20*time.Millisecond, p})
				f.calls[(now-start)/time.Second]++
			}
			return p
		}
		switch now {
		case end:
			under = slices.DeleteFunc(under, func(r request) bool {
				if r.ends > now {
					return false
				}
				busy[r.secret] = false
				if now < start+fleetOutage {
					tried[r.secret] = now
					h.Report(now, r.Permit, health.CantAnswer)
					return true
				}
				h.Report(now, r.Permit, health.Answered)
				done[r.secret] = true
				left--
				f.back = append(f.back, now-start-fleetOutage)
				return true
			})
		case turn:
			turn = never
		case read:
			read += 2 * time.Second
			if _, down := h.Down(); down {
				for i := range keys {
					if !busy[i] {
						ask(i)
					}
				}
				continue
			}
			for i := range keys {
				if !done[i] && !busy[i] && !slices.Contains(queue, i) {
					queue = append(queue, i)
				}
			}
		}
		for len(queue) > 0 && len(under) < 64 {
			p := ask(queue[0])
			if p.Verdict == health.Later {
				turn = now + p.In
				break
			}
			queue = queue[1:]
		}
	}
}

// TestAFleetComesBackWithoutAPeak: 99 % of 30,000 secrets within 12 s, at some 5,000 calls a
// second. 100,000 secrets can't come back in that time at that rate.
func TestAFleetComesBackWithoutAPeak(t *testing.T) {
	for _, c := range []struct {
		processes, secrets int
		calls              float64 // in the outage, the most a second
		peak               int
		most               time.Duration // until 99 % are back
	}{{10_000, 3, 2000, 5500, 12 * time.Second}, {200, 500, 45, 20_000, 17 * time.Second}} {
		f := fleet{calls: map[health.Instant]int{}}
		for range c.processes {
			f.process(c.secrets)
		}
		var inIt, peak int
		outage := health.Instant(fleetOutage / time.Second)
		for second, n := range f.calls {
			if second >= 20 && second < outage {
				inIt += n
			} else if second >= outage {
				peak = max(peak, n)
			}
		}
		slices.Sort(f.back)
		rate, most := float64(inIt)/float64(outage-20), f.back[len(f.back)*99/100]
		t.Logf("%d processes of %d secrets: %.0f calls/s in the outage; 99 %% back after %v, all after %v, at most %d calls in a second",
			c.processes, c.secrets, rate, most, f.back[len(f.back)-1], peak)
		if most > c.most || rate > c.calls || peak > c.peak {
			t.Error("too much")
		}
	}
}
