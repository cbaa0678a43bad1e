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
	Staleness []time.Duration // of each process, after the rotation
	Outage    Recovery
	Throttle  Recovery
	Refused   []time.Duration // of each process, after the second rotation; nil if the policy has nothing for it
}

// A Recovery is how long after a trouble's end the last fetch of so many secrets had
// succeeded.
type Recovery struct{ Most, All time.Duration }

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
		rec.Staleness = append(rec.Staleness, max(0, p.saw-rotationAt))
	}

	until(outageEnd)
	region.set(func(r *Region) { r.down = false })
	rec.Outage = recovery(region, n*Secrets)
	region.busy.Store(false)

	until(throttleAt)
	region.set(func(r *Region) { r.quota = max(1, leftQuota*n/10_000) })
	region.busy.Store(true)
	until(throttleAt + throttled)
	region.set(func(r *Region) { r.quota = Quota })
	rec.Throttle = recovery(region, n*Secrets)
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

// recovery waits until no secret's last fetch has failed.
func recovery(region *Region, secrets int) (r Recovery) {
	start := region.now()
	for {
		took := region.now() - start
		failing := int(region.failing.Load())
		if r.Most == 0 && failing <= secrets/100 {
			r.Most = max(took, 1)
		}
		if failing == 0 || took > longest {
			r.All = took
			return r
		}
		time.Sleep(time.Second)
	}
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
