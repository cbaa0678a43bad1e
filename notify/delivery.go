package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/internal/guard"
)

// A Delivery is the part that all Receivers share: it decides what becomes of a message, what is
// reported, and when to connect anew. The author of a [Receiver] makes one for each call of
// Receive, and writes the rest, a function that connects once:
//
//	func (r *Receiver) Receive(ctx context.Context, handle func(context.Context, notify.Event) error) error {
//		d := &notify.Delivery{Handle: handle, OnError: r.onError, Lossy: true}
//		d.Run(ctx, func(ctx context.Context) error {
//			conn, err := r.connect(ctx, r.credentials())
//			if err != nil {
//				return err
//			}
//			defer conn.Close()
//			d.Connected(ctx)
//			for {
//				message, err := conn.Next(ctx)
//				if err != nil {
//					return err
//				}
//				d.Message(ctx, message)
//			}
//		})
//		return nil
//	}
//
// It is safe for concurrent use, but for Run and Connected: call Connected in the function that
// Run calls, from its goroutine.
type Delivery struct {
	// Handle is the function that Receive was given. A panic of it counts as an error.
	Handle func(ctx context.Context, e Event) error

	// OnError is called with each error that a Receiver reports, perhaps by several goroutines
	// at once. A panic of it is ignored. Nil: the errors are dropped.
	OnError func(err error)

	// Lossy: the carrier keeps no event for a Receiver that is not connected.
	Lossy bool

	failures  int       // attempts and connections that have failed in a row
	since     time.Time // the first of them
	connected time.Time // the first Connected of this connection; zero before
	missed    bool      // whether an attempt or a connection has failed since the last Missed
}

// reconnect is the back-off between connections. Its Max is short, since no event arrives
// meanwhile.
var reconnect = backoff.Policy{Max: 30 * time.Second}

// Run calls connect until ctx ends, again whenever it returns. Connect connects once, hands
// messages over, and returns an error when the connection breaks or ctx ends. Run reports
// the error, and waits before it calls connect again: up to 1 s, and longer after each failure
// in a row, up to 30 s. The wait is drawn at random, so that a fleet does not come back in step.
// A connection that has lasted for less than 30 s counts as a failure.
func (d *Delivery) Run(ctx context.Context, connect func(ctx context.Context) error) {
	for ctx.Err() == nil {
		d.connected = time.Time{}
		err := guard.Call("function that connects", func() error { return connect(ctx) })
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("notify: the connection has ended")
		}
		d.Report(err)
		if !d.connected.IsZero() && time.Since(d.connected) >= reconnect.Max {
			d.failures = 0
		}
		if d.failures++; d.failures == 1 {
			d.since = time.Now()
		}
		d.missed = true
		wait(ctx, reconnect.DelayAfter(d.failures, time.Since(d.since)))
	}
}

// Connected says that messages come from now on. If the carrier is Lossy, and an attempt or a
// connection has failed before, Connected calls Missed. For a carrier that is polled, such as a
// queue, call Connected after each answer.
func (d *Delivery) Connected(ctx context.Context) {
	if d.connected.IsZero() {
		d.connected = time.Now()
	}
	if d.missed && d.Lossy {
		d.Missed(ctx)
	}
	d.missed = false
}

// Missed hands an event of the kind [Missed] over. It does so again, after a back-off, until
// Handle takes it or ctx ends: no carrier has this event to deliver it again.
func (d *Delivery) Missed(ctx context.Context) {
	for failures := 1; !d.hand(ctx, Event{Kind: Missed}) && ctx.Err() == nil; failures++ {
		wait(ctx, reconnect.Delay(failures))
	}
}

// Message hands over the event in a message. It returns true if the carrier is done with the
// message: Handle has taken the event, or [Parse] returns an error. It returns false if the
// carrier is to deliver the message again. A Lossy carrier can't: then Message calls Missed in
// its place, and returns true. Once ctx has ended, Message does not call Handle, and returns
// false.
//
// Message reports an error of Parse, unless it is [ErrIrrelevant], and an error of Handle,
// unless ctx has ended.
func (d *Delivery) Message(ctx context.Context, message []byte) (done bool) {
	if ctx.Err() != nil {
		return false
	}
	e, err := Parse(message)
	switch {
	case errors.Is(err, ErrIrrelevant):
		return true
	case err != nil:
		d.Report(fmt.Errorf("notify: a message is given up: %w", err))
		return true
	}
	if d.hand(ctx, e) {
		return true
	}
	if d.Lossy {
		d.Missed(ctx)
	}
	return d.Lossy && ctx.Err() == nil
}

// hand calls Handle, and reports whether it has taken the event.
func (d *Delivery) hand(ctx context.Context, e Event) bool {
	if ctx.Err() != nil {
		return false
	}
	err := guard.Call("function that takes the events", func() error { return d.Handle(ctx, e) })
	if err != nil && ctx.Err() == nil {
		d.Report(fmt.Errorf("notify: an event (%s) is not taken: %w", strings.TrimSpace(string(e.Kind)+" "+cmp.Or(e.Name, e.ARN)), err))
	}
	return err == nil
}

// Report calls OnError.
func (d *Delivery) Report(err error) {
	if d.OnError != nil {
		_ = guard.Call("OnError", func() error { d.OnError(err); return nil })
	}
}

// wait returns after the delay, or when ctx ends.
func wait(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
