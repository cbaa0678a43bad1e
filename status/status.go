// Package status says what a cache and its handles know at one moment, for a page, a log line or
// a check: cache.Cache.Status and typedsecret.Set.Status return these types. They hold no secret
// value, no length of one and no hash. As JSON they have the keys of their fields' tags, which
// stay. A program without a metrics library publishes the numbers by package expvar, which has no
// names then:
//
//	expvar.Publish("secrets", expvar.Func(func() any { return c.Status().States() }))
//	expvar.Publish("secrets_backends", expvar.Func(func() any { return c.Status().Backends }))
//
// Package hook's Counts counts what happened in a cache.
package status

import "time"

// A State says what a reader of a secret gets.
type State string

// The states of a secret.
const (
	// Fresh: the value is younger than its TTL.
	Fresh State = "fresh"
	// Due: the same, and the next read refreshes it in the background.
	Due State = "due"
	// Stale: the value is past its TTL or was invalidated. A read refreshes it, and gets the
	// last good value if that fails or takes long, as far as Config.StaleIfError allows.
	Stale State = "stale"
	// Refused: there is no value, and none is fetched before the back-off is over.
	Refused State = "refused"
	// Absent: there is no value yet.
	Absent State = "absent"
	// Closed: the cache that the handle reads from was closed, and each read is an error. Only
	// a Handle has this state, since a closed cache has no secrets.
	Closed State = "closed"
)

// A Secret is what a cache knows of one secret.
type Secret struct {
	ID            string `json:"id"`                       // as the program asks for it
	Stage         string `json:"stage,omitempty"`          // that it asks for
	PinnedVersion string `json:"pinned_version,omitempty"` // that it asks for, if any

	State State     `json:"state"`
	Since time.Time `json:"since,omitzero"` // when that state began; zero if it is Absent or Closed

	Name    string    `json:"name,omitempty"`
	ARN     string    `json:"arn,omitempty"`
	Version string    `json:"version,omitempty"` // of the value that is kept
	Stages  []string  `json:"stages,omitempty"`  // of that version, when it was fetched
	Created time.Time `json:"created,omitzero"`
	Fetched time.Time `json:"fetched,omitzero"`
	Replica string    `json:"replica,omitempty"` // the region that it came from, if not the first one
	Backend string    `json:"backend,omitempty"` // the Name of the Backend that is asked for it
	// AgeSeconds is how long ago Fetched was; negative if nobody knows, as of a value from a
	// sealed file that was written in the future of the wall clock.
	AgeSeconds float64 `json:"age_seconds"`

	// NextFetch is the earliest moment at which a read begins a fetch; in the past if the next
	// read does.
	NextFetch time.Time `json:"next_fetch,omitzero"`
	Fetching  bool      `json:"fetching,omitempty"` // a fetch is under way, or waits for its turn

	// Error is why the last fetch failed; "" if it did not. Class is its kind in one word, as
	// secret.Class has it. Failures counts those in a row, and FailingSince is when the first of
	// them ended.
	Error        string    `json:"error,omitempty"`
	Class        string    `json:"error_class,omitempty"`
	Failures     int       `json:"failures,omitempty"`
	FailingSince time.Time `json:"failing_since,omitzero"`

	// LastEvent is when Cache.HandleEvent took the last event by which this stage of the secret may
	// have moved; zero if none came since there is a value.
	LastEvent time.Time `json:"last_event,omitzero"`

	HasHandle bool `json:"has_handle,omitempty"` // a living handle names it
}

// A Cache is what a cache knows of all its secrets and of itself.
type Cache struct {
	At      time.Time `json:"at"`
	Source  string    `json:"source"`            // its Go type
	Secrets []Secret  `json:"secrets"`           // by ID, stage and version
	Size    int       `json:"size"`              // secrets kept for reads by ID
	MaxSize int       `json:"max_size"`          // the most of them
	Closed  bool      `json:"closed,omitempty"`  // then all else is zero
	Hooked  bool      `json:"hooked,omitempty"`  // a Hook transforms what is kept
	Sealed  string    `json:"sealed,omitempty"`  // the path of the sealed file; "" for none
	Unsaved bool      `json:"unsaved,omitempty"` // the sealed file lacks something that is known

	// Backends are the parts of the source that can be down by themselves: one, without a name,
	// if the source does not tell them apart.
	Backends []Backend `json:"backends,omitempty"`

	Requests  int `json:"requests"`  // under way
	Queued    int `json:"queued"`    // waiting for their turn
	Abandoned int `json:"abandoned"` // calls of the source that have not returned in time
	// LastEvent is when Cache.HandleEvent last took an event, about any secret; zero if it never did.
	LastEvent time.Time `json:"last_event,omitzero"`

	Fetches   uint64 `json:"fetches"`   // that brought a value, so far
	Evictions uint64 `json:"evictions"` // so far
}

// A Backend is what a cache knows of one backend of its source, such as a region or an account;
// see secret.Backends.
type Backend struct {
	Name string `json:"name,omitempty"` // as the source calls it

	// Down reports whether the cache takes the backend for one that can't answer. The cache then
	// asks it by one probe at a time. Two secrets that got no answer make it down, also if the
	// cause is the network or the credentials; a refusal and throttling don't.
	Down  bool      `json:"down"`
	Since time.Time `json:"since,omitzero"` // when it went down or came back; zero if it was never down
	// Answered is when a request was last answered, by a value or a refusal.
	Answered time.Time `json:"answered,omitzero"`

	Requests int `json:"requests"` // under way
	Queued   int `json:"queued"`   // waiting for their turn

	// Error is why the last request got no answer, and Class its kind, as secret.Class has it.
	// Both are empty unless the backend is down.
	Error string `json:"error,omitempty"`
	Class string `json:"error_class,omitempty"`
}

// DownBackends returns how many of the backends are down.
func (c Cache) DownBackends() (n int) {
	for _, b := range c.Backends {
		if b.Down {
			n++
		}
	}
	return n
}

// States returns how many secrets are in each state. Each state but Closed has its key.
func (c Cache) States() map[State]int {
	n := map[State]int{Fresh: 0, Due: 0, Stale: 0, Refused: 0, Absent: 0}
	for _, s := range c.Secrets {
		n[s.State]++
	}
	return n
}

// A Handle is what a typed handle knows of its secret.
type Handle struct {
	Secret
	Type string `json:"type"` // the Go type that it is read as
	// Decoded reports whether there is a value that Get could return without decoding another
	// version. DecodedVersion is its version.
	Decoded        bool   `json:"decoded"`
	DecodedVersion string `json:"decoded_version,omitempty"`
	// DecodeError is why the newest version, UndecodableVersion, does not decode or is invalid;
	// "" if it does.
	DecodeError        string `json:"decode_error,omitempty"`
	UndecodableVersion string `json:"undecodable_version,omitempty"`
	// Rejections counts how often in a row functions given to Do reported that a service refused
	// the credential of the newest version.
	Rejections int `json:"rejections,omitempty"`
	// Misuse is what Err reports: options or a T that make no sense; "" for none.
	Misuse string `json:"misuse,omitempty"`
}
