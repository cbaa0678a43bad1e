package notifytest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret/internal/goroutines"
	"github.com/typedsecret/typedsecret/notify"
)

// pauses let a check decide what handle returns for the next events of the kind Missed. Handle
// takes all others.
type pauses struct {
	left    atomic.Int32
	answers chan chan error // each is what handle returns
}

func newPauses() *pauses { return &pauses{answers: make(chan chan error)} }

func (p *pauses) handle(ctx context.Context, e notify.Event) error {
	if e.Kind != notify.Missed || p.left.Add(-1) < 0 {
		return nil
	}
	answer := make(chan error)
	select {
	case p.answers <- answer:
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-answer
}

// awaitMissed waits for an event of the kind Missed, does something while handle has it, and
// lets handle return an error.
func (c *call) awaitMissed(p *pauses, meanwhile func(), err error) {
	c.s.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case answer := <-p.answers:
		defer func() { answer <- err }()
		meanwhile()
	case <-timeout.C:
		c.s.Fatalf("waited %v for an event of the kind %q, since the connection was broken", patience, notify.Missed)
	case <-c.returned:
		c.await("an event", func() bool { return false })
	}
}

func (s *suite) reconnect() {
	s.needs(s.Break != nil, "Break")
	p := newPauses()
	c := s.connected(p.handle)
	defer c.stop()
	c.checkNoMissed("this was the first connection")
	for round := range 2 {
		p.left.Store(2)
		before := len(c.reported(nil))
		mend := s.Break()
		c.awaitReport("a report that the connection is broken", before)
		mend()
		name := fmt.Sprint("back-", round)
		if s.Keeps {
			s.Send(s.message(name))
		} else {
			// What is sent as soon as Missed is there must not be lost.
			c.awaitMissed(p, func() { s.Send(s.message(name)) }, errRefused)
			c.awaitMissed(p, func() {}, nil) // since it was refused
		}
		c.awaitEvent(s.name(name))
	}
	c.checkMissed(2, "the connection was broken twice")
}

// checkMissed checks how many events of the kind Missed were taken. If the carrier keeps its
// messages, it must be none.
func (c *call) checkMissed(want int, since string) {
	c.s.Helper()
	c.awaitProbe()
	if c.s.Keeps {
		c.checkNoMissed("the carrier keeps what is sent meanwhile")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.missed != want {
		c.s.Errorf("%d events of the kind %q were taken, and %s", c.missed, notify.Missed, since)
	}
}

// lateStart has a Receiver start while the carrier is away.
func (s *suite) lateStart() {
	s.needs(s.Break != nil, "Break")
	if s.Keeps {
		s.Send(s.message("before"))
	}
	mend := s.Break()
	c := s.start(s.Context(), nil)
	defer c.stop()
	c.awaitReport("a report that there is no connection", 0)
	c.checkNoMissed("there was no connection yet")
	mend()
	if s.Keeps {
		c.awaitEvent(s.name("before"))
	} else {
		c.await(fmt.Sprintf("an event of the kind %q, since the first attempt to connect has failed", notify.Missed), func() bool { return c.missed > 0 })
	}
	s.Send(s.message("after"))
	c.awaitEvent(s.name("after"))
	c.checkMissed(1, "it should be 1 after the first connection")
}

func (s *suite) credentials() {
	s.needs(s.RotateCredentials != nil, "RotateCredentials")
	c := s.connected(nil)
	defer c.stop()
	c.checkNoMissed("this was the first connection")
	for round := range 2 {
		s.RotateCredentials()
		if !s.Keeps {
			c.await(fmt.Sprintf("an event of the kind %q, since the credentials were rotated", notify.Missed), func() bool { return c.missed > round })
		}
		name := fmt.Sprint("rotated-", round)
		s.Send(s.message(name))
		c.awaitEvent(s.name(name))
	}
}

// shutdown ends the context in the middle of a burst.
func (s *suite) shutdown() {
	const many, until = 100, 10
	var c *call
	started := make(chan struct{})
	c = s.start(s.Context(), func(ctx context.Context, _ notify.Event) error {
		<-started
		c.mu.Lock()
		n := len(c.taken)
		c.mu.Unlock()
		if n >= until {
			c.cancel()
		}
		if ctx.Err() != nil {
			time.Sleep(probing) // so that Receive can return too early
		}
		return nil
	})
	close(started)
	defer c.stop()
	if !s.Keeps {
		c.awaitProbe()
	}
	for i := range many {
		s.Send(s.message(fmt.Sprint(i)))
	}
	select {
	case <-c.returned:
	case <-time.After(patience):
		s.Fatalf("waited %v for %d events of %d", patience, until, many)
	}
	c.awaitReturn()
	if !s.Keeps {
		s.lacks("that no event is lost", "Keeps")
		return
	}
	rest := s.start(s.Context(), nil)
	defer rest.stop()
	for i := range many {
		name := s.name(fmt.Sprint(i))
		rest.await("an event that the Receiver before has not taken, "+name, func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.has(name) || rest.has(name)
		})
	}
	s.awaitNoneLeft()
}

// stop ends the context at several moments.
func (s *suite) stop() {
	ended, cancel := context.WithCancel(s.Context())
	cancel()
	c := s.start(ended, nil)
	c.stop()
	idle := s.connected(nil)
	idle.stop()
	again := s.connected(nil)
	defer again.stop()
	again.awaitProbe()
	again.checkNoMissed("this was the first connection")
	idle.awaitReturn() // once more, as a call of handle may have come later
	c.awaitReturn()
	if s.Break == nil {
		s.lacks("that Receive ends while the carrier is away", "Break")
		return
	}
	mend := s.Break()
	defer mend()
	away := s.start(s.Context(), nil)
	away.awaitReport("a report that there is no connection", 0)
	away.stop()
}

func (s *suite) goroutines() {
	const calls = 12
	group := goroutines.NewGroup()
	for range calls {
		var c *call
		group.Do(s.Context(), func(ctx context.Context) { c = s.start(ctx, nil) })
		c.awaitProbe()
		c.stop()
	}
	// Connections that are kept for the next call have goroutines, but there are far fewer of
	// them than calls.
	left := group.Settle(calls / 2)
	if left >= calls/2 {
		s.Errorf("%d calls of Receive have left %d goroutines behind", calls, left)
	}
}
