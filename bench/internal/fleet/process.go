package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"
)

// Secrets is how many secrets a process reads: one that all share, and two of its own.
const Secrets = 3

// How often a process reads its secrets: seldom while nothing happens, which bounds how
// late it does what is due, and often when something does.
const (
	seldom = time.Minute
	often  = 2 * time.Second
)

// A process is one of the fleet.
type process struct {
	region  *Region
	ids     [Secrets]string
	read    func(ctx context.Context, id string) (version int, err error)
	failing [Secrets]atomic.Bool
	ready   time.Duration // when it had all its secrets
	version int           // of the shared secret, as it knows it
	saw     time.Duration // when it saw that version
}

func newProcess(region *Region, policy Policy, i int) *process {
	p := &process{region: region, ids: [Secrets]string{"shared"}}
	for k := 1; k < Secrets; k++ {
		p.ids[k] = fmt.Sprintf("own/%d/%d", i, k)
	}
	p.read = policy.open(p)
	return p
}

// fetch is what the policy calls to ask the region.
func (p *process) fetch(ctx context.Context, id string) (version int, err error) {
	version, err = p.region.call(ctx)
	for k, own := range p.ids {
		if own != id {
			continue
		}
		if failed := err != nil; p.failing[k].Swap(failed) != failed {
			if failed {
				p.region.failing.Add(1)
			} else {
				p.region.failing.Add(-1)
			}
		}
	}
	return version, err
}

// run reads until ctx is done.
func (p *process) run(ctx context.Context) {
	time.Sleep(rand.N(time.Second)) // of all at once
	for ctx.Err() == nil {
		p.readAll(ctx)
		every := seldom
		if p.region.busy.Load() {
			every = often
		}
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
			p.version, p.saw = version, p.region.now()
		}
	}
	if good == Secrets && p.ready == 0 {
		p.ready = p.region.now()
	}
}

// payload is a secret's value for a version, and versionIn finds that again.
func payload(version int) string { return strconv.Itoa(version) }

func versionIn(payload string) int {
	version, _ := strconv.Atoi(payload)
	return version
}
