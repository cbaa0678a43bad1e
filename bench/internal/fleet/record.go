package fleet

import (
	"math"
	"slices"
	"time"
)

// never is a duration for events that did not happen.
const never = time.Duration(math.MaxInt64)

// A Record has the measurements of one policy.
type Record struct {
	Policy    string
	Processes int
	Quota     int // the region's quota in calls a second
	Seconds   []Second

	Ready     []time.Duration // of each process that had all its secrets within the first day, from the start
	Staleness []time.Duration // of each process and rotation that it saw before the next, after the rotation
	Unseen    int             // the pairs of a process and a rotation that it did not see
	Outage    Recovery
	Throttle  Recovery
	Refused   []time.Duration // of each process, after the last rotation; nil if the policy has nothing for it
}

// A Recovery is about the secrets whose last fetch had failed at the end of a trouble. A
// Get of such a secret has an error, alone or beside the last good value. The Recovery has
// the times from the trouble's end until 99 % and all of them were fetched again, or never.
type Recovery struct {
	Failing   int
	Old       int // the failing secrets that were fetched longer ago than the TTL
	Most, All time.Duration
}

// recovered computes a Recovery from the number of failing secrets and the moments at which
// some of them were fetched again.
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

// noteRotation records which processes have the current version, before the next rotation.
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

// noteSeen records when a process got its version of the shared secret.
func (r *Record) noteSeen(version int, saw time.Duration, current int, rotated time.Duration) {
	if version < current {
		r.Unseen++
		return
	}
	r.Staleness = append(r.Staleness, saw-rotated)
}

// allReady returns when all processes had all their secrets.
func (r *Record) allReady() time.Duration {
	if len(r.Ready) == 0 || len(r.Ready) < r.Processes {
		return never
	}
	return slices.Max(r.Ready)
}

// deployed returns the end of the second in which all were ready, or the end of the deploy.
func (r *Record) deployed() time.Duration {
	return min(r.allReady(), started-1).Truncate(time.Second) + time.Second
}

// meanStaleness counts a rotation that was not seen as seen at the end, which is the least
// time that it may have taken.
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

// rate returns the mean of the calls per second.
func (r *Record) rate(from, to time.Duration) float64 {
	calls, _, _ := r.between(from, to)
	return float64(calls) / (to - from).Seconds()
}

// interval returns the mean time between two fetches of a secret in the steady day.
func (r *Record) interval() time.Duration {
	return time.Duration(float64(r.Processes*Secrets) / r.rate(started, steadyEnd) * float64(time.Second))
}

// PeakToMean returns the ratio for the calls in a minute. A second has so few calls that
// its peak would be random.
func (r *Record) PeakToMean(from, to time.Duration) float64 {
	peak, sum, n := 0, 0, 0
	for at := from; at < to; at += time.Minute {
		calls, _, _ := r.between(at, at+time.Minute)
		peak, sum, n = max(peak, calls), sum+calls, n+1
	}
	return float64(peak) * float64(n) / float64(max(sum, 1))
}

// chance returns the peak/mean of a minute for calls that are independent of each other. It
// is the median of the highest of n draws from Poisson's distribution.
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
