package secrettest

import (
	"context"
	"time"
)

// Event is a "Secret Label Updated" event in the form in which Amazon EventBridge delivers
// it. Its JSON is the JSON that a rule's target receives.
type Event struct {
	Version    string      `json:"version"`
	ID         string      `json:"id"`
	DetailType string      `json:"detail-type"`
	Source     string      `json:"source"`
	Account    string      `json:"account"`
	Time       time.Time   `json:"time"` // in UTC, to the second
	Region     string      `json:"region"`
	Resources  []string    `json:"resources"` // the secret's ARN
	Detail     EventDetail `json:"detail"`
}

// EventDetail says which label has moved, and to which version.
type EventDetail struct {
	Name         string `json:"name"`
	LabelUpdated string `json:"labelUpdated"`
	VersionID    string `json:"versionId"` // the version that has the label now
}

// EventFunc receives events. If it returns an error, it gets the same event again, up to
// three times in all, with a second between two tries.
type EventFunc func(ctx context.Context, event Event) error

// OnEvent sets the function that receives the server's events. As in the service, there is
// one event for each staging label that has moved to a version, except for AWSPENDING and
// AWSPREVIOUS. A nil function ends the delivery.
//
// The events are delivered after the request has been answered or while it is, one
// at a time and in order, on a goroutine of the server. The context ends when the
// server closes. The function must not call [Server.Close], which waits for it.
func (s *Server) OnEvent(fn EventFunc) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.events.receiver = fn
}

const (
	eventTries = 3
	eventPause = time.Second
)

// eventQueue holds the events that are not yet delivered. The store's lock guards it.
type eventQueue struct {
	receiver EventFunc
	waiting  []Event
	running  bool // whether a goroutine delivers them
}

// labelMoved queues an event, if the label has events and there is a receiver.
func (w *world) labelMoved(sec *secret, stage string, to *version) {
	if w.events.receiver == nil || stage == stagePending || stage == stagePrevious {
		return
	}
	w.events.waiting = append(w.events.waiting, Event{
		Version: "0", ID: newUUID(), DetailType: "Secret Label Updated", Source: "aws.secretsmanager",
		Account: w.cfg.Account, Time: w.now().UTC().Truncate(time.Second), Region: sec.home.region,
		Resources: []string{sec.arn},
		Detail:    EventDetail{Name: sec.name, LabelUpdated: stage, VersionID: to.id},
	})
}

// deliverEvents delivers the queued events, on a goroutine of its own. The caller holds the
// store's lock.
func (s *Server) deliverEvents() {
	q := &s.store.events
	if q.running || len(q.waiting) == 0 || s.wire.ctx.Err() != nil {
		return
	}
	q.running = true
	s.wire.tasks.Add(1)
	go func() {
		defer s.wire.tasks.Done()
		defer func() { // deferred for a function that ends its goroutine, as t.FailNow does
			s.store.mu.Lock()
			defer s.store.mu.Unlock()
			q.running = false
			s.deliverEvents()
		}()
		for {
			event, fn := s.nextEvent()
			if fn == nil {
				return
			}
			deliver(s.wire.ctx, fn, event)
		}
	}()
}

// nextEvent takes the next event from the queue. The function is nil if there is none.
func (s *Server) nextEvent() (Event, EventFunc) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	q := &s.store.events
	if q.receiver == nil || s.wire.ctx.Err() != nil {
		q.waiting = nil
	}
	if len(q.waiting) == 0 {
		return Event{}, nil
	}
	event := q.waiting[0]
	q.waiting = q.waiting[1:]
	return event, q.receiver
}

func deliver(ctx context.Context, fn EventFunc, event Event) {
	for try := range eventTries {
		if try > 0 {
			select {
			case <-time.After(eventPause):
			case <-ctx.Done():
				return
			}
		}
		if fn(ctx, event) == nil {
			return
		}
	}
}
