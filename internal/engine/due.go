package engine

import (
	"math"
	"time"
)

// firstDue is the part of the TTL for which a value is not refreshed in any case.
const firstDue = 1.0 / 60

// dueAt returns the age at which refresh-ahead begins: so early that the fetch can
// end before the TTL does, and nobody waits for it, and that there is time for another try.
//
// Each value of a secret that is refreshed in the background is due after an interval
// drawn evenly from 70 to 83 % of the TTL, or to one FetchTimeout before its end, or to
// 75 % if that is more than a quarter. It is so narrow since, of fleets that make as many
// calls, the one whose intervals differ least notices a rotation soonest.
//
// Processes that fetched in step, for they were deployed at once or their outage ended,
// would go on nearly so: their next refreshes would all fall into one part of a TTL. So
// the first interval is drawn as if the process had been running for long and its fetch
// were one moment among many, from what renewal theory calls the equilibrium
// distribution: its density is even up to 70 %, and then falls to 0 at the end. From then
// on the calls of the fleet come at an even rate.
func (s *Snapshot) dueAt() time.Duration {
	cfg := &s.Cache().cfg
	if cfg.NoRefreshAhead {
		return cfg.TTL
	}
	begin := cfg.TTL - 30*(cfg.TTL/100)
	end := cfg.TTL - max(17*(cfg.TTL/100), min(cfg.FetchTimeout, cfg.TTL/4))
	span := float64(max(0, end-begin))
	drawn := float64(s.due) / (1 << 32)
	if !s.inStep {
		return begin + time.Duration(span*drawn)
	}
	even, last := float64(begin), float64(begin)+span
	at := drawn * (even + span/2) // of the area below the density
	if at > even {
		at = last - span*math.Sqrt(1-(at-even)/(span/2))
	}
	first := firstDue * float64(cfg.TTL)
	return time.Duration(first + at*(1-first/last))
}
