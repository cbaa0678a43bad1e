package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// Secrets is how many secrets a process reads: one that all share, and two of its own.
const Secrets = 3

// How often a process reads its secrets: seldom while nothing happens, which bounds how
// late it does what is due; more often when something is to be seen.
const (
	seldom    = time.Minute
	sometimes = 10 * time.Second // rotations, which take a good part of an hour to be seen
	often     = 2 * time.Second  // troubles, and what comes after them
)

// A process is one of the fleet.
type process struct {
	region *Region
	ids    [Secrets]string
	read   func(ctx context.Context, id string) (version int, err error)

	mu      sync.Mutex    // guards what follows, which run alone writes but for fetches
	ready   time.Duration // when it had all its secrets; 0 if it never had
	version int           // of the shared secret, as it knows it
	saw     time.Duration // when it saw that version
	fetches [Secrets]fetches
}

// fetches is how those of one secret went.
type fetches struct {
	failed   bool          // the last one did
	good     time.Duration // when one went well last
	affected bool          // the last one had when the trouble ended
	again    time.Duration // when one went well since then, and none failed after it; 0 if none
}

func (f *fetches) note(failed bool, now time.Duration) {
	f.failed = failed
	if failed {
		f.again = 0
		return
	}
	f.good = now
	if f.again == 0 {
		f.again = now
	}
}

func newProcess(region *Region, policy Policy, i int) *process {
	p := &process{region: region, ids: [Secrets]string{shared}}
	for k := 1; k < Secrets; k++ {
		p.ids[k] = fmt.Sprintf("own/%d/%d", i, k)
	}
	p.read = policy.open(p)
	return p
}

// fetch is what the policy calls to ask the region.
func (p *process) fetch(ctx context.Context, id string) (version int, err error) {
	version, err = p.region.call(ctx, id)
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, own := range p.ids {
		if own == id {
			p.fetches[k].note(err != nil, p.region.now())
		}
	}
	return version, err
}

// troubleEnds notes which secrets are failing, and returns their number and that of those
// which were fetched longer ago than the TTL of all the policies.
func (p *process) troubleEnds() (failing, old int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := range p.fetches {
		f := &p.fetches[k]
		f.affected, f.again = f.failed, 0
		if f.failed {
			failing++
			if p.region.now()-f.good > ttl {
				old++
			}
		}
	}
	return failing, old
}

// again adds to the moments when secrets were fetched again that had been failing when
// the trouble ended.
func (p *process) again(moments []time.Duration) []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.fetches {
		if f.affected && f.again > 0 {
			moments = append(moments, f.again)
		}
	}
	return moments
}

// run reads until ctx is done.
func (p *process) run(ctx context.Context) {
	time.Sleep(rand.N(time.Second)) // of all at once
	for ctx.Err() == nil {
		p.readAll(ctx)
		every := time.Duration(p.region.pace.Load())
		// Drawn anew, so that the readers' own rhythm shows in nothing.
		time.Sleep(every/2 + rand.N(every))
	}
}

func (p *process) readAll(ctx context.Context) {
	good := 0
	for k, id := range p.ids {
		version, err := p.read(ctx, id)
		if err != nil {
			continue
		}
		good++
		if k == 0 && version > p.version {
			p.mu.Lock()
			p.version, p.saw = version, p.region.now()
			p.mu.Unlock()
		}
	}
	if good == Secrets && p.ready == 0 {
		p.mu.Lock()
		p.ready = p.region.now()
		p.mu.Unlock()
	}
}

// seen is what the process knows of the shared secret, and when it had all its secrets.
func (p *process) seen() (version int, saw, ready time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version, p.saw, p.ready
}

// payload is a secret's value for a version, and versionIn finds that again.
func payload(version int) string { return strconv.Itoa(version) }

func versionIn(payload string) int {
	version, _ := strconv.Atoi(payload)
	return version
}
