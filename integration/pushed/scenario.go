// Package pushed measures how soon processes have the new value of a rotated secret if the
// rotation is announced by an event, over carriers that this project did not write. Secrets
// Manager is the fake one of package secrettest, whose events are those of the real one. To read
// the code, start with [Scenarios] and go on to [Run].
package pushed

import "time"

// A Scenario is a carrier, what happens to it, and the processes that listen to it.
type Scenario struct {
	Name string

	// Carrier is a key of carriers, such as nats or sns.
	Carrier string

	// Outage says what is down for some of the rotations: one of the carrier's outages, or ""
	// for nothing.
	Outage string

	// Processes are caches in this process, each with a handle on each secret, connections of
	// its own, and the default settings of a cache, except for Spread.
	Processes int

	// Spread is the Config.EventSpread of the caches.
	Spread time.Duration

	// Rotations is how many are made by default.
	Rotations int

	// AtOnce is how many rotations may be under way at once; 0 means one.
	AtOnce int
}

// off is an EventSpread that turns the spread off, so that a row shows the carrier's time.
const off = -1

// Scenarios returns the scenarios that the command measures.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "a call of HandleEvent", Carrier: "call", Processes: 5, Spread: off, Rotations: 1000},
		{Name: "HTTP post to a Handler", Carrier: "post", Processes: 5, Spread: off, Rotations: 1000},
		{Name: "NATS", Carrier: "nats", Processes: 5, Spread: off, Rotations: 1000},
		{Name: "Redis", Carrier: "redis", Processes: 5, Spread: off, Rotations: 1000},
		{Name: "SQS (ElasticMQ)", Carrier: "elasticmq", Processes: 5, Spread: off, Rotations: 1000},
		{Name: "EventBridge → SQS (moto)", Carrier: "eventbridge", Processes: 2, Spread: off, Rotations: 1000},
		{Name: "SNS → SQS (moto)", Carrier: "sns", Processes: 2, Spread: off, Rotations: 1000},
		{Name: "EventBridge → SQS → relay → NATS", Carrier: "relay to nats", Processes: 5, Spread: off, Rotations: 1000},
		{Name: "EventBridge → SQS → relay → Redis", Carrier: "relay to redis", Processes: 5, Spread: off, Rotations: 1000},
		{Name: "NATS, with the default spread", Carrier: "nats", Processes: 5, Rotations: 1000, AtOnce: 50},
		{Name: "NATS, 200 processes at once", Carrier: "nats", Processes: 200, Rotations: 50, AtOnce: 5},
		{Name: "Redis, 200 processes at once", Carrier: "redis", Processes: 200, Rotations: 50, AtOnce: 5},
		{Name: "NATS, restarted", Carrier: "nats", Outage: ServerRestarted, Processes: 5, Spread: off, Rotations: 200},
		{Name: "Redis, restarted", Carrier: "redis", Outage: ServerRestarted, Processes: 5, Spread: off, Rotations: 200},
		{Name: "relay → NATS, relay killed", Carrier: "relay to nats", Outage: RelayKilled, Processes: 5, Spread: off, Rotations: 200},
		{Name: "relay → Redis, relay killed", Carrier: "relay to redis", Outage: RelayKilled, Processes: 5, Spread: off, Rotations: 200},
		{Name: "relay → NATS, NATS restarted", Carrier: "relay to nats", Outage: ServerRestarted, Processes: 5, Spread: off, Rotations: 200},
		{Name: "relay → Redis, Redis restarted", Carrier: "relay to redis", Outage: ServerRestarted, Processes: 5, Spread: off, Rotations: 200},
	}
}

// The outages that a carrier may have. An event that is sent while a server is down is lost,
// unless a queue keeps it.
const (
	RelayKilled     = "relay killed"
	ServerRestarted = "server restarted"
)
