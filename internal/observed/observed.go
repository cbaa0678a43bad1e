// Package observed keeps a cache's events for tests.
package observed

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/hook"
)

// A Journal is an Observer that keeps every event. The zero Journal is ready for
// use.
type Journal struct {
	mu      sync.Mutex // guards records
	records []Record
}

// A Record is an event and the time at which it was reported.
type Record struct {
	Event hook.Event
	At    time.Time
}

// Observe implements [hook.Observer].
func (j *Journal) Observe(_ context.Context, e hook.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records = append(j.records, Record{e, time.Now()})
}

// Records returns all events, in their order.
func (j *Journal) Records() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.records)
}

// Of returns the events of one type, in their order.
func Of[E hook.Event](j *Journal) (found []E) {
	for _, r := range j.Records() {
		if e, ok := r.Event.(E); ok {
			found = append(found, e)
		}
	}
	return found
}
