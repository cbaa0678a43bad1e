package outages

import (
	"fmt"
	"time"

	"github.com/typedsecret/typedsecret/cache"
)

// promises are what this library promises about the secrets that an outage touches, beside
// what it promises in each outage. They are bounds, which no draw of a delay exceeds.
type promises struct {
	// calls is the most calls for some secrets in the outage.
	calls func(secrets int, p Plan) int
	// fresh is how long after the outage the last secret is fresh again at the latest, beside
	// the time for which the pace holds it back. 0 means before the end of the outage.
	fresh time.Duration
	// hangs says that a fetch, or each fourth probe, may hang for Plan.FetchTimeout meanwhile.
	hangs bool
}

// These are the bounds that the promises are made of.
const (
	longestPause = 5 * time.Second      // before a probe
	leastPause   = longestPause * 2 / 3 // the pause is drawn from what is between them
	spread       = 5 * time.Second      // by which the processes of a fleet come back apart
	unanswered   = 15 * time.Second     // the longest delay after a failure about one secret
	denied       = time.Minute          // the longest delay after a refusal of IAM or KMS
)

var (
	whileItFails         = promises{calls: probes, fresh: longestPause + spread}
	whileItHangs         = promises{calls: probes, fresh: longestPause + spread, hangs: true}
	whileItThrottles     = promises{calls: throttled, fresh: unanswered}
	whileItComesAndGoes  = promises{calls: oneASecond, fresh: unanswered}
	whileItComesAndHangs = promises{calls: oneASecond, fresh: unanswered, hangs: true}
	whileItRefuses       = promises{calls: refused, fresh: denied}
	whileAReplicaAnswers = promises{calls: both}
)

// probes is for a source that is down: one probe at a time asks. When the outage begins, each
// secret may have a fetch that was due.
func probes(secrets int, p Plan) int { return int(p.Lasts/leastPause) + 2*secrets }

// both is for a region that is down beside one that has replicas.
func both(secrets int, p Plan) int { return probes(secrets, p) + usual(secrets, p) }

// oneASecond is for a source that answers in between, again and again.
func oneASecond(secrets int, p Plan) int { return int(p.Lasts/time.Second) + usual(secrets, p) }

// throttled is for the pace of one call a second. It begins with 10 a second, and does not
// hold back what is younger than its TTL.
func throttled(secrets int, p Plan) int { return int(p.Lasts/time.Second) + 4*secrets }

// refused is for a back-off of each secret, whose delays are half a minute in the mean after
// some that are shorter. It has a quarter to spare for chance.
func refused(secrets int, p Plan) int { return secrets * (10 + int(p.Lasts/(denied/2))) * 5 / 4 }

// paced is how long a pace holds back so many secrets: it is 10 in the first second, and twice
// as many in each further one. The read that has one fetched, and the one that gets it, may
// take a second more each.
func paced(secrets int) time.Duration {
	took := 2 * time.Second
	for rate := 10; secrets > 0; rate *= 2 {
		secrets, took = secrets-rate, took+time.Second
	}
	return took
}

// usual is the number of calls without an outage. A refresh begins after 70 % of the TTL.
func usual(secrets int, p Plan) int { return secrets * (2 + int(p.Lasts/(p.TTL*7/10))) }

// Broken returns the promises of this library that an outage has broken.
func (o Outage) Broken(p Plan, r Result) (broken []string) {
	touched, spared := r.Touched, r.Spared
	check := func(ok bool, format string, args ...any) {
		if !ok {
			broken = append(broken, o.Name+": "+fmt.Sprintf(format, args...))
		}
	}
	most := min(cache.DefaultMaxRefreshWait, Deadline/3)
	warm, secrets := touched.Warm, touched.Warm.Readers+touched.Cold.Readers
	check(warm.Errors+warm.Late == 0, "%d reads of a secret with a last good value failed: %v", warm.Errors+warm.Late, warm.First)
	check(warm.Longest <= most, "a read of a secret with a last good value took %v", warm.Longest)
	check(touched.Cold.Longest <= Deadline, "a read with a deadline of %v took %v", Deadline, touched.Cold.Longest)
	calls := o.promises.calls(secrets, p)
	check(touched.Calls <= calls, "%d calls for %d secrets in %v; the pace allows %d", touched.Calls, secrets, p.Lasts, calls)
	fresh := o.promises.fresh
	if fresh > 0 {
		fresh += paced(secrets)
	}
	if o.promises.hangs {
		fresh += p.FetchTimeout
	}
	check(touched.Fresh <= fresh, "all fresh again only after %v, which is to take %v at most", touched.Fresh, fresh)

	untouched := spared.Warm.Readers + spared.Cold.Readers
	for _, r := range []Reads{spared.Warm, spared.Cold} {
		check(r.Errors+r.Late == 0, "%d reads of what the outage does not touch failed: %v", r.Errors+r.Late, r.First)
		check(r.Longest <= latency, "a read of what the outage does not touch took %v", r.Longest)
	}
	check(spared.Calls <= usual(untouched, p), "%d calls for %d secrets that the outage does not touch", spared.Calls, untouched)
	check(spared.Fresh == 0, "what the outage does not touch was old at its end, for %v", spared.Fresh)
	return broken
}
