package notifytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/internal/awsevent"
	"github.com/typedsecret/typedsecret/notify"
)

const (
	// patience is how long the suite waits for what is to come.
	patience = 30 * time.Second
	// soon is how long Receive may take to return when its context has ended.
	soon = 10 * time.Second
	// probing is the time between two probes.
	probing = 100 * time.Millisecond
)

// errRefused is what handle returns for an event that it does not take.
var errRefused = errors.New("refused by the suite")

// A handler is what a check does with an event. Nil takes all.
type handler func(ctx context.Context, e notify.Event) error

// A call is a call of Receive, and what it has done so far.
type call struct {
	s        *suite
	handle   handler
	cancel   context.CancelFunc
	returned chan struct{} // closed when Receive has returned
	err      error         // what it has returned

	mu      sync.Mutex     // guards the rest
	changed chan struct{}  // closed at the next change of what follows
	taken   []notify.Event // without the probes
	missed  int            // how many of them are of the kind Missed
	probe   int            // the highest number of a probe that has come
	reports []error
	running int // calls of handle that are under way
	late    int // calls of handle that were under way when Receive returned, or began later
}

// start calls Receive.
func (s *suite) start(ctx context.Context, h handler) *call {
	c := &call{s: s, handle: h, returned: make(chan struct{}), changed: make(chan struct{})}
	ctx, c.cancel = context.WithCancel(ctx)
	receiver := s.Receiver(c.report)
	go func() {
		defer close(c.returned)
		err := errors.New("the goroutine of Receive has ended") // if it does not return
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.err, c.late = err, c.running
		}()
		err = receiver.Receive(ctx, c.take)
	}()
	return c
}

// connected calls Receive, and returns when events come.
func (s *suite) connected(h handler) *call {
	s.Helper()
	c := s.start(s.Context(), h)
	c.awaitProbe()
	return c
}

// change changes the call's state, and wakes the goroutines that await it.
func (c *call) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *call) report(err error) {
	c.change(func() { c.reports = append(c.reports, err) })
}

const probeName = "notifytest/probe-"

// take is the function that Receive is given.
func (c *call) take(ctx context.Context, e notify.Event) error {
	c.change(func() {
		c.running++
		select {
		case <-c.returned:
			c.late++
		default:
		}
	})
	defer c.change(func() { c.running-- })
	if number, ok := strings.CutPrefix(e.Name, probeName); ok {
		var n int
		fmt.Sscan(number, &n)
		c.change(func() { c.probe = max(c.probe, n) })
		return nil
	}
	if c.handle != nil {
		if err := c.handle(ctx, e); err != nil {
			return err
		}
	}
	c.change(func() {
		c.taken = append(c.taken, e)
		if e.Kind == notify.Missed {
			c.missed++
		}
	})
	return nil
}

// within reports whether a condition of the call's state is met in some time.
func (c *call) within(limit time.Duration, is func() bool) bool {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for over := false; ; {
		c.mu.Lock()
		ok, changed := is(), c.changed
		c.mu.Unlock()
		if ok || over {
			return ok
		}
		select {
		case <-changed:
		case <-c.returned:
			over = true
		case <-timeout.C:
			over = true
		}
	}
}

// await waits for a condition, and ends the check if it is not met.
func (c *call) await(what string, is func() bool) {
	c.s.Helper()
	if c.within(patience, is) {
		return
	}
	c.mu.Lock()
	reports := errors.Join(c.reports...)
	c.mu.Unlock()
	select {
	case <-c.returned:
		c.s.Fatalf("waiting for %s, Receive has returned before its context ended: %v; reported: %v", what, c.err, reports)
	default:
		c.s.Fatalf("waited %v for %s; reported: %v", patience, what, reports)
	}
}

// awaitEvent waits until the event of this name is taken.
func (c *call) awaitEvent(name string) {
	c.s.Helper()
	c.await("the event "+name, func() bool { return c.has(name) })
}

// has reports whether an event is taken. The lock is held.
func (c *call) has(name string) bool {
	return slices.ContainsFunc(c.taken, func(e notify.Event) bool { return e.Name == name })
}

// awaitReport waits for a report that is not one of the first n.
func (c *call) awaitReport(what string, n int) {
	c.s.Helper()
	c.await(what, func() bool { return len(c.reports) > n })
}

// reported returns the reports so far that wrap an error; all if it is nil.
func (c *call) reported(wrapped error) (reports []error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, err := range c.reports {
		if wrapped == nil || errors.Is(err, wrapped) {
			reports = append(reports, err)
		}
	}
	return reports
}

// awaitProbe sends events until one has come.
func (c *call) awaitProbe() {
	c.s.Helper()
	c.mu.Lock()
	first := c.probe + 1_000 // more than any that is on its way
	c.mu.Unlock()
	end := time.Now().Add(patience)
	for n := first; ; n++ {
		c.s.Send([]byte(awsevent.Native(probeName+fmt.Sprint(n), awsevent.Version)))
		has := func() bool { return c.probe >= first }
		if c.within(probing, has) {
			return
		}
		select {
		case <-c.returned:
			c.await("an event that is sent again and again", has)
		default:
		}
		if time.Now().After(end) {
			c.await("an event that is sent again and again", has)
		}
	}
}

// stop ends the context and checks that Receive returns as it should. It may be called again.
func (c *call) stop() {
	c.s.Helper()
	c.cancel()
	c.awaitReturn()
}

// awaitReturn waits until Receive has returned.
func (c *call) awaitReturn() {
	c.s.Helper()
	timeout := time.NewTimer(soon)
	defer timeout.Stop()
	select {
	case <-c.returned:
	case <-timeout.C:
		c.s.Fatalf("the context ended, and Receive has not returned %v later", soon)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		c.s.Errorf("the context ended, and Receive has returned an error: %v", c.err)
	}
	if c.late > 0 {
		c.s.Errorf("Receive has returned, and %d calls of handle were under way or came later", c.late)
	}
}

// checkNoMissed checks that there was no event of the kind Missed.
func (c *call) checkNoMissed(since string) {
	c.s.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.missed > 0 {
		c.s.Errorf("%d events of the kind %q have come, and %s", c.missed, notify.Missed, since)
	}
}
