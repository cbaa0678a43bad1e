package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// Secrets is the number of secrets that a process reads: one that all share, and its own. It
// does not change during a Play.
var Secrets = 3

// These are the intervals between reads of a process. They are long while nothing happens,
// and bound the delay of a refresh that is due. They are shorter while something is
// measured.
const (
	seldom    = time.Minute
	sometimes = 10 * time.Second // during rotations, which are noticed within an hour
	often     = 2 * time.Second  // during troubles and after them
)

// A process is one of the fleet.
type process struct {
	region *Region
	ids    []string
	read   func(ctx context.Context, id string) (version int, err error)

	mu      sync.Mutex    // guards the fields below; except for fetches, only run writes them
	ready   time.Duration // when it had all its secrets; 0 until then
	version int           // the version of the shared secret that it has
	saw     time.Duration // when it got that version
	fetches []fetches
}

// fetches is the history of one secret's fetches.
type fetches struct {
	failed   bool          // whether the last one failed
	good     time.Duration // when one succeeded last
	affected bool          // whether the last one had failed when the trouble ended
	again    time.Duration // the first success since then without a failure after it; 0 if there is none
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
	p := &process{region: region, ids: []string{shared}, fetches: make([]fetches, Secrets)}
	for k := 1; k < Secrets; k++ {
		p.ids = append(p.ids, fmt.Sprintf("own/%d/%d", i, k))
	}
	p.read = policy.open(p)
	return p
}

// fetch calls the region for the policy.
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

// troubleEnds records which secrets are failing, and returns their number. It also returns
// how many of them were fetched longer ago than the policies' TTL.
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

// again appends the moments at which secrets that had been failing at the end of the
// trouble were fetched again.
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
	time.Sleep(rand.N(time.Second)) // all processes start within a second
	for ctx.Err() == nil {
		p.readAll(ctx)
		every := time.Duration(p.region.pace.Load())
		// Each pause is drawn anew, so that the readers' rhythm does not show in the
		// figures.
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

// seen returns the version of the shared secret that the process has, when it got it, and
// when it had all its secrets.
func (p *process) seen() (version int, saw, ready time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version, p.saw, p.ready
}

// payload returns a secret's value for a version. versionIn is its inverse.
func payload(version int) string { return strconv.Itoa(version) }

func versionIn(payload string) int {
	version, _ := strconv.Atoi(payload)
	return version
}
