package fleet

import (
	"math"
	"slices"
	"time"
)

// never is longer than anything that was waited for.
const never = time.Duration(math.MaxInt64)

// A Record is what was seen of one policy.
type Record struct {
	Policy    string
	Processes int
	Quota     int // of the region, in calls a second
	Seconds   []Second

	Ready     []time.Duration // of each process that had all its secrets within the first day, from the start
	Staleness []time.Duration // of each process and rotation that it saw before the next, after the rotation
	Unseen    int             // those that were not seen
	Outage    Recovery
	Throttle  Recovery
	Refused   []time.Duration // of each process, after the last rotation; nil if the policy has nothing for it
}

// A Recovery is how long after a trouble's end 99 % and all of the secrets were fetched
// again of which the last fetch had failed by then: those for which a Get at that moment
// had an error to tell, alone or beside the last good value. It may be never.
type Recovery struct {
	Failing   int
	Old       int // of the failing, those fetched longer ago than the TTL
	Most, All time.Duration
}

// recovered judges when those of the failing were fetched again that were.
func recovered(failing int, again []time.Duration) Recovery {
	sorted := slices.Sorted(slices.Values(again))
	after := func(n int) time.Duration {
		switch {
		case n == 0:
			return 0
		case n > len(sorted):
			return never
		}
		return sorted[n-1]
	}
	return Recovery{Failing: failing, Most: after(failing - failing/100), All: after(failing)}
}

// noteRotation notes which of the fleet know the present version, before the next comes.
func (r *Record) noteRotation(fleet []*process, current int, rotated time.Duration) {
	first := r.Staleness == nil && r.Unseen == 0
	for _, p := range fleet {
		version, saw, ready := p.seen()
		r.noteSeen(version, saw, current, rotated)
		if first && ready > 0 {
			r.Ready = append(r.Ready, ready)
		}
	}
}

// noteSeen notes when a process that knows a version of the shared secret came to know it.
func (r *Record) noteSeen(version int, saw time.Duration, current int, rotated time.Duration) {
	if version < current {
		r.Unseen++
		return
	}
	r.Staleness = append(r.Staleness, saw-rotated)
}

// allReady is when all processes had all their secrets.
func (r *Record) allReady() time.Duration {
	if len(r.Ready) == 0 || len(r.Ready) < r.Processes {
		return never
	}
	return slices.Max(r.Ready)
}

// deployed is the end of the second in which all were ready, or of the deploy.
func (r *Record) deployed() time.Duration {
	return min(r.allReady(), started-1).Truncate(time.Second) + time.Second
}

// meanStaleness counts what was not seen as seen in the end, which is the least that it
// may have taken.
func (r *Record) meanStaleness() time.Duration {
	all := slices.Concat(r.Staleness, slices.Repeat([]time.Duration{rotationEvery}, r.Unseen))
	return mean(all)
}

func (r *Record) mostStaleness() time.Duration {
	if r.Unseen > 0 || len(r.Staleness) == 0 {
		return never
	}
	return slices.Max(r.Staleness)
}

// between sums up the seconds from one moment to another.
func (r *Record) between(from, to time.Duration) (calls, peak, refused int) {
	for i := int(from / time.Second); i < min(int(to/time.Second), len(r.Seconds)); i++ {
		calls += r.Seconds[i].Calls
		peak = max(peak, r.Seconds[i].Calls)
		refused += r.Seconds[i].Refused
	}
	return calls, peak, refused
}

// rate is the mean of the calls per second.
func (r *Record) rate(from, to time.Duration) float64 {
	calls, _, _ := r.between(from, to)
	return float64(calls) / (to - from).Seconds()
}

// interval is the mean time between two fetches of a secret in the steady day.
func (r *Record) interval() time.Duration {
	return time.Duration(float64(r.Processes*Secrets) / r.rate(started, steadyEnd) * float64(time.Second))
}

// PeakToMean is that of the calls in a minute; those in a second are so few that their
// peak is chance.
func (r *Record) PeakToMean(from, to time.Duration) float64 {
	peak, sum, n := 0, 0, 0
	for at := from; at < to; at += time.Minute {
		calls, _, _ := r.between(at, at+time.Minute)
		peak, sum, n = max(peak, calls), sum+calls, n+1
	}
	return float64(peak) * float64(n) / float64(max(sum, 1))
}

// chance is the peak/mean of a minute that calls have which come independently of each
// other: the median of the highest of n draws from Poisson's distribution.
func chance(mean float64, n int) float64 {
	tail := 0.0
	for k := math.Ceil(mean + 10*math.Sqrt(mean) + 20); k > 0; k-- {
		gamma, _ := math.Lgamma(k + 1)
		if tail += math.Exp(k*math.Log(mean) - mean - gamma); tail*float64(n) >= math.Ln2 {
			return k / mean
		}
	}
	return 1
}

func mean(values []time.Duration) time.Duration {
	var sum time.Duration
	for _, v := range values {
		sum += v
	}
	return sum / time.Duration(max(1, len(values)))
}
