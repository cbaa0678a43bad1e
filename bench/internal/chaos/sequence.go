// Package chaos tests the library with random sequences of faults, and compares its results
// with a model of what it may return. Each sequence runs in a bubble of testing/synctest.
// All its draws come from a seed, so a sequence that fails can be replayed.
package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"reflect"
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
	"github.com/typedsecret/typedsecret/secret"
)

// A Result is the result of a sequence.
type Result struct {
	Violations []string
	Trace      func() []string
	Faults     map[string]int // the number of injected faults, by kind
	Checks     map[string]int // the number of checks, by promise
}

// These are the promises that are checked.
const (
	rightValue    = "no wrong or torn value"
	neverOlder    = "never an older version after a newer one"
	inTime        = "no Get outlasts its context"
	noWait        = "a warm Get waits for nothing"
	withBackoff   = "one fetch at a time, and none within the back-off"
	delays        = "delays are those of the policy"
	freshOrTried  = "past its TTL, replaced or invalidated only after a try to refresh it"
	isGiven       = "a reader that may have the last good value gets it, in time to use it"
	forcedAfter   = "after Invalidate the next fetch is a forced one"
	apart         = "fetches that Refresh forces are MinRefreshInterval apart, and those for Invalidate"
	staysForced   = "after a Refresh that failed each fetch is a forced one, until one succeeds"
	noEnd         = "a fetch does not end with its caller"
	noneBegun     = "a Preload whose context is done begins no fetch"
	sealedRight   = "the sealed file holds the last values, and the refusals"
	noLeak        = "no secret in an error, event or printed form"
	closedIsOver  = "nothing goes on after Close"
	bounded       = "no more than MaxSize are kept"
	staleLimited  = "past its TTL no value that StaleIfError refuses"
	itsValues     = "a fetch has the values of its caller"
	triesAgain    = "Do tries again within its budget"
	fewRequests   = "no more than 64 requests are under way"
	neverEarlier  = "never a value that was fetched before one that was returned"
	moveTogether  = "the stages of a secret move together"
	oneProbe      = "a source that can't answer is asked by one probe at a time"
	eventsBounded = "events bring no more fetches than their budget"
	ownBackoff    = "a Refresh of what is refused is held back by the delay of its own kind alone"
)

// Promises are all promises that are checked.
var Promises = []string{
	rightValue, neverOlder, inTime, noWait, withBackoff, delays, freshOrTried, isGiven, forcedAfter, staysForced, apart, noEnd, noneBegun, sealedRight, noLeak, closedIsOver,
	bounded, staleLimited, itsValues, triesAgain, fewRequests, neverEarlier, moveTogether, ownBackoff, oneProbe, eventsBounded,
}

// A Mutation breaks the system on purpose, to test that the model notices.
type Mutation string

// These are the mutations.
const (
	Tear       Mutation = "a source mixes two values"
	Older      Mutation = "a handle returns an older version"
	Hammer     Mutation = "a fetch begins within the back-off"
	Leak       Mutation = "an error quotes the secret"
	Outlast    Mutation = "a Get outlasts its context"
	Wait       Mutation = "a warm Get waits"
	Rush       Mutation = "a delay is another than the policy's"
	Forget     Mutation = "a replaced value is returned"
	Lose       Mutation = "a good value is lost, or a reader does not get it before its deadline"
	Dawdle     Mutation = "a reader waits for a refresh for most of its time"
	Unforced   Mutation = "the fetch after Invalidate is not forced"
	CutShort   Mutation = "a fetch ends with its caller"
	Undead     Mutation = "a Preload whose context is done begins a fetch"
	Hoard      Mutation = "more than MaxSize are kept"
	Careless   Mutation = "StaleIfError is not called"
	Blank      Mutation = "a fetch lacks the values of its caller's context"
	GiveUp     Mutation = "Do gives up at once"
	Resurrect  Mutation = "the sealed file has a deleted secret"
	Unmarked   Mutation = "the sealed file lacks a refusal"
	Throng     Mutation = "more requests than there are places for"
	Earlier    Mutation = "a handle returns a value that was fetched before the last one"
	Stray      Mutation = "a stage is not fetched again after another one has moved"
	HoldBack   Mutation = "a Refresh is held back by the delays of others"
	Flood      Mutation = "a source that is down is asked too soon"
	Heed       Mutation = "events bring more fetches than their budget"
	Starve     Mutation = "a value is not fetched again after an outage"
	NoMutation Mutation = ""
)

// Mutations are all mutations.
var Mutations = []Mutation{Tear, Older, Hammer, Leak, Outlast, Wait, Rush, Forget, Lose, Dawdle, Unforced, CutShort, Undead, Hoard, Careless, Blank, GiveUp, Resurrect, Unmarked, Throng, Earlier, Stray, HoldBack, Flood, Starve, Heed}

// run is a sequence that is being played.
type run struct {
	t       *testing.T
	mutated Mutation
	rng     *rand.Rand // the driver's draws before the actors start
	key     [2]uint64  // the key of all streams
	sim     *world.Simulation
	svc     *service
	c       *cache.Cache
	cfg     cache.Config
	start   time.Time
	ids     []string
	handles []*handle
	rough   int // how many fetches of 16 have a fault

	saved      *saved        // nil if there is no sealed file
	staleLimit time.Duration // the limit of StaleIfError; 0 means there is none
	hasCrowds  bool          // actors read many secrets at a time
	hasStages  bool          // there are handles of AWSPREVIOUS

	noHealth     bool       // the model does not know when the source is down
	mu           sync.Mutex // guards the fields below
	health       sourceHealth
	res          *Result
	lines        []line
	tick         int // the tick of the last moment
	known        map[string]*known
	printed      map[error]bool // the errors that were searched for secrets
	calls        int            // the number of calls of handles
	dead         map[int]bool   // the calls that must begin no fetch
	inInvalidate int            // the calls of Invalidate under way
	requests     int            // the requests under way at the source
	full         moment         // the last moment at which all places were taken
	ignoresMoves bool           // set while a judgement ignores moves of stages
	jumped       time.Duration  // when a clock was set last
	noticed      time.Duration  // the value of jumped at the last CheckNow
	noticedAt    time.Duration  // when the last CheckNow was
	closed       bool
	closing      moment // when Close was called
}

// Play plays the ith sequence of a seed.
func Play(t *testing.T, seed uint64, i int, mutated Mutation) (res *Result) {
	res = &Result{Faults: map[string]int{}, Checks: map[string]int{}}
	r := &run{
		t: t, mutated: mutated, key: [2]uint64{seed, uint64(i)}, rng: rand.New(rand.NewPCG(seed, uint64(i))),
		res: res, known: map[string]*known{}, dead: map[int]bool{}, printed: map[error]bool{},
	}
	defer func() {
		if v := recover(); v != nil { // the bubble panics when goroutines are left
			r.violate(closedIsOver, fmt.Sprintf("panic: %v", v))
		}
		res.Trace = r.sorted
	}()
	synctest.Test(t, func(t *testing.T) {
		r.t = t
		r.play()
	})
	return res
}

func (r *run) play() {
	r.start = time.Now()
	// The draws depend on the time. So the order of two draws at the same time does not
	// matter.
	r.sim = &world.Simulation{Chance: func() uint64 {
		return rand.NewPCG(r.key[0]^r.key[1]<<32, uint64(time.Since(r.start))).Uint64()
	}}
	defer world.Simulate(r.sim)()
	r.ids = []string{"a", "b", "c", "d"}[:2+r.rng.IntN(3)]
	r.svc = newService(r.ids)
	r.rough = []int{0, 2, 6, 12}[r.rng.IntN(4)]
	r.configure()
	r.makeHandles()
	r.hasCrowds = r.hits("crowds", 6)
	if r.hasStages = r.saved == nil && r.hits("stages", 3); r.hasStages {
		r.makeStages()
	}
	var actors sync.WaitGroup
	for a := range 2 + r.rng.IntN(3) {
		actors.Go(func() { r.act(r.actor(fmt.Sprint("actor ", a))) })
	}
	actors.Go(func() { r.disturb(r.actor("world")) })
	if r.hits("events", 3) {
		actors.Go(func() { r.carry(r.actor("carrier")) })
	}
	actors.Wait()
	r.close()
	r.afterClose()
	r.reopen()
}

// configure draws the cache's settings.
func (r *run) configure() {
	pick := func(ds ...time.Duration) time.Duration { return ds[r.rng.IntN(len(ds))] }
	r.cfg = cache.Config{
		TTL: pick(0, time.Minute, 10*time.Second), FetchTimeout: pick(0, 2*time.Second, time.Second),
		MaxRefreshWait: pick(0, 0, -1, 5*time.Second), MaxSize: []int{0, 1, 2}[r.rng.IntN(3)], MinRefreshInterval: pick(0, -1, 5*time.Second),
		NoRefreshAhead: r.rng.IntN(4) == 0, CheckClock: r.rng.IntN(3) == 0,
		Backoff:  backoff.Policy{Base: pick(0, 100*time.Millisecond), Jitter: backoff.Jitter(r.rng.IntN(3))},
		Observer: hook.ObserverFunc(r.observe),
	}
	if r.rng.IntN(4) == 0 {
		r.cfg.Hook = &scrambler{r}
	}
	if r.rng.IntN(4) == 0 {
		limit := pick(time.Second, time.Minute)
		r.staleLimit = limit
		r.cfg.StaleIfError = func(_ error, age time.Duration) bool {
			if r.hits("StaleIfError", 20) {
				r.fault("StaleIfError panic")
				panic(mark)
			}
			return age < limit || r.mutated == Careless
		}
	}
	var from secret.Source = r.svc
	if r.rng.IntN(8) == 0 {
		from = r.sdk()
	}
	var source secret.Source = &watched{r, from}
	if r.rng.IntN(2) == 0 {
		source = fetchingMany{&watched{r, from}}
		r.noHealth = true // several fetches are one piece of evidence
	}
	if r.rng.IntN(8) == 0 {
		r.save()
	}
	c, err := cache.New(source, r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.c = c
	r.trace("settings", "TTL %v, FetchTimeout %v, MaxRefreshWait %v, MaxSize %d, MinRefreshInterval %v, no refresh-ahead %v, CheckClock %v, %+v, Hook %v, StaleIfError %v",
		r.cfg.TTL, r.cfg.FetchTimeout, r.cfg.MaxRefreshWait, r.cfg.MaxSize, r.cfg.MinRefreshInterval, r.cfg.NoRefreshAhead, r.cfg.CheckClock, r.cfg.Backoff,
		r.cfg.Hook != nil, r.cfg.StaleIfError != nil)
}

// stream returns draws that depend on a name and the time. So the order of two draws at the
// same time does not matter.
func (r *run) stream(name string) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, r.key, name)
	return rand.New(rand.NewPCG(h.Sum64(), uint64(time.Since(r.start))))
}

// hits returns true once in n times, by the draws of this name.
func (r *run) hits(name string, n int) bool { return r.stream(name).IntN(n) == 0 }

func (r *run) fault(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.res.Faults[kind]++
}

func (r *run) check(promise string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checked(promise)
}

func (r *run) violate(promise, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violated(promise, what)
}

// broken begins each line of the trace about a broken promise.
const broken = "BROKEN: "

// checked and violated are check and violate for callers that hold r.mu.
func (r *run) checked(promise string) { r.res.Checks[promise]++ }

func (r *run) violated(promise, what string) {
	r.res.Violations = append(r.res.Violations, promise+": "+what)
	r.lines = append(r.lines, line{time.Since(r.start), "model", "%s", []any{broken + promise + ": " + what}})
}

func (r *run) trace(who, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line{time.Since(r.start), who, format, args})
}

// A line is a line of the trace. The order of two lines with the same time is random.
type line struct {
	at          time.Duration
	who, format string
	args        []any
}

func (l line) what() string { return fmt.Sprintf(l.format, l.args...) }

// isOne reports whether this actor is a single goroutine, so that its lines have an order.
func isOne(who string) bool { return who != "service" && who != "observer" }

func (r *run) sorted() (trace []string) {
	slices.SortStableFunc(r.lines, func(a, b line) int {
		if order := cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.who, b.who)); order != 0 || isOne(a.who) {
			return order
		}
		return cmp.Compare(a.what(), b.what())
	})
	for _, l := range r.lines {
		trace = append(trace, fmt.Sprintf("%12v %-8s %s", l.at, l.who, l.what()))
	}
	return trace
}

// clocks returns the simulation's wall clock and monotonic clock.
func (r *run) clocks() [2]int64 {
	wall, mono := world.Clocks(r.start)
	return [2]int64{wall, mono}
}

// silent checks that no printed form of v holds a part of a secret.
func (r *run) silent(v any) {
	r.check(noLeak)
	if err, ok := v.(error); ok && reflect.TypeOf(err).Kind() == reflect.Pointer { // many readers get the same error
		r.mu.Lock()
		seen := r.printed[err]
		r.printed[err] = true
		r.mu.Unlock()
		if seen {
			return
		}
	}
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

// close closes the cache. That must not take longer than a call that hangs past its
// context.
func (r *run) close() {
	r.mu.Lock()
	if !r.closed {
		r.closed, r.closing = true, r.moment()
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
		r.violate(closedIsOver, "something went on: "+r.lines[before].what())
	}
}
