// Package health decides when a source may be asked, by what its answers say about it. It is
// a state machine without a clock, a timer, a goroutine or a lock: the caller brings the
// instant, holds its own lock, asks before each request ([Health.Ask]) and reports how the
// request ended ([Health.Report]).
//
// # What a request says
//
//	Answered   a value came                     the source works
//	Refused    not found, denied, undecryptable the source works; the secret's own back-off
//	TooMuch    throttled                        slower, and nothing about health
//	CantAnswer unreachable, timed out, no valid credentials: perhaps the source is down
//	Nothing    cancelled, never sent, or a pooled connection that broke in the machine's sleep
//
// A request for several secrets is asked for once and reported once, with the greatest of its
// Kinds: it is one piece of evidence.
//
// # Down
//
// The source is down after two CantAnswer with no answer between: of two different Refs, or of
// the only Ref there is. (Two batches are of different Refs.) A failure is no evidence if
// another Ref was answered since the request began, or since this Ref began to fail: that is
// the Ref's trouble, or its region's.
//
// While the source is down, one request at a time is made, the probe, with a timeout of 3 s.
// Each fourth probe that takes a turn has the caller's timeout instead, for a source that is slow. After 3 s it
// no longer keeps the next probe waiting. The delay before a probe is 1 to 1.5 s at first, then
// 2 to 3 s, then 3.3 to 5 s. The probe is for the Ref that failed the longest
// ago, or never, of those that asked since the last probe. A forced fetch may be the probe
// 1 s after the last one. So no single secret, key or region keeps the source down: the first
// answer about any Ref ends it, and with it the back-off of all that could not be answered
// before ([Health.Forgives]).
//
// # Back up, and throttled
//
// A pace holds back requests for what has no value younger than its TTL: 10 a second, twice
// as many after each second without throttling, until they are 1,000 and the pace ends. A
// throttled request halves the pace, down to 1 a second, or begins one of 10 a second. Two
// throttled requests don't count: one for the Ref that was throttled last, since that may be
// its key alone, and one that began before the pace was changed last.
//
// After an outage the pace begins at a moment drawn from a tenth of the outage, or from 5 s if
// that is less, so that a fleet does not come back in step. A refresh ahead of the TTL and a
// forced fetch keep no pace.
//
// # IDs that were never known
//
// At most 50 requests a second fail for IDs that nothing vouches for, in fixed memory:
// one may be made while those under way and those that failed in the last second are fewer.
// One that is answered with a value costs nothing, so a start with 1,000 tenants is fast.
// The caller asks about known secrets first, and lets new ones wait in a queue.
//
// # Several backends
//
// Each backend of a source has a Health of its own; [Set] finds it by name.
package health
