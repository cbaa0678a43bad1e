package hook

import (
	"context"
	"encoding/json"
	"maps"
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
// Whether the source can answer is no event: cache.Cache.Status says it. The zero Counts is ready
// for use. Each Cache has one of its own.
type Counts struct {
	mu     sync.Mutex // guards totals
	totals Totals
}

// Totals is what a [Counts] has counted. As JSON it has the keys of its fields' tags, which stay.
type Totals struct {
	Fetches            uint64            `json:"fetches"`                  // that succeeded
	FetchFailures      map[string]uint64 `json:"fetch_failures,omitempty"` // by secret.Class
	FetchSeconds       float64           `json:"fetch_seconds"`            // that all fetches took together
	Rotations          uint64            `json:"rotations"`
	Announced          uint64            `json:"announced"`   // new versions that an event of notify had announced
	StaleReads         uint64            `json:"stale_reads"` // one for each ServedStale
	Evictions          uint64            `json:"evictions"`
	DecodeFailures     uint64            `json:"decode_failures"`
	Rejections         uint64            `json:"rejections"`
	SealedFileFailures uint64            `json:"sealed_file_failures"`

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
	case FetchFailed:
		if t.FetchFailures == nil {
			t.FetchFailures = map[string]uint64{}
		}
		t.FetchFailures[secret.Class(e.Err)]++
		t.FetchSeconds += e.Took.Seconds()
	case Rotated:
		t.Rotations++
	case Announced:
		t.Announced++
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
