package cache

import (
	"math"
	"time"
)

// firstDue is the part of the TTL for which a value is not refreshed in any case.
const firstDue = 1.0 / 60

// dueAt returns the age at which refresh-ahead begins: so early that the fetch can
// end before the TTL does, and nobody waits for it.
//
// Each value of a secret that is refreshed in the background is due after an interval
// drawn evenly from [half, last). Processes that fetched in step, for they were deployed
// at once or their outage ended, would go on nearly so: their next refreshes would all
// fall into the second half of a TTL. So the first interval is drawn as if the process
// had been running for long and its fetch were one moment among many, from what renewal
// theory calls the equilibrium distribution: its density is even up to half, and then
// falls to 0 at last. From then on the calls of the fleet come at an even rate.
func (s *Snapshot) dueAt() time.Duration {
	cfg := &s.Cache().cfg
	half := cfg.TTL / 2
	if cfg.NoRefreshAhead || half == 0 {
		return cfg.TTL
	}
	span := float64(cfg.TTL - half - min(cfg.FetchTimeout, cfg.TTL/4))
	drawn := float64(s.due) / (1 << 32)
	if !s.inStep {
		return half + time.Duration(span*drawn)
	}
	even, last := float64(half), float64(half)+span
	at := drawn * (even + span/2) // of the area below the density
	if at > even {
		at = last - span*math.Sqrt(1-(at-even)/(span/2))
	}
	first := firstDue * float64(cfg.TTL)
	return time.Duration(first + at*(1-first/last))
}
