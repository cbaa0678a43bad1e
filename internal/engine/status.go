package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
	"weak"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/status"
)

// statusAtOnce is how many secrets a Status looks at before it lets readers have the lock.
const statusAtOnce = 64

// Status is Status of package cache.
func (c *Cache) Status() status.Cache {
	s := status.Cache{At: time.Now(), Secrets: []status.Secret{}}
	if c == nil || c.source == nil {
		s.Closed = true
		return s
	}
	entries := withHandles(c.statusOfSelf(&s))
	slices.SortFunc(entries, func(a, b *Entry) int { // not the statuses, which are larger
		x, y := a.ref(), b.ref()
		return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Stage, y.Stage), cmp.Compare(x.VersionID, y.VersionID))
	})
	s.Secrets = make([]status.Secret, 0, len(entries))
	for chunk := range slices.Chunk(entries, statusAtOnce) {
		s.Secrets = append(s.Secrets, c.statusOf(chunk)...)
	}
	return s
}

// withHandles returns the entries and those of living handles, each key once. Called without mu,
// since to look at thousands of weak pointers takes long.
func withHandles(all []*Entry, handles []weak.Pointer[Entry]) []*Entry {
	has := make(map[string]bool, len(all))
	for _, e := range all {
		has[e.key] = true
	}
	for _, held := range handles {
		if e := held.Value(); e != nil && !has[e.key] {
			has[e.key] = true
			all = append(all, e)
		}
	}
	return all
}

// statusOfSelf says in s what concerns no single secret, and returns what entriesAndHandles does.
func (c *Cache) statusOfSelf(s *status.Cache) (all []*Entry, handles []weak.Pointer[Entry]) {
	var why []error
	defer func() { s.Backends = withErrors(s.Backends, why) }()
	s.Source, s.MaxSize, s.Hooked = fmt.Sprintf("%T", c.source), c.cfg.MaxSize, c.cfg.Hook != nil
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Closed = c.closed; s.Closed {
		return nil, nil
	}
	s.Size, s.Requests, s.Queued, s.Abandoned = c.recent.len(), c.requests, c.waiting(), c.abandoned
	s.Fetches, s.Evictions = c.fetched, c.evictions
	if c.sealed != nil {
		s.Sealed, s.Unsaved = c.sealed.file.Path(), c.sealed.outdated
	}
	s.Backends, why = c.backendsNow()
	if c.lastEventAt != (instant{}) {
		s.LastEvent = time.Unix(0, c.lastEventAt.wall)
	}
	return c.entriesAndHandles()
}

// entriesAndHandles returns the entries that are kept and those of handles. Called with mu held; it
// lets readers have the lock between some of the latter.
func (c *Cache) entriesAndHandles() (all []*Entry, handles []weak.Pointer[Entry]) {
	all = c.recent.entries()
	if c.aside != nil {
		all = append(all, c.aside.entries()...)
	}
	handles = make([]weak.Pointer[Entry], 0, len(c.named))
	for _, held := range c.named { // a loop over a map may go on after others changed it
		if handles = append(handles, held); len(handles)%statusAtOnce == 0 {
			c.mu.Unlock()
			c.mu.Lock()
		}
	}
	return all, handles
}

// backendsNow returns what is known of the backends, and why their last requests got no answer. It
// leaves out the lane without a name if the source has named the backends of all. Called with mu held.
func (c *Cache) backendsNow() (all []status.Backend, why []error) {
	at := func(i instant) (t time.Time) {
		if i != (instant{}) {
			t = time.Unix(0, i.wall)
		}
		return t
	}
	for _, l := range c.lanes {
		if l.name == "" && len(c.lanes) > 1 && !l.isUsed {
			continue
		}
		all = append(all, status.Backend{
			Name: l.name, Down: l.isDown(), Since: at(l.since), Answered: at(l.answered), Requests: l.requests, Queued: l.waiting(),
		})
		why = append(why, l.err)
	}
	return all, why
}

// withErrors adds the errors of the backends that are down, and sorts them. Called without mu,
// since the methods of a source's error may do anything.
func withErrors(all []status.Backend, why []error) []status.Backend {
	for i := range all {
		if b := &all[i]; b.Down && why[i] != nil {
			b.Error, b.Class = why[i].Error(), secret.Class(why[i])
		}
	}
	slices.SortFunc(all, func(a, b status.Backend) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// IsClosed reports whether Close was called.
func (c *Cache) IsClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Status returns what is known of the secret.
func (e *Entry) Status() status.Secret { return e.cache.statusOf([]*Entry{e})[0] }

// known is what statusOf reads with the lock held.
type known struct {
	state   state
	ruling  ruling
	snap    *Snapshot
	failure *failure
	named   bool
	backend string

	invalidated instant // when the value was invalidated; zero if that is unknown
	lastEvent   time.Time
}

// statusOf returns what is known of each of entries.
func (c *Cache) statusOf(entries []*Entry) []status.Secret {
	all := make([]known, len(entries))
	now := c.now()
	c.mu.Lock()
	for i, e := range entries {
		st := c.stateOf(e, now)
		all[i] = known{st, c.policy.read(st, false), e.snap.Load(), e.failure(), e.named, e.toLane().name, e.invalidated(), e.lastEvent()}
	}
	c.mu.Unlock()
	secrets := make([]status.Secret, len(entries))
	for i, e := range entries {
		secrets[i] = all[i].status(e, now, c.cfg.TTL)
	}
	return secrets
}

// status says k in words. Its times are those of the wall clock.
func (k *known) status(e *Entry, now instant, ttl time.Duration) status.Secret {
	at := func(i instant) time.Time { return time.Unix(0, i.wall) }
	ref := e.ref()
	s := status.Secret{ID: ref.ID, Stage: ref.Stage, PinnedVersion: ref.VersionID, HasHandle: k.named, Backend: k.backend, Fetching: k.state.inFlight, LastEvent: k.lastEvent}
	if snap := k.snap; snap != nil {
		v := snap.details.value(ref.ID)
		s.Name, s.ARN, s.Version, s.Stages, s.Created, s.Replica = v.Name, v.ARN, v.VersionID, v.Stages, v.Created, v.Replica
		s.Fetched = at(snap.at)
		if s.AgeSeconds = k.state.age.Seconds(); k.state.age == math.MaxInt64 {
			s.AgeSeconds = -1
		}
	}
	if f := k.failure; f != nil {
		s.Error, s.Class, s.Failures, s.FailingSince = f.err.Err.Error(), secret.Class(f.err), f.count, at(f.first)
	}
	if k.ruling.fetchIn < never {
		s.NextFetch = at(now).Add(max(0, k.ruling.fetchIn))
	}
	switch k.ruling.verdict {
	case absent:
		s.State = status.Absent
	case refused:
		s.State, s.Since = status.Refused, at(k.failure.first)
	case fresh:
		if s.State, s.Since = status.Fresh, s.Fetched; k.state.age >= k.state.due {
			s.State, s.Since = status.Due, s.Fetched.Add(k.state.due)
		}
	default:
		if s.State, s.Since = status.Stale, s.Fetched.Add(ttl); k.invalidated != (instant{}) {
			if invalidated := at(k.invalidated); invalidated.Before(s.Since) {
				s.Since = invalidated
			}
		}
	}
	return s
}
