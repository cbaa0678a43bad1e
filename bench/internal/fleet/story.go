package fleet

import (
	"context"
	"sync"
	"time"
)

// This is the timetable of a fleet. All processes start within a second. Nothing happens
// for a day. Then the shared secret is rotated a few times. Then there is an outage. Then
// the region has little of its quota left for a while. In the end the shared secret is
// rotated again, and logins with the old one are refused.
const (
	started    = 5 * time.Minute // the deploy is over, and the steady day begins
	rotationAt = 24 * time.Hour
	// Rotations come 75 min apart, so that they meet a fleet that fetches in step at each
	// quarter of its hour. The result of a single rotation would depend on chance.
	Rotations     = 4
	rotationEvery = 75 * time.Minute
	rotationsEnd  = rotationAt + Rotations*rotationEvery
	outageAt      = rotationsEnd
	outageEnd     = outageAt + time.Hour
	throttleAt    = 33 * time.Hour
	throttleEnd   = throttleAt + 30*time.Minute
	refusalAt     = 35 * time.Hour
	end           = refusalAt + 5*time.Minute

	// lead is the time before an event at which the processes begin to read more often.
	lead = 2 * time.Minute
	// steadyEnd is before the lead, since more frequent reads cause fetches that were due
	// already.
	steadyEnd = rotationAt - lead
	// leftQuota is the quota that is left for a fleet of 10,000: less than half of its
	// need.
	leftQuota = 5
	// ttl is the default TTL of each of the policies.
	ttl = time.Hour
	// loginEvery is the interval between a process's logins after the last rotation.
	loginEvery = 10 * time.Second
)

// Play runs the timetable for n processes in a region with this quota, in calls a second.
// It must run in a bubble, which ends with it.
func Play(policy Policy, n, quota int) *Record {
	region := newRegion(quota)
	ctx, cancel := context.WithCancel(context.Background())
	rec := &Record{Policy: policy.Name, Processes: n, Quota: quota}
	fleet := make([]*process, n)
	var running sync.WaitGroup
	region.pace.Store(int64(often))
	for i := range fleet {
		fleet[i] = newProcess(region, policy, i)
		running.Go(func() { fleet[i].run(ctx) })
	}
	until := func(at, pace time.Duration) {
		time.Sleep(at - region.now())
		region.pace.Store(int64(pace))
	}
	until(started, seldom)
	until(rotationAt-lead, sometimes)
	for k := range time.Duration(Rotations) {
		until(rotationAt+k*rotationEvery, sometimes)
		region.set(func(r *Region) { r.version++ })
		until(rotationAt+(k+1)*rotationEvery, sometimes)
		rec.noteRotation(fleet, region.current(), rotationAt+k*rotationEvery)
	}

	until(outageAt, often)
	region.set(func(r *Region) { r.down = true })
	until(outageEnd, often)
	region.set(func(r *Region) { r.down = false })
	rec.Outage = recovery(region, fleet, throttleAt-lead)

	region.pace.Store(int64(seldom))
	until(throttleAt-lead, often)
	until(throttleAt, often)
	region.set(func(r *Region) { r.quota = left(n) })
	until(throttleEnd, often)
	region.set(func(r *Region) { r.quota = float64(quota) })
	rec.Throttle = recovery(region, fleet, refusalAt)

	region.pace.Store(int64(seldom))
	until(refusalAt, seldom)
	cancel()
	running.Wait() // from here on, only logins read secrets
	if policy.login != nil {
		rec.Refused = refuse(region, policy, fleet)
	}
	until(end, seldom)
	closeCaches(fleet)
	region.set(func(r *Region) { rec.Seconds = r.seconds })
	return rec
}

func closeCaches(fleet []*process) {
	for _, p := range fleet {
		if c, ok := caches.LoadAndDelete(p); ok {
			if c, ok := c.(interface{ Close() error }); ok {
				c.Close()
			}
		}
	}
}

// left returns the quota that is left for a fleet of n.
func left(n int) float64 { return leftQuota * float64(n) / 10_000 }

// recovery is called when a trouble ends. It waits until all failing secrets are fetched
// again, or until the next event.
func recovery(region *Region, fleet []*process, next time.Duration) Recovery {
	over := region.now()
	failing, old := 0, 0
	for _, p := range fleet {
		f, o := p.troubleEnds()
		failing, old = failing+f, old+o
	}
	for {
		var again []time.Duration
		for _, p := range fleet {
			again = p.again(again)
		}
		if len(again) == failing || region.now() >= next {
			for i := range again {
				again[i] -= over
			}
			rec := recovered(failing, again)
			rec.Old = old
			return rec
		}
		time.Sleep(time.Second)
	}
}

// refuse rotates the shared secret, and lets each process log in until it has the new one.
func refuse(region *Region, policy Policy, fleet []*process) []time.Duration {
	took := make([]time.Duration, len(fleet))
	region.set(func(r *Region) { r.version++ })
	start := region.now()
	var logins sync.WaitGroup
	for i, p := range fleet {
		logins.Go(func() {
			time.Sleep(loginEvery * time.Duration(i) / time.Duration(len(fleet)))
			for policy.login(context.Background(), p) != nil {
				time.Sleep(loginEvery)
			}
			took[i] = region.now() - start
		})
	}
	logins.Wait()
	return took
}
