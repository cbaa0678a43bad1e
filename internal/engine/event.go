package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secret"
)

const pendingStage = "AWSPENDING"

// missedGap is the mean time between two checks after notify.Missed: 10 secrets a second.
const missedGap = 100 * time.Millisecond

// HandleEvent is HandleEvent of package cache.
func (c *Cache) HandleEvent(ctx context.Context, event notify.Event) error {
	if c == nil || c.source == nil {
		return ErrNilCache
	}
	if ctx == nil {
		ctx = context.Background()
	}
	n := announcementOf(ctx, event, c.now())
	if len(n.ids) == 0 && n.Kind != notify.Missed {
		return fmt.Errorf("%w: an event of the kind %q has neither a Name nor an ARN", errNoSecret, n.Kind)
	}
	if c.fixed != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.lastEventAt = n.came
	if n.Kind == notify.Missed {
		c.checkAll(n)
		return nil
	}
	for _, e := range c.concerned(n) {
		c.announce(e, n, c.cfg.EventSpread)
	}
	return nil
}

var errNoSecret = errors.New("the event names no secret")

// An announcement is an event on its way to the entries that it concerns.
type announcement struct {
	notify.Event
	ids    []string        // the secret's, as Event.IDs gives them
	stages []string        // that may have moved; none: any
	ctx    context.Context // of HandleEvent, for its values
	came   instant         // when HandleEvent was called
}

func announcementOf(ctx context.Context, event notify.Event, came instant) *announcement {
	n := &announcement{Event: event, ids: event.IDs(), stages: event.Stages, ctx: context.WithoutCancel(ctx), came: came}
	switch {
	case n.Kind == notify.RotationAbandoned:
		n.stages = []string{pendingStage}
	case slices.Contains(n.stages, DefaultStage):
		n.stages = append([]string{previousStage}, n.stages...)
	}
	if n.Time.IsZero() {
		n.Time = time.Unix(0, came.wall)
	}
	return n
}

// checkAll gives each entry that is held a check, at a pace. Called with mu held, which it releases
// now and then.
func (c *Cache) checkAll(n *announcement) {
	all := c.everything()
	within := max(c.cfg.EventSpread, time.Duration(len(all))*missedGap)
	c.inChunks(all, func(e *Entry) {
		if e.ref().VersionID == "" {
			c.announce(e, n, within)
		}
	})
}

// concerned returns the entries of the secret that n names, under each spelling of its ID, whose
// stage may have moved. Called with mu held, which it may release for a moment.
func (c *Cache) concerned(n *announcement) (all []*Entry) {
	add := func(e *Entry) {
		if n.isFor(e) {
			all = append(all, e)
		}
	}
	for _, id := range n.ids {
		add(c.known(c.resolve(Ref{ID: id})))
		for _, stage := range n.stages {
			add(c.known(c.resolve(Ref{ID: id, Stage: stage})))
		}
	}
	if len(n.stages) == 0 {
		c.eachStaged(func(e *Entry) {
			if slices.Contains(n.ids, e.id()) {
				add(e)
			}
		})
	}
	if n.ARN == "" || n.Name == "" { // another ARN than those of n.ids may be the secret's
		c.inChunks(c.everything(), func(e *Entry) {
			if n.isNamedBy(e.id()) {
				add(e)
			}
		})
	}
	return all
}

// isNamedBy reports whether an ID is the ARN of the secret that n names, with or without its end.
func (n *announcement) isNamedBy(id string) bool {
	prefix, name, _ := strings.Cut(id, ":secret:")
	return strings.HasPrefix(prefix, "arn:") && slices.ContainsFunc(n.ids, func(known string) bool {
		return name == known || isWhole(name, known)
	})
}

// LastEvent returns when the last event about the secret came; zero if none did.
func (s *Snapshot) LastEvent() time.Time {
	s.Cache().mu.Lock()
	defer s.Cache().mu.Unlock()
	return s.entry.lastEvent()
}

// lastEvent is LastEvent. Called with Cache.mu held.
func (e *Entry) lastEvent() (t time.Time) {
	if e.past != nil && e.past.heard != nil {
		t = time.Unix(0, e.past.heard.last.wall)
	}
	return t
}

// everything returns the entries that are kept and those of handles. Called with mu held, which it
// releases for a moment.
func (c *Cache) everything() []*Entry {
	all, handles := c.entriesAndHandles()
	c.mu.Unlock()
	defer c.mu.Lock()
	return withHandles(all, handles)
}

// inChunks calls visit for each of entries, and lets readers have the lock in between. Called
// with mu held.
func (c *Cache) inChunks(entries []*Entry, visit func(*Entry)) {
	for i, e := range entries {
		if visit(e); i%statusAtOnce == statusAtOnce-1 {
			c.mu.Unlock()
			c.mu.Lock()
		}
	}
}

// eachStaged calls visit for each entry of another stage than the default, and lets readers have the
// lock in between. Called with mu held.
func (c *Cache) eachStaged(visit func(*Entry)) {
	i := 0
	for held := range c.staged { // a loop over a map may go on after others changed it
		if e := held.Value(); e != nil {
			visit(e)
		}
		if i++; i%statusAtOnce == 0 {
			c.mu.Unlock()
			c.mu.Lock()
		}
	}
}

// isFor reports whether the change that n announces may concern e, which has an ID that n names.
func (n *announcement) isFor(e *Entry) bool {
	if e == nil {
		return false
	}
	ref := e.ref()
	if ref.VersionID != "" || n.Kind == notify.RotationFailed || len(n.stages) > 0 && !slices.Contains(n.stages, ref.Stage) {
		return false
	}
	s := e.snap.Load()
	return s == nil || !isForeign(s.details.value(e.id()).ARN, n.ARN)
}

// isForeign reports whether two ARNs are of secrets in two accounts, or of secrets in two regions
// that are no replicas of each other. Such secrets may have the same name. A secret that was deleted
// and made anew has another ARN, but is not foreign: a reader that asks by name gets it.
func isForeign(a, b string) bool {
	x, err := secret.ParseARN(a)
	y, err2 := secret.ParseARN(b)
	if err != nil || err2 != nil {
		return false
	}
	return x.Account != y.Account || x.Region != y.Region && !sameEnd(x.Name, y.Name)
}

// sameEnd reports whether two names from ARNs are equal, or one of them only lacks the end that
// Secrets Manager adds.
func sameEnd(a, b string) bool { return a == b || isWhole(a, b) || isWhole(b, a) }

// isWhole reports whether a name from an ARN may be the name without, and the end that Secrets
// Manager adds.
func isWhole(name, without string) bool {
	return len(name) == len(without)+arnSuffix && name[len(without)] == '-' && strings.HasPrefix(name, without)
}

// version returns the version that e has now, as n announces it; "" if n does not say.
func (n *announcement) version(e *Entry) string {
	if slices.Contains(n.Stages, e.ref().Stage) {
		return n.VersionID
	}
	return ""
}
