package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/bench/internal/table"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secret"
)

// This is the timetable of a fleet with pushed rotations. After an hour, in which the processes
// fall out of step, the shared secret is rotated a few times. In the end come forged events.
const (
	pushedAt = time.Hour
	// PushedRotations is the number of rotations.
	PushedRotations = 4
	pushedEvery     = 75 * time.Minute
	forgedAt        = pushedAt + PushedRotations*pushedEvery
	forgedFor       = time.Minute
	forgedEnd       = forgedAt + 10*time.Minute

	// pushWindow is how long after a rotation the calls are counted as its own.
	pushWindow = 30 * time.Second
	// Lost is the part of the events that the carrier loses.
	Lost = 0.01
)

// A Carrier brings events from a rotation to the processes.
type Carrier struct {
	Bus time.Duration // what EventBridge takes
	Hop time.Duration // what the rest takes at most: a queue, a relay, a broker
}

// Mean is the mean time from a rotation until its event is at a process.
func (c Carrier) Mean() time.Duration { return c.Bus + c.Hop/2 }

// Pushed is what happened to a fleet with pushed rotations.
type Pushed struct {
	Carrier
	Processes int

	Told, Untold []time.Duration // from each rotation until each process had it, by whether the event came; sorted
	Peak         int             // the most calls in a second after a rotation
	Extra        float64         // calls a process and rotation, beyond those of the minutes before
	Forged       float64         // calls a process for the forged events, beyond those of the minutes before
}

// A member is a process of that fleet.
type member struct {
	cache *cache.Cache
	mu    sync.Mutex // guards the fields below
	told  bool       // the event of the last rotation has come, or is on its way
	saw   time.Duration
}

// PlayPushed runs the timetable for n processes. It must run in a bubble.
func PlayPushed(carrier Carrier, n int) *Pushed {
	region := newRegion(Quota)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rec := &Pushed{Carrier: carrier, Processes: n}
	fleet := make([]*member, n)
	var running sync.WaitGroup
	for i := range fleet {
		fleet[i] = newMember(region)
		running.Go(func() { fleet[i].run(ctx, i) })
	}
	until := func(at time.Duration) { time.Sleep(at - region.now()) }
	for k := range time.Duration(PushedRotations) {
		until(pushedAt + k*pushedEvery)
		rotated := region.now()
		region.set(func(r *Region) { r.version++ })
		announce(fleet, carrier, region.current(), Lost)
		until(pushedAt + (k+1)*pushedEvery)
		for _, m := range fleet {
			m.note(rec, rotated)
		}
	}
	for range int(forgedFor / time.Second) {
		announce(fleet, carrier, 1_000_000+rand.IntN(1_000_000), 0)
		time.Sleep(time.Second)
	}
	until(forgedEnd)
	cancel()
	running.Wait()
	for _, m := range fleet {
		m.cache.Close()
	}
	rec.count(region)
	return rec
}

func newMember(region *Region) *member {
	m := &member{}
	from := secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
		version, err := region.call(ctx, ref.ID)
		return secret.Value{Payload: secret.StringPayload(payload(version)), VersionID: source.VersionID(version), Name: ref.ID}, err
	})
	observe := hook.ObserverFunc(func(_ context.Context, e hook.Event) {
		if e, ok := e.(hook.Rotated); ok && e.ID == shared {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.saw = region.now()
		}
	})
	var err error
	if m.cache, err = cache.New(from, cache.Config{MaxSize: Secrets, Observer: observe}); err != nil {
		panic(err)
	}
	return m
}

// run reads all secrets of the process once a minute.
func (m *member) run(ctx context.Context, i int) {
	time.Sleep(rand.N(time.Second))
	for ctx.Err() == nil {
		_, _ = m.cache.Get(ctx, secret.Ref{ID: shared})
		for k := 1; k < Secrets; k++ {
			_, _ = m.cache.Get(ctx, secret.Ref{ID: fmt.Sprintf("own/%d/%d", i, k)})
		}
		time.Sleep(seldom/2 + rand.N(seldom))
	}
}

// announce tells the fleet that the shared secret has moved to a version.
func announce(fleet []*member, carrier Carrier, version int, lost float64) {
	e := notify.Event{
		Kind: notify.LabelMoved, Name: shared, Stages: []string{cache.DefaultStage},
		VersionID: source.VersionID(version), Time: time.Now().UTC().Truncate(time.Second),
	}
	for _, m := range fleet {
		m.mu.Lock()
		m.told = rand.Float64() >= lost
		if m.told {
			time.AfterFunc(carrier.Bus+rand.N(carrier.Hop), func() { _ = m.cache.HandleEvent(context.Background(), e) })
		}
		m.mu.Unlock()
	}
}

// note records when the process has seen a rotation. If it has not yet, that counts as the time
// until now.
func (m *member) note(rec *Pushed, rotated time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	took := m.saw - rotated
	if took < 0 {
		took = pushedEvery
	}
	if m.told {
		rec.Told = append(rec.Told, took)
	} else {
		rec.Untold = append(rec.Untold, took)
	}
}

// count counts the region's calls.
func (p *Pushed) count(region *Region) {
	slices.Sort(p.Told)
	slices.Sort(p.Untold)
	region.mu.Lock()
	defer region.mu.Unlock()
	calls := func(from, to time.Duration) (n int) {
		for _, s := range region.seconds[from/time.Second : min(int(to/time.Second), len(region.seconds))] {
			n += s.Calls
		}
		return n
	}
	const before = 10 * time.Minute
	extra := func(from, to time.Duration) float64 {
		usual := float64(calls(from-before, from)) * (to - from).Seconds() / before.Seconds()
		return (float64(calls(from, to)) - usual) / float64(p.Processes)
	}
	for k := range time.Duration(PushedRotations) {
		at := pushedAt + k*pushedEvery
		p.Extra += extra(at, at+pushWindow) / PushedRotations
		for _, s := range region.seconds[at/time.Second : (at+pushWindow)/time.Second] {
			p.Peak = max(p.Peak, s.Calls)
		}
	}
	p.Forged = extra(forgedAt, forgedEnd)
}

// at returns the time that a part of the rotations took at most; sorted has them all.
func at(sorted []time.Duration, part float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

// maxForged is the most calls that the forged events may cost a process: a burst, and one a minute.
const maxForged = eventBurst + float64((forgedEnd-forgedAt)/time.Minute)

const eventBurst = 5

// PushedTable is the table of several carriers, and reports whether all targets were met.
func PushedTable(records []*Pushed) (text string, met bool) {
	t := &table.Table{Head: []string{""}}
	for _, p := range records {
		t.Head = append(t.Head, fmt.Sprintf("EventBridge takes %v", p.Bus))
	}
	met = true
	for _, row := range pushedRows {
		cells := []string{row.name}
		for _, p := range records {
			v := row.of(p)
			cell := row.unit(v)
			if most, any := row.target(p); any && v <= most {
				cell += fmt.Sprintf(" (target %s met)", row.unit(most))
			} else if any {
				cell, met = cell+fmt.Sprintf(" (target %s **missed**)", row.unit(most)), false
			}
			cells = append(cells, cell)
		}
		t.Add(cells...)
	}
	return t.String(), met
}

// A pushedRow is a row of the table.
type pushedRow struct {
	name string
	unit func(float64) string
	of   func(p *Pushed) float64
	most func(p *Pushed) float64 // the target; nil if there is none
}

func (r pushedRow) target(p *Pushed) (most float64, any bool) {
	if r.most == nil {
		return 0, false
	}
	return r.most(p), true
}

var pushedRows = []pushedRow{
	{"event at the process, mean", duration, func(p *Pushed) float64 { return float64(p.Mean()) }, nil},
	{"new version at the process, mean", duration, func(p *Pushed) float64 { return float64(mean(p.Told)) }, func(p *Pushed) float64 { return float64(p.Mean() + 3*time.Second) }},
	{"50 %", duration, func(p *Pushed) float64 { return float64(at(p.Told, 0.5)) }, nil},
	{"99 %", duration, func(p *Pushed) float64 { return float64(at(p.Told, 0.99)) }, nil},
	{"99.9 %", duration, func(p *Pushed) float64 { return float64(at(p.Told, 0.999)) }, func(*Pushed) float64 { return float64(10 * time.Second) }},
	{"last", duration, func(p *Pushed) float64 { return float64(at(p.Told, 1)) }, nil},
	{"peak after a rotation, calls/s", number, func(p *Pushed) float64 { return float64(p.Peak) }, func(*Pushed) float64 { return Quota / 2 }},
	{"extra calls, per process and rotation", ratio, func(p *Pushed) float64 { return p.Extra }, nil},
	{"part of the events that were lost", ratio, func(p *Pushed) float64 { return float64(len(p.Untold)) / float64(len(p.Told)+len(p.Untold)) }, nil},
	{"new version after a lost event, mean", duration, func(p *Pushed) float64 { return float64(mean(p.Untold)) }, nil},
	{"last", duration, func(p *Pushed) float64 { return float64(at(p.Untold, 1)) }, func(*Pushed) float64 { return float64(ttl) }},
	{"extra calls by forged events, per process in 10 min", ratio, func(p *Pushed) float64 { return p.Forged }, func(*Pushed) float64 { return maxForged }},
}
