// Package proof lets services query a PostgreSQL while its password is rotated, and counts
// the cost to each of them. There are five: one with package sqlsecret, one that tries
// AWSPENDING too, one with the recipe for pgxpool, one whose pool reads the secret once,
// and one whose pool uses the AWS caching client for Go. [RunOthers] lets services with other
// drivers query other servers, through a pooler too. To read the code, start with [Scenario],
// go on to [Run] and contender.go, and end with report.go.
package proof

import (
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A Scenario describes how the secret is rotated, and what goes wrong meanwhile.
type Scenario struct {
	Name     string
	Strategy rotation.Strategy

	// Window is the pause of a rotation after setSecret. With a single user, neither
	// AWSCURRENT nor AWSPREVIOUS can log in then.
	Window time.Duration

	// Trouble is a fault of the services' calls of GetSecretValue. It begins with each
	// rotation, or with each Every-th one if that is set, and lasts for Lasting.
	Trouble secrettest.Fault
	Lasting time.Duration
	Every   int

	// Cancelled makes every other rotation end after setSecret and its Window. It is undone
	// then: AWSPENDING is removed, and the database has the old password again.
	Cancelled bool
}

// Scenarios are the scenarios of the proof.
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
		// If it failed more often, the back-off would see one outage of a minute or more,
		// which no retry budget outlasts.
		Name: "Secrets Manager fails for 2 s, at every 5th rotation", Strategy: rotation.SingleUser, Window: 200 * time.Millisecond,
		Trouble: secrettest.Fault{Effect: secrettest.InternalError()}, Lasting: 2 * time.Second, Every: 5,
	},
	{Name: "every other rotation cancelled", Strategy: rotation.SingleUser, Window: 200 * time.Millisecond, Cancelled: true},
}

// OtherScenarios are played at the [Others], one for each of AWS's strategies.
var OtherScenarios = []Scenario{
	{Name: "other servers, single user", Strategy: rotation.SingleUser, Window: 200 * time.Millisecond},
	{Name: "other servers, alternating users", Strategy: rotation.AlternatingUsers, Window: 200 * time.Millisecond},
}

// period is the average time from one rotation to the next.
func (s Scenario) period() time.Duration {
	return max(s.Window, s.Lasting/time.Duration(s.every())) + meanRest
}

func (s Scenario) every() int { return max(s.Every, 1) }

// meanRest is the average pause between two rotations. A pause is half as long to one and a
// half times as long.
const meanRest = 1200 * time.Millisecond

// lifetime is the lifetime of the pools' connections. It is shorter than the time between
// two rotations, so that there are logins during a rotation. It is long enough that most
// connections are closed because of a rotation.
func (s Scenario) lifetime() time.Duration { return s.period() * 4 / 5 }

// backoffCalls returns how many calls of Secrets Manager may bring nothing new in this many
// rotations. A rotation may have one for each MinRefreshInterval in which logins may be
// refused, and one at its beginning. With AWSPENDING it may have twice as many.
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

// hasTrouble reports whether the n-th rotation has trouble, counted from 0.
func (s Scenario) hasTrouble(n int) bool { return s.Lasting > 0 && n%s.every() == 0 }
