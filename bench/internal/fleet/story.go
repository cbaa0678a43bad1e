package fleet

import (
	"context"
	"slices"
	"sync"
	"time"
)

// The story of a fleet. All start within a second; nothing happens for a day; then the
// shared secret is rotated; then there is an outage; then for a while the region has
// little of its quota left; and in the end the shared secret is rotated again, and logins
// with the old one are refused.
const (
	rotationAt = 24 * time.Hour
	outageAt   = 26 * time.Hour
	outageEnd  = outageAt + time.Hour
	throttleAt = 30 * time.Hour
	throttled  = 30 * time.Minute
	refusalAt  = 32 * time.Hour
	end        = refusalAt + 5*time.Minute

	// leftQuota is what is left for a fleet of 10,000: less than half of what it needs.
	leftQuota = 5
	// loginEvery is how often a process logs in, where logins are refused.
	loginEvery = 10 * time.Second
	longest    = 3 * time.Hour // that a recovery is waited for
)

// A Record is what was seen of one policy.
type Record struct {
	Policy    string
	Processes int
	Seconds   []Second

	Ready     []time.Duration // of each process, from the start
	Staleness []time.Duration // of each process that saw the rotation, after it
	Unseen    int             // processes that did not
	Outage    Recovery
	Throttle  Recovery
	Refused   []time.Duration // of each process, after the second rotation; nil if the policy has nothing for it
}

// A Recovery is how long after a trouble's end 99 % and all of the secrets were fetched
// again of which the last fetch had failed by then.
type Recovery struct {
	Failing   int
	Most, All time.Duration
}

// Play plays the story for n processes. It must run in a bubble, which ends with it.
func Play(policy Policy, n int) *Record {
	region := newRegion()
	ctx, cancel := context.WithCancel(context.Background())
	rec := &Record{Policy: policy.Name, Processes: n}
	fleet := make([]*process, n)
	var running sync.WaitGroup
	region.busy.Store(true)
	for i := range fleet {
		fleet[i] = newProcess(region, policy, i)
		running.Go(func() { fleet[i].run(ctx) })
	}
	until := func(at time.Duration) { time.Sleep(at - region.now()) }
	until(time.Minute)
	region.busy.Store(false)

	until(rotationAt)
	region.set(func(r *Region) { r.version++ })
	region.busy.Store(true)
	until(rotationAt + 62*time.Minute)
	region.busy.Store(false)
	until(outageAt)
	region.busy.Store(true)
	region.set(func(r *Region) { r.down = true })
	for _, p := range fleet {
		rec.Ready = append(rec.Ready, p.ready)
		rec.noteSeen(p.version, p.saw, region.current())
	}

	until(outageEnd)
	region.set(func(r *Region) { r.down = false })
	rec.Outage = recovery(region)
	region.busy.Store(false)

	until(throttleAt)
	region.set(func(r *Region) { r.quota = left(n) })
	region.busy.Store(true)
	until(throttleAt + throttled)
	region.set(func(r *Region) { r.quota = Quota })
	rec.Throttle = recovery(region)
	region.busy.Store(false)

	until(refusalAt)
	if policy.login != nil {
		rec.Refused = refuse(ctx, region, policy, fleet)
	}
	until(end)
	cancel()
	running.Wait()
	for _, p := range fleet {
		if c, ok := caches.LoadAndDelete(p); ok {
			c.(interface{ Close() error }).Close()
		}
	}
	region.set(func(r *Region) { rec.Seconds = r.seconds })
	return rec
}

// left is what is left of the quota for a fleet of n.
func left(n int) int { return max(1, leftQuota*n/10_000) }

// noteSeen notes when a process that knows a version of the shared secret came to know it.
func (r *Record) noteSeen(version int, saw time.Duration, current int) {
	if version < current {
		r.Unseen++
		return
	}
	r.Staleness = append(r.Staleness, saw-rotationAt)
}

// recovery waits until the last fetch of no secret has failed.
func recovery(region *Region) Recovery {
	start := region.now()
	for failing := []int{}; ; time.Sleep(time.Second) {
		failing = append(failing, int(region.failing.Load()))
		if failing[len(failing)-1] == 0 || region.now()-start > longest {
			return recovered(failing)
		}
	}
}

// recovered judges how many secrets were failing at a trouble's end, and a second later,
// and so on.
func recovered(failing []int) Recovery {
	r := Recovery{Failing: failing[0]}
	for i, n := range failing {
		if n > r.Failing/100 {
			r.Most = time.Duration(i+1) * time.Second
		}
		if n > 0 {
			r.All = time.Duration(i+1) * time.Second
		}
	}
	return r
}

// refuse rotates the shared secret and has each process log in until it has the new one.
func refuse(ctx context.Context, region *Region, policy Policy, fleet []*process) []time.Duration {
	took := make([]time.Duration, len(fleet))
	region.set(func(r *Region) { r.version++ })
	start := region.now()
	var logins sync.WaitGroup
	for i, p := range fleet {
		logins.Go(func() {
			time.Sleep(loginEvery * time.Duration(i) / time.Duration(len(fleet)))
			for policy.login(ctx, p) != nil {
				time.Sleep(loginEvery)
			}
			took[i] = region.now() - start
		})
	}
	logins.Wait()
	return took
}

// part returns the value below which a part of the values is.
func part(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}

func mean(values []time.Duration) time.Duration {
	var sum time.Duration
	for _, v := range values {
		sum += v
	}
	return sum / time.Duration(max(1, len(values)))
}
