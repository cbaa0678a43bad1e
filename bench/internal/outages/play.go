package outages

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// A Plan says how long an outage takes, and what it meets.
type Plan struct {
	Secrets      int           // each read once a second
	Lasts        time.Duration // more than twice the TTL
	TTL          time.Duration
	FetchTimeout time.Duration // of this library
}

const (
	// Deadline is that of each read.
	Deadline = 2 * time.Second
	every    = time.Second
	// atMost is how long the play waits after the outage for all to be fresh.
	atMost = 20 * time.Minute
)

// A Seen is what the readers of some secrets saw of an outage.
type Seen struct {
	Calls int // in the outage
	Peak  int // calls in a second, also after the outage
	Warm  Reads
	Cold  Reads
	// Fresh is how long after the outage the last of the secrets was read in the version
	// that it got in the middle of the outage. It is 0 if all were read so before.
	Fresh time.Duration
}

// Reads are those of some readers, until all secrets are fresh again after the outage.
type Reads struct {
	Readers       int
	Reads, Errors int // in the outage
	Late          int // errors after the outage
	Longest       time.Duration
	First         error // of the Errors
}

// A Result is what the readers saw of the secrets that an outage touches, and of the others.
type Result struct{ Touched, Spared Seen }

// A world is what a play happens in. Its first region is the one that an outage strikes.
type world struct {
	layout  layout
	regions []*region
	ids     []string
	running sync.WaitGroup
}

// Play plays one outage for one client. It must run in a bubble. The readers of what has a
// last good value read from the start on; those of what never was read begin in the middle
// of the outage, when each secret gets a new version.
//
// Each secret has one reader, which reads again when its read has returned: a goroutine that
// waits for the mutex of AWS's client would keep the time of the bubble from going on.
func Play(t *testing.T, o Outage, c Client, p Plan) (Result, error) {
	w, err := newWorld(t, o.regions, p.Secrets)
	if err != nil {
		return Result{}, err
	}
	s, err := c.open(t.Context(), w, p)
	if err != nil {
		return Result{}, err
	}
	defer s.close()
	ctx, cancel := context.WithCancel(t.Context())
	defer func() { cancel(); w.running.Wait() }()
	begins := time.Now().Add(p.TTL * 3 / 2)
	var readers []*reader
	start := func(isCold bool) {
		for i, id := range w.ids {
			if isCold == strings.Contains(id, cold) {
				r := &reader{id: id, isCold: isCold, begins: begins, ends: begins.Add(p.Lasts), get: s.reader(id, !isCold || i%2 == 0)}
				readers = append(readers, r)
				w.running.Go(func() { r.run(ctx, every*time.Duration(i)/time.Duration(len(w.ids))) })
			}
		}
	}
	start(false)
	time.Sleep(time.Until(begins))
	for _, r := range readers {
		if err := r.failed(); err != nil {
			return Result{}, fmt.Errorf("%s before the outage: %s: %w", c.Name, r.id, err)
		}
	}
	end := o.strike(t, w)
	time.Sleep(p.Lasts / 2)
	w.rotate(t)
	start(true)
	ended := begins.Add(p.Lasts)
	time.Sleep(time.Until(ended))
	end()
	for time.Since(ended) < atMost && !areFresh(readers) {
		time.Sleep(time.Second)
	}
	time.Sleep(time.Second) // the present second counts whole
	spares := func(id string) bool { return !o.touches(id) }
	return Result{w.seen(readers, o.touches, begins, ended), w.seen(readers, spares, begins, ended)}, nil
}

// cold is in the IDs of the secrets that are not read before the middle of the outage.
const cold = "/cold-"

// newWorld makes the regions for a layout, n secrets, and four that are not read at first. A
// quarter of both has another key.
func newWorld(t *testing.T, l layout, n int) (*world, error) {
	server := newServer(t)
	w := &world{layout: l, regions: []*region{newRegion(west, server)}}
	switch l {
	case two:
		w.regions = append(w.regions, newRegion(central, newServer(t)))
	case replicated:
		w.regions = append(w.regions, newRegion(central, server))
	}
	for i := range n + 4 {
		name, key := fmt.Sprintf("/secret-%02d", i), ""
		if i >= n {
			name = fmt.Sprint(cold, i-n)
		}
		home := w.regions[0]
		if l == two && i%2 == 1 {
			home = w.regions[1]
		}
		if i%4 == 3 {
			key = ofOtherKey
		}
		id := home.name + name + key
		home.seed(t, id)
		w.ids = append(w.ids, id)
		if l == replicated {
			if err := home.replicate(t.Context(), id, central); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

// rotate gives each secret its next version.
func (w *world) rotate(t *testing.T) {
	for _, id := range w.ids {
		if home, err := regionOf(w.regions, id); err == nil {
			home.rotate(t, id)
		}
	}
}

// A reader reads a secret once a second.
type reader struct {
	id     string
	isCold bool
	begins time.Time // the outage
	ends   time.Time
	get    func(context.Context) (source.Creds, error)

	mu    sync.Mutex // guards the fields below
	seen  Reads
	fresh time.Time // when it first got version 1; zero if it has not
	err   error     // the first one before the outage
}

// run reads until ctx is done.
func (r *reader) run(ctx context.Context, offset time.Duration) {
	time.Sleep(offset)
	for next := time.Now(); ctx.Err() == nil; {
		asked := time.Now()
		timed, cancel := context.WithTimeout(ctx, Deadline)
		v, err := r.get(timed)
		cancel()
		if ctx.Err() != nil {
			return
		}
		r.note(asked, v.Version(), err)
		for !next.After(time.Now()) {
			next = next.Add(every)
		}
		select {
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
		}
	}
}

func (r *reader) note(asked time.Time, version int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if err == nil && version == 1 && r.fresh.IsZero() {
		r.fresh = now
	}
	if !now.After(r.begins) {
		if r.err == nil {
			r.err = err
		}
		return
	}
	r.seen.Longest = max(r.seen.Longest, now.Sub(asked))
	switch {
	case now.After(r.ends) && err != nil:
		r.seen.Late++
	case now.After(r.ends):
	case err != nil:
		r.seen.Errors++
		if r.seen.First == nil {
			r.seen.First = err
		}
		fallthrough
	default:
		r.seen.Reads++
	}
}

// failed returns the first error before the outage.
func (r *reader) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func areFresh(readers []*reader) bool {
	for _, r := range readers {
		r.mu.Lock()
		is := !r.fresh.IsZero()
		r.mu.Unlock()
		if !is {
			return false
		}
	}
	return true
}

// seen sums up what the readers of some secrets saw of an outage.
func (w *world) seen(readers []*reader, of func(id string) bool, began, ended time.Time) Seen {
	var s Seen
	for _, r := range readers {
		if !of(r.id) {
			continue
		}
		r.mu.Lock()
		reads := &s.Warm
		if r.isCold {
			reads = &s.Cold
		}
		reads.add(r.seen)
		if r.fresh.IsZero() {
			s.Fresh = atMost
		} else {
			s.Fresh = max(s.Fresh, r.fresh.Sub(ended))
		}
		r.mu.Unlock()
	}
	var sums []int
	for _, r := range w.regions {
		for i, n := range r.perSecond(of, began, time.Now()) {
			if i == len(sums) {
				sums = append(sums, 0)
			}
			sums[i] += n
		}
	}
	for i, n := range sums {
		s.Peak = max(s.Peak, n)
		if i < int(ended.Sub(began)/time.Second) {
			s.Calls += n
		}
	}
	return s
}

func (r *Reads) add(one Reads) {
	r.Readers++
	r.Reads += one.Reads
	r.Errors += one.Errors
	r.Late += one.Late
	r.Longest = max(r.Longest, one.Longest)
	if r.First == nil {
		r.First = one.First
	}
}
