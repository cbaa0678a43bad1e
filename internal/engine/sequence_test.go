package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// A machine drives a cache and the model by the same operations.
type machine struct {
	t       *testing.T
	c       *engine.Cache
	s       *service
	j       *observed.Journal
	m       *model
	start   time.Time
	rotated int
	evicted int // how many Evicted events were seen
	log     []string
}

// ids are the secrets; the last one does not exist.
var ids = []string{"a", "b", "c", "d", "e", "none"}

// steps are by how much time advances.
var steps = []time.Duration{
	1, time.Millisecond, engine.Tick - 1, engine.Tick, 999 * time.Millisecond, time.Second,
	4 * time.Second, 5 * time.Second, 7 * time.Second, 10*time.Second - 1, 10 * time.Second, time.Hour,
}

// runSequence interprets its input: the first byte is the configuration, each
// further one an operation.
func runSequence(t *testing.T, input []byte) {
	if len(input) == 0 {
		return
	}
	flags := input[0]
	const ttl = 10 * time.Second
	cfg := engine.Config{
		// A reader waits for the end of any interval here.
		MaxRefreshWait: 10 * time.Second,
		MaxSize:        3, TTL: ttl, NoRefreshAhead: flags&1 != 0, CheckClock: flags&2 != 0,
		Backoff: backoff.Policy{Base: time.Second, Growth: 2, Max: 8 * time.Second, Jitter: backoff.NoJitter},
	}
	if flags&4 != 0 {
		cfg.MinRefreshInterval = 6 * time.Second
	} else {
		cfg.MinRefreshInterval = time.Second
	}
	k := &machine{
		t: t, s: serving(ids[:len(ids)-1]...), j: &observed.Journal{}, start: time.Now(),
		m: &model{
			ttl: ttl, minRefresh: cfg.MinRefreshInterval, backoff: cfg.Backoff,
			ahead: !cfg.NoRefreshAhead, size: 3, exact: cfg.CheckClock, secrets: map[string]*remembered{},
		},
	}
	cfg.Observer = k.j
	k.c = open(t, k.s, cfg)
	for _, b := range input[1:] {
		k.step(b)
		if t.Failed() {
			t.Fatalf("after %q", k.log)
		}
	}
}

func (k *machine) step(b byte) {
	op, arg := int(b)/16, int(b)%16
	id := ids[arg%len(ids)]
	say := func(what any) { k.log = append(k.log, fmt.Sprintf("%v %v", what, id)) }
	switch op {
	case 0, 1, 2, 3, 4:
		say("get")
		k.read(id, false)
	case 5:
		say("get often")
		for range 20 {
			k.read(id, false)
		}
	case 6, 7:
		say("refresh")
		k.read(id, true)
	case 8:
		say("invalidate")
		err := k.c.Invalidate(ref(id))
		if k.m.closed != errors.Is(err, engine.ErrClosed) || !k.m.closed && err != nil {
			k.t.Errorf("Invalidate: %v", err)
		}
		k.m.invalidate(id)
	case 9:
		say("rotate")
		if id != "none" {
			k.rotated++
			k.s.rotate(id, fmt.Sprint("r", k.rotated))
		}
	case 10:
		if arg%2 == 0 {
			say("outage")
			k.s.fail(errDown)
		} else {
			say("recovery")
			k.s.mend()
		}
	case 15:
		if arg == 15 {
			say("close")
			k.c.Close()
			k.m.closed = true
		}
	default:
		d := steps[arg%len(steps)]
		say(d)
		time.Sleep(d)
		settle()
		k.m.now = time.Since(k.start)
	}
}

// read is a Get or a Refresh, and the comparison.
func (k *machine) read(id string, forced bool) {
	k.t.Helper()
	there := ""
	if k.s.err == nil && id != "none" {
		there = k.s.versions[id]
	}
	var want expectation
	ask := k.c.Get
	if forced {
		ask, want = k.c.Refresh, k.m.refresh(id, there)
	} else {
		want = k.m.get(id, there)
	}
	calls := k.s.count()
	v, err := ask(k.t.Context(), ref(id))
	settle()
	if waited := time.Since(k.start) - k.m.now; waited != want.waits && !k.m.closed {
		k.t.Errorf("waited %v, want %v", waited, want.waits)
	}
	k.m.now = time.Since(k.start)
	calls = k.s.count() - calls
	if k.m.closed {
		if !errors.Is(err, engine.ErrClosed) || calls != 0 {
			k.t.Errorf("closed: %v, %d calls", err, calls)
		}
		return
	}
	if calls < want.minCalls || calls > want.maxCalls {
		k.t.Errorf("%d calls, want %d to %d", calls, want.minCalls, want.maxCalls)
	}
	switch {
	case len(want.values) == 0:
		reason := errDown
		if id == "none" {
			reason = secret.ErrNotFound
		}
		if !errors.Is(err, reason) && !errors.Is(err, errDown) {
			k.t.Errorf("got %q, %v; want the error %v", v.VersionID, err, reason)
		}
	case err != nil || !slices.Contains(want.values, v.VersionID) || v.Payload.Reveal() != id+" "+v.VersionID:
		k.t.Errorf("got %q, %q, %v; want one of %q", v.VersionID, v.Payload.Reveal(), err, want.values)
	}
	evicted := ""
	if calls > 0 {
		evicted = k.m.fetched(id, there, forced, k.s.err != nil)
	}
	if err == nil {
		k.m.read(id)
	}
	k.compareEvicted(evicted)
}

// compareEvicted takes the cache's word for which secret was evicted, where the
// order is not exact, but not for whether.
func (k *machine) compareEvicted(want string) {
	events := observed.Of[hook.Evicted](k.j)[k.evicted:]
	k.evicted += len(events)
	if len(events) > 1 || len(events) == 0 != (want == "") {
		k.t.Errorf("evicted %v, want %q", events, want)
		return
	}
	if len(events) == 1 {
		got := events[0].ID
		if k.m.exact && got != want || !slices.Contains(k.m.order, got) {
			k.t.Errorf("evicted %q, want %q of %q", got, want, k.m.order)
			return
		}
		k.m.evict(got)
	}
	if n := k.c.Len(); n != len(k.m.order) {
		k.t.Errorf("%d are kept, want %q", n, k.m.order)
	}
	if n := k.c.Entries(); n != len(k.m.secrets) {
		k.t.Errorf("%d are remembered, want %d", n, len(k.m.secrets))
	}
}

func TestRandomSequencesMatchTheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sequences := 3000
	if testing.Short() {
		sequences = 500
	}
	for range sequences {
		input := make([]byte, 1+random.IntN(150))
		for i := range input {
			input[i] = byte(random.Uint32())
		}
		synctest.Test(t, func(t *testing.T) { runSequence(t, input) })
		if t.Failed() {
			t.Fatalf("input %x", input)
		}
	}
}

func FuzzSequence(f *testing.F) {
	f.Add([]byte{0, 0x00, 0xb7, 0x90, 0x00, 0x60, 0xa0, 0xba, 0x00, 0x60, 0xa1, 0xbb, 0x00, 0xff, 0x00})
	f.Add([]byte{1, 0x50, 0x51, 0x52, 0x53, 0xb3, 0x50, 0x80, 0x00, 0x54})
	f.Add([]byte{6, 0x05, 0x65, 0xb4, 0x05, 0x65, 0xb4, 0x05, 0x00, 0xa0, 0x01, 0x80, 0x00})
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 300 {
			return
		}
		synctest.Test(t, func(t *testing.T) { runSequence(t, input) })
	})
}
