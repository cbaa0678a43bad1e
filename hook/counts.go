package hook

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/secret"
)

// Counts is an Observer that counts events and names no secret. Its String is JSON, so a *Counts
// is a variable of package expvar:
//
//	counts := new(hook.Counts)
//	expvar.Publish("typedsecret", counts)
//	c, err := cache.New(source, cache.Config{Observer: counts})
//
// The zero Counts is ready for use. Each Cache has one of its own.
type Counts struct {
	mu     sync.Mutex // guards all below
	totals Totals

	first     Secret // the secret of the first fetch; zero before it
	isSeveral bool   // another secret was fetched, too
	failing   Secret // the first secret that the source could not answer for; zero for none
}

// Totals is what a [Counts] has counted. As JSON it has the keys of its fields' tags, which stay.
type Totals struct {
	Fetches            uint64            `json:"fetches"`                  // that succeeded
	FetchFailures      map[string]uint64 `json:"fetch_failures,omitempty"` // by secret.Class
	FetchSeconds       float64           `json:"fetch_seconds"`            // that all fetches took together
	Rotations          uint64            `json:"rotations"`
	StaleReads         uint64            `json:"stale_reads"` // one for each ServedStale
	Evictions          uint64            `json:"evictions"`
	DecodeFailures     uint64            `json:"decode_failures"`
	Rejections         uint64            `json:"rejections"`
	SealedFileFailures uint64            `json:"sealed_file_failures"`

	// SourceDown reports whether the source can't answer: the fetches of two secrets failed by
	// ErrUnavailable or ErrTimeout, and no fetch was answered since. One secret is enough if no
	// other was ever fetched. A refusal is an answer. Throttling says neither.
	SourceDown bool `json:"source_down"`
	// Answered is when the source last gave a secret; it moves at no failure.
	Answered time.Time `json:"answered,omitzero"`
}

// Observe implements [Observer].
func (c *Counts) Observe(_ context.Context, e Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.totals
	switch e := e.(type) {
	case Fetched:
		t.Fetches++
		t.FetchSeconds += e.Took.Seconds()
		t.Answered = time.Now()
		c.meet(e.Secret)
		c.answered()
	case FetchFailed:
		if t.FetchFailures == nil {
			t.FetchFailures = map[string]uint64{}
		}
		t.FetchFailures[secret.Class(e.Err)]++
		t.FetchSeconds += e.Took.Seconds()
		c.meet(e.Secret)
		c.fail(e.Secret, e.Err)
	case Rotated:
		t.Rotations++
	case ServedStale:
		t.StaleReads++
	case Evicted:
		t.Evictions++
	case DecodeFailed:
		t.DecodeFailures++
	case Rejected:
		t.Rejections++
	case SealedFileFailed:
		t.SealedFileFailures++
	}
}

// meet notes that s was fetched.
func (c *Counts) meet(s Secret) {
	s.VersionID = ""
	if c.first == (Secret{}) {
		c.first = s
	}
	c.isSeveral = c.isSeveral || c.first != s
}

func (c *Counts) answered() { c.failing, c.totals.SourceDown = Secret{}, false }

// outages and refusals are the kinds of errors that say whether the source answers.
var (
	outages  = []error{secret.ErrUnavailable, secret.ErrTimeout}
	refusals = []error{secret.ErrNotFound, secret.ErrDeleted, secret.ErrAccessDenied, secret.ErrDecryption, secret.ErrInvalidRequest}
)

// fail notes what a failed fetch says of the source.
func (c *Counts) fail(s Secret, err error) {
	is := func(kind error) bool { return errors.Is(err, kind) }
	s.VersionID = ""
	switch {
	case is(secret.ErrThrottled), is(context.Canceled):
	case slices.ContainsFunc(outages, is):
		if c.failing == (Secret{}) {
			c.failing = s
		}
		if !c.isSeveral || c.failing != s {
			c.totals.SourceDown = true
		}
	case slices.ContainsFunc(refusals, is):
		c.answered()
	}
}

// Totals returns what was counted so far.
func (c *Counts) Totals() Totals {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.totals
	t.FetchFailures = maps.Clone(t.FetchFailures)
	return t
}

// String returns the Totals as JSON.
func (c *Counts) String() string {
	text, err := json.Marshal(c.Totals())
	if err != nil {
		return "null"
	}
	return string(text)
}
