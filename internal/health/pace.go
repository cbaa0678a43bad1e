package health

import (
	"time"

	"github.com/typedsecret/typedsecret/internal/world"
)

const (
	firstGap   = time.Second / 10
	longestGap = time.Second
	leastGap   = time.Millisecond // a shorter one is none
	maxSpread  = 5 * time.Second
)

// A pace keeps requests apart. The zero pace keeps none apart.
type pace struct {
	gap  time.Duration // between two requests, at since; 0: none
	from Instant       // the gap is halved for each second after it
	next Instant       // when the next request may begin
	cut  Instant       // when the pace was halved last
}

// begin begins a pace after an outage that took so long.
func (p *pace) begin(now Instant, outage time.Duration) {
	p.gap = firstGap
	p.from = now + world.UpTo(min(outage/10, maxSpread))
	p.next = p.from
}

// at returns the gap at an instant; 0 if the pace is over.
func (p *pace) at(now Instant) time.Duration {
	gap := p.gap >> min(max(0, now-p.from)/time.Second, 32)
	if gap < leastGap {
		return 0
	}
	return gap
}

// take begins a request, or returns how long it is to wait.
func (p *pace) take(now Instant) time.Duration {
	gap := p.at(now)
	if gap == 0 {
		*p = pace{}
		return 0
	}
	if now < p.next {
		return p.next - now
	}
	p.next = max(p.next, now-gap) + gap // a caller that is late may catch up by one request
	return 0
}

// slow halves the pace after a request that was throttled, and lets it be as it is if the
// request began before the pace was halved last.
func (p *pace) slow(now, began Instant) {
	gap := p.at(now)
	switch {
	case gap == 0:
		gap, p.cut = firstGap, now
	case began >= p.cut:
		gap, p.cut = min(2*gap, longestGap), now
	}
	p.gap, p.from = gap, now
	p.next = max(p.next, now+gap)
}
