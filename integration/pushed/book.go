package pushed

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A book has the rotations, and when each process saw them.
type book struct {
	processes int

	mu        sync.Mutex // guards the rotations too
	rotations map[string]*rotated
	order     []*rotated
	missed    int                // how many events of the kind notify.Missed have come
	unchecked map[check]struct{} // those that have not been made yet
	checked   chan struct{}      // has an element when unchecked has become empty
}

// A check is the fetch of one secret by one process after an event of the kind notify.Missed.
type check struct {
	process int
	name    string
}

// A rotated secret has a new version.
type rotated struct {
	began time.Time
	sent  chan struct{} // closed when the carrier has been given the event, or has failed to take it
	done  chan struct{} // closed when each process has the version

	by   []sighting // of each process
	left int        // how many processes do not have the version
}

// A sighting says when a process had a version.
type sighting struct {
	heard bool // whether its event had come before the value, or has come if there is no value
	seen  bool
	after time.Duration // from the rotation to the value
}

func newBook(processes int) *book {
	return &book{
		processes: processes, rotations: map[string]*rotated{},
		unchecked: map[check]struct{}{}, checked: make(chan struct{}, 1),
	}
}

// begin notes that a rotation to a version begins now.
func (b *book) begin(version string) *rotated {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &rotated{
		began: time.Now(), sent: make(chan struct{}), done: make(chan struct{}),
		by: make([]sighting, b.processes), left: b.processes,
	}
	b.rotations[version] = r
	b.order = append(b.order, r)
	return r
}

// send notes that the carrier has been given the event.
func (b *book) send(version string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.rotations[version]; r != nil {
		close(r.sent)
	}
}

// hear notes that an event has come to a process.
func (b *book) hear(process int, version string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.rotations[version]; r != nil && !r.by[process].seen {
		r.by[process].heard = true
	}
}

// miss notes that a process has missed events, and is to fetch all secrets.
func (b *book) miss(process int, names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.missed++
	for _, name := range names {
		b.unchecked[check{process, name}] = struct{}{}
	}
}

// fetch notes that a process has fetched a secret.
func (b *book) fetch(process int, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := len(b.unchecked)
	delete(b.unchecked, check{process, name})
	if before == 1 && len(b.unchecked) == 0 {
		select {
		case b.checked <- struct{}{}:
		default:
		}
	}
}

// settle waits until nothing is unchecked.
func (b *book) settle(ctx context.Context) error {
	for {
		b.mu.Lock()
		left := len(b.unchecked)
		b.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-b.checked:
		case <-ctx.Done():
			return fmt.Errorf("%d secrets were not looked at after events were missed: %w", left, ctx.Err())
		}
	}
}

// see notes that a process has a version.
func (b *book) see(process int, version string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rotations[version]
	if r == nil || r.by[process].seen {
		return
	}
	r.by[process].seen, r.by[process].after = true, time.Since(r.began)
	if r.left--; r.left == 0 {
		close(r.done)
	}
}

// count adds what the book has to a result.
func (b *book) count(to *Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	to.Missed += b.missed
	for _, r := range b.order {
		to.Rotations++
		for _, by := range r.by {
			switch {
			case by.seen:
				to.Staleness = append(to.Staleness, by.after)
				if !by.heard {
					to.Lost++
					to.Found++
				}
			case by.heard:
				to.Unseen++
			default:
				to.Unseen++
				to.Lost++
			}
		}
	}
}
