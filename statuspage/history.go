package statuspage

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
)

// A History remembers the latest events of each secret, for the timelines of a [Page]. Make it
// the Observer of the caches that the page shows, and give it to the page:
//
//	var history statuspage.History
//	c, err := cache.New(source, cache.Config{Observer: &history})
//	page := statuspage.New(statuspage.Config{Caches: []*cache.Cache{c}, History: &history})
//
// To have logs too, use [hook.Join]. The zero History is empty and ready. A History keeps at most
// 32 events of a secret, and those of at most 1,024 secrets; failures in a row are one event. It
// holds no secret value and no error's text. It is safe for concurrent use, and must not be copied.
type History struct {
	mu      sync.Mutex // guards what follows
	secrets map[historyKey]*past
	sealed  sealedFailure
}

const (
	maxEvents  = 32   // of a secret
	maxSecrets = 1024 // that have events
)

// A historyKey says what a program asks for. Events don't tell a version that is pinned from one
// that came, so all versions of an ID and stage share a key.
type historyKey struct{ id, stage string }

// A past is what is remembered of one secret, oldest first.
type past struct {
	events []event
}

// An event is something that happened to a secret, maybe several times in a row. Its JSON is part
// of the page's.
type event struct {
	Kind    kind      `json:"event"`
	At      time.Time `json:"at"`
	Last    time.Time `json:"last,omitzero"`          // if it happened several times
	Count   int       `json:"count,omitempty"`        // likewise
	Version string    `json:"version,omitempty"`      // the version concerned
	From    string    `json:"from,omitempty"`         // the version before a rotation
	Class   string    `json:"error_class,omitempty"`  // as secret.Class has it
	Took    float64   `json:"took_seconds,omitempty"` // the fetch
}

// end returns when the event last happened.
func (e event) end() time.Time {
	if e.Last.IsZero() {
		return e.At
	}
	return e.Last
}

// times returns how often the event happened.
func (e event) times() int { return max(e.Count, 1) }

// A kind is what happened, in one word.
type kind string

const (
	fetched     kind = "fetched"
	rotated     kind = "rotated"
	failed      kind = "failed"
	servedStale kind = "stale"
	undecodable kind = "undecodable"
	rejected    kind = "rejected"
)

// A sealedFailure is the last time that a sealed file could not be used.
type sealedFailure struct {
	Path  string    `json:"path"`
	At    time.Time `json:"at"`
	Error string    `json:"error"`
}

// Observe implements [hook.Observer].
func (h *History) Observe(_ context.Context, e hook.Event) {
	now := time.Now()
	switch e := e.(type) {
	case hook.Fetched:
		h.add(e.Secret, event{Kind: fetched, At: now, Took: e.Took.Seconds()})
	case hook.Rotated:
		h.add(e.Secret, event{Kind: rotated, At: now, From: e.From})
	case hook.FetchFailed:
		h.add(e.Secret, event{Kind: failed, At: now, Class: secret.Class(e.Err), Took: e.Took.Seconds()})
	case hook.ServedStale:
		h.add(e.Secret, event{Kind: servedStale, At: now, Class: secret.Class(e.Err)})
	case hook.DecodeFailed:
		h.add(e.Secret, event{Kind: undecodable, At: now})
	case hook.Rejected:
		h.add(e.Secret, event{Kind: rejected, At: now})
	case hook.Evicted:
		h.drop(e.Secret)
	case hook.SealedFileFailed:
		h.noteSealed(sealedFailure{Path: e.Path, At: now, Error: e.Err.Error()})
	}
}

func keyOf(s hook.Secret) historyKey { return historyKey{s.ID, s.Stage} }

// add notes an event.
func (h *History) add(s hook.Secret, e event) {
	e.Version = s.VersionID
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.secrets[keyOf(s)]
	if p == nil {
		p = h.make(keyOf(s))
	}
	if p.merge(e) {
		return
	}
	if len(p.events) == maxEvents {
		p.forget()
	}
	p.events = append(p.events, e)
}

func (h *History) drop(s hook.Secret) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.secrets, keyOf(s))
}

func (h *History) noteSealed(f sealedFailure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sealed = f
}

// merge makes e a part of an event that is there, and reports whether it did. A rotation is the
// fetch that brought it. Trouble adds to the same trouble since the last fetch: in an outage failures
// and stale values take turns.
func (p *past) merge(e event) bool {
	for i, old := range slices.Backward(p.events) {
		isFetch := old.Kind == fetched || old.Kind == rotated
		switch {
		case e.Kind == fetched:
			return false
		case e.Kind == rotated && old.Kind == fetched && old.Version == e.Version:
			p.events[i].Kind, p.events[i].From = rotated, e.From
			return true
		case e.Kind == rotated:
		case isFetch:
			return false
		case old.isLike(e):
			p.events[i].Last, p.events[i].Count, p.events[i].Took = e.At, old.times()+1, e.Took
			return true
		}
	}
	return false
}

// isLike reports whether f is the same that happened again.
func (e event) isLike(f event) bool {
	return e.Kind == f.Kind && e.Version == f.Version && e.Class == f.Class
}

// make makes room for a secret. Called with mu held.
func (h *History) make(k historyKey) *past {
	if h.secrets == nil {
		h.secrets = map[historyKey]*past{}
	}
	if len(h.secrets) == maxSecrets {
		var oldest historyKey
		var at time.Time
		for other, p := range h.secrets {
			if end := p.events[len(p.events)-1].end(); at.IsZero() || end.Before(at) {
				oldest, at = other, end
			}
		}
		delete(h.secrets, oldest)
	}
	p := &past{}
	h.secrets[k] = p
	return p
}

// forget drops the oldest fetch that brought nothing new, so that rotations and failures outlast
// many of these; if there is none, the oldest event.
func (p *past) forget() {
	i := slices.IndexFunc(p.events, func(e event) bool { return e.Kind == fetched })
	p.events = slices.Delete(p.events, max(i, 0), max(i, 0)+1)
}

// of returns the events of a secret, oldest first; those of one version if it is pinned.
func (h *History) of(id, stage, pinned string) []event {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.secrets[historyKey{id, stage}]
	if p == nil {
		return nil
	}
	events := slices.Clone(p.events)
	if pinned != "" {
		events = slices.DeleteFunc(events, func(e event) bool { return e.Version != pinned })
	}
	return events
}

// lastSealed returns the last failure of a sealed file; the zero one if there was none.
func (h *History) lastSealed() sealedFailure {
	if h == nil {
		return sealedFailure{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sealed
}
