// Package proof has services query a PostgreSQL while its password is rotated, and
// counts what that costs each of them: one through package sqlsecret, one that tries
// AWSPENDING too, one through the recipe for pgxpool, one whose pool reads the secret
// once, and one whose pool asks the AWS caching client for Go. Start with [Scenario], go
// on to [Run] and contender.go, and end with report.go.
package proof

import (
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A Scenario is how the secret is rotated, and what goes wrong meanwhile.
type Scenario struct {
	Name     string
	Strategy rotation.Strategy

	// Window is how long a rotation rests after setSecret: with a single user,
	// neither AWSCURRENT nor AWSPREVIOUS logs in then.
	Window time.Duration

	// Trouble is what befalls the calls of GetSecretValue that the services make, from
	// the beginning of each rotation on, or each Every-th if that is set, for Lasting.
	Trouble secrettest.Fault
	Lasting time.Duration
	Every   int

	// Cancelled: every other rotation ends after setSecret and its Window, and is
	// undone: AWSPENDING dropped, the password of the database set back.
	Cancelled bool
}

// Scenarios are those of the proof.
var Scenarios = []Scenario{
	{Name: "single user, no pause", Strategy: rotation.SingleUser},
	{Name: "single user, window 200 ms", Strategy: rotation.SingleUser, Window: 200 * time.Millisecond},
	{Name: "single user, window 2 s", Strategy: rotation.SingleUser, Window: 2 * time.Second},
	{Name: "alternating users", Strategy: rotation.AlternatingUsers, Window: 200 * time.Millisecond},
	{
		Name: "Secrets Manager slow (700 ms)", Strategy: rotation.SingleUser, Window: 200 * time.Millisecond,
		Trouble: secrettest.Fault{Latency: 700 * time.Millisecond}, Lasting: 2 * time.Second,
	},
	{
		Name: "Secrets Manager throttles for 1 s", Strategy: rotation.SingleUser, Window: 200 * time.Millisecond,
		Trouble: secrettest.Fault{Effect: secrettest.Throttling()}, Lasting: time.Second,
	},
	{
		// More often than that, the back-off would take it for one outage of a minute or
		// more, which no retry budget outlasts.
		Name: "Secrets Manager fails for 2 s, at every 5th rotation", Strategy: rotation.SingleUser, Window: 200 * time.Millisecond,
		Trouble: secrettest.Fault{Effect: secrettest.InternalError()}, Lasting: 2 * time.Second, Every: 5,
	},
	{Name: "every other rotation cancelled", Strategy: rotation.SingleUser, Window: 200 * time.Millisecond, Cancelled: true},
}

// period is how long it takes from one rotation to the next, on average.
func (s Scenario) period() time.Duration {
	return max(s.Window, s.Lasting/time.Duration(s.every())) + meanRest
}

func (s Scenario) every() int { return max(s.Every, 1) }

// meanRest lies between two rotations: half of it to one and a half times as long.
const meanRest = 1200 * time.Millisecond

// lifetime is how long the connections of the pools live: shorter than the time between
// two rotations, so that there are logins in the midst of them, and so long that most
// connections that are closed are closed because of a rotation.
func (s Scenario) lifetime() time.Duration { return s.period() * 4 / 5 }

// backoffCalls is how many calls of Secrets Manager may bring nothing new in some
// rotations, beyond the one that is required of each: one for each MinRefreshInterval
// that logins may be refused in, and one at its beginning; with AWSPENDING as many for
// that.
func (s Scenario) backoffCalls(rotations int, pending bool) (calls int) {
	for n := range rotations {
		refused := s.Window
		if s.hasTrouble(n) {
			refused += s.Lasting
		}
		calls += 1 + int((refused+cache.DefaultMinRefreshInterval-1)/cache.DefaultMinRefreshInterval)
	}
	if pending {
		calls *= 2
	}
	return calls
}

// hasTrouble reports whether the n-th rotation has, counted from 0.
func (s Scenario) hasTrouble(n int) bool { return s.Lasting > 0 && n%s.every() == 0 }
