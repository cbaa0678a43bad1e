// Package chaos plays random sequences of faults against the library and holds what it
// returns against a model of what it may return. Each sequence runs in a bubble of
// testing/synctest and is drawn from its seed, so that one that fails can be replayed.
package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/world"
)

// A Result is what came of a sequence.
type Result struct {
	Violations []string
	Trace      []string
	Faults     map[string]int // injected, by kind
	Checks     map[string]int // by promise
}

// The promises that are checked.
const (
	rightValue   = "no wrong or torn value"
	neverOlder   = "never an older version after a newer one"
	inTime       = "no Get outlasts its context"
	withBackoff  = "one fetch at a time, and none within the back-off"
	freshOrTried = "past its TTL only after a try to refresh it"
	noLeak       = "no secret in an error, event or printed form"
	closedIsOver = "after Close all is over"
)

// Promises are those that are checked.
var Promises = []string{rightValue, neverOlder, inTime, withBackoff, freshOrTried, noLeak, closedIsOver}

// A Mutation breaks the system on purpose, to see that the model notices.
type Mutation string

// What a Mutation breaks.
const (
	Tear       Mutation = "a source mixes two values"
	Older      Mutation = "a handle returns an older version"
	Hammer     Mutation = "the source is asked within the back-off"
	Leak       Mutation = "an error quotes the secret"
	Outlast    Mutation = "a Get outlasts its context"
	NoMutation Mutation = ""
)

// run is one sequence that is being played.
type run struct {
	t       *testing.T
	mutated Mutation
	rng     *rand.Rand // the driver's own, before the actors start
	key     [2]uint64  // of all streams
	sim     *world.Simulation
	svc     *service
	c       *cache.Cache
	cfg     cache.Config
	start   time.Time
	ids     []string
	handles []*handle
	rough   int // how many fetches of 16 have a fault

	mu     sync.Mutex // guards what follows
	res    *Result
	lines  []line
	fetch  map[cache.Ref]*fetching
	counts map[string]uint64 // of the draws of each stream
	jumped time.Duration     // when a clock was last set
	closed bool
	closes time.Duration // when Close was called
}

// fetching is what is known of the fetches of one secret.
type fetching struct {
	flying  int
	failed  bool
	at      [2]int64 // the clocks at the last failure
	retryIn time.Duration
}

// Play plays the ith sequence of a seed.
func Play(t *testing.T, seed uint64, i int, mutated Mutation) (res *Result) {
	res = &Result{Faults: map[string]int{}, Checks: map[string]int{}}
	r := &run{
		t: t, mutated: mutated, key: [2]uint64{seed, uint64(i)}, rng: rand.New(rand.NewPCG(seed, uint64(i))),
		res: res, fetch: map[cache.Ref]*fetching{}, counts: map[string]uint64{},
	}
	defer func() {
		if v := recover(); v != nil { // the bubble's, when goroutines are left
			r.violate(closedIsOver, fmt.Sprintf("panic: %v", v))
		}
		res.Trace = r.sorted()
	}()
	synctest.Test(t, func(t *testing.T) {
		r.t = t
		r.play()
	})
	return res
}

func (r *run) play() {
	r.start = time.Now()
	// Drawn from the time, so that who draws first of two who draw at the same time
	// changes nothing.
	r.sim = &world.Simulation{Chance: func() uint64 {
		return rand.NewPCG(r.key[0]^r.key[1]<<32, uint64(time.Since(r.start))).Uint64()
	}}
	defer world.Simulate(r.sim)()
	r.ids = []string{"a", "b", "c", "d"}[:2+r.rng.IntN(3)]
	r.svc = newService(r.ids)
	r.rough = []int{0, 2, 6, 12}[r.rng.IntN(4)]
	r.configure()
	r.makeHandles()
	var actors sync.WaitGroup
	for a := range 2 + r.rng.IntN(3) {
		actors.Go(func() { r.act(r.actor(fmt.Sprint("actor ", a))) })
	}
	actors.Go(func() { r.disturb(r.actor("world")) })
	actors.Wait()
	r.close()
	r.afterClose()
}

// configure draws the cache's settings.
func (r *run) configure() {
	pick := func(ds ...time.Duration) time.Duration { return ds[r.rng.IntN(len(ds))] }
	r.cfg = cache.Config{
		TTL: pick(0, time.Minute, 10*time.Second), FetchTimeout: pick(0, 2*time.Second, time.Second),
		MaxSize: []int{0, 1, 2}[r.rng.IntN(3)], MinRefreshInterval: pick(0, time.Nanosecond, 5*time.Second),
		NoRefreshAhead: r.rng.IntN(4) == 0, CheckClock: r.rng.IntN(3) == 0,
		Backoff:  backoff.Policy{Base: pick(0, 100*time.Millisecond), Jitter: backoff.Jitter(r.rng.IntN(3))},
		Observer: hook.ObserverFunc(r.observe),
	}
	if r.rng.IntN(4) == 0 {
		r.cfg.Hook = &scrambler{r}
	}
	if r.rng.IntN(4) == 0 {
		limit := pick(time.Second, time.Minute)
		r.cfg.StaleIfError = func(_ error, age time.Duration) bool {
			if r.hits("StaleIfError", 20) {
				r.fault("StaleIfError panic")
				panic(mark)
			}
			return age < limit
		}
	}
	var from cache.Source = r.svc
	if r.rng.IntN(8) == 0 {
		from = r.sdk()
	}
	c, err := cache.New(&watched{r, from}, r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.c = c
	r.trace("settings", fmt.Sprintf("TTL %v, FetchTimeout %v, MaxSize %d, MinRefreshInterval %v, no refresh-ahead %v, CheckClock %v, %+v, Hook %v, StaleIfError %v",
		r.cfg.TTL, r.cfg.FetchTimeout, r.cfg.MaxSize, r.cfg.MinRefreshInterval, r.cfg.NoRefreshAhead, r.cfg.CheckClock, r.cfg.Backoff,
		r.cfg.Hook != nil, r.cfg.StaleIfError != nil))
}

// stream returns the next of a stream of draws that belongs to a name, so that who draws
// first of two who draw at the same time changes nothing.
func (r *run) stream(name string) *rand.Rand {
	r.mu.Lock()
	r.counts[name]++
	n := r.counts[name]
	r.mu.Unlock()
	h := fnv.New64a()
	fmt.Fprint(h, r.key, name)
	return rand.New(rand.NewPCG(h.Sum64(), n))
}

// hits is true once in n times, for what is of this name.
func (r *run) hits(name string, n int) bool { return r.stream(name).IntN(n) == 0 }

func (r *run) fault(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.res.Faults[kind]++
}

func (r *run) check(promise string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.res.Checks[promise]++
}

func (r *run) violate(promise, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.res.Violations = append(r.res.Violations, promise+": "+what)
}

func (r *run) trace(who, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line{time.Since(r.start), who, what})
}

// A line is one of the trace. Who comes first of two at the same time is chance, and says
// nothing.
type line struct {
	at        time.Duration
	who, what string
}

func (r *run) sorted() (trace []string) {
	slices.SortStableFunc(r.lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.who, b.who))
	})
	for _, l := range r.lines {
		trace = append(trace, fmt.Sprintf("%12v %-8s %s", l.at, l.who, l.what))
	}
	return trace
}

// clocks reads the wall clock and the monotonic one of the simulation.
func (r *run) clocks() [2]int64 {
	wall, mono := world.Clocks(r.start)
	return [2]int64{wall, mono}
}

// since is by the clock on which it is longer, as the cache has it.
func (r *run) since(at [2]int64) time.Duration {
	now := r.clocks()
	return time.Duration(max(now[0]-at[0], now[1]-at[1]))
}

// silent checks that nothing of a secret is in what is printed.
func (r *run) silent(v any) {
	r.check(noLeak)
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(verb, v); strings.Contains(text, mark[:6]) {
			r.violate(noLeak, fmt.Sprintf("a %T printed with %s", v, verb))
		}
	}
	switch e := v.(type) {
	case interface{ Unwrap() error }:
		if e.Unwrap() != nil {
			r.silent(e.Unwrap())
		}
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			r.silent(err)
		}
	}
}

// close closes the cache, which must not take longer than what hangs past its context.
func (r *run) close() {
	r.mu.Lock()
	if !r.closed {
		r.closed, r.closes = true, time.Since(r.start)
	}
	r.mu.Unlock()
	r.c.Close()
}

func (r *run) afterClose() {
	r.check(closedIsOver)
	for _, h := range r.handles {
		if _, err := h.get(context.Background()); !errors.Is(err, cache.ErrClosed) {
			r.violate(closedIsOver, fmt.Sprintf("%s returned %v", h.name, err))
		}
	}
	before := len(r.lines)
	time.Sleep(2 * time.Hour)
	if len(r.lines) != before {
		r.violate(closedIsOver, "something went on: "+r.lines[before].what)
	}
}
