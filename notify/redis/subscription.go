package redisnotify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret/notify"
)

// A subscription is one call of Receive.
type subscription struct {
	*Receiver
	handle func(context.Context, notify.Event) error

	confirmed bool // whether Redis has confirmed the subscription on this connection
	before    bool // whether it has ever

	// These are about an event of the kind notify.Missed that handle has refused, or that
	// comes in place of an event that it has. If there is none, due is nil.
	due   <-chan time.Time
	tries int
	since time.Time // the first refusal
}

// listen connects, and hands events over until the connection fails or ctx ends.
//
// go-redis would connect anew by itself and say nothing. So one PubSub is one connection here:
// it is closed at the first error.
func (s *subscription) listen(ctx context.Context) error {
	s.confirmed = false
	pubsub := s.cfg.Client.Subscribe(ctx) // connects only when it is given a channel
	replies, end := read(ctx, pubsub, s.cfg.Channel)
	defer end()
	tick := time.NewTicker(s.pingEvery)
	defer tick.Stop()
	pinged := false
	for ctx.Err() == nil {
		select {
		case got := <-replies:
			if got.err != nil {
				return got.err
			}
			s.take(ctx, got.value)
			pinged = false
			tick.Reset(s.pingEvery) // the time in handle is no silence
		case <-tick.C:
			switch {
			case !s.confirmed:
				return fmt.Errorf("no confirmation of the subscription within %v", s.pingEvery)
			case pinged:
				return fmt.Errorf("no answer to a ping within %v", s.pingEvery)
			}
			if err := pubsub.Ping(ctx); err != nil {
				return err
			}
			pinged = true
		case <-s.due:
			s.sendMissed(ctx)
			pinged = false
			tick.Reset(s.pingEvery)
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// A reply is what Redis has sent.
type reply struct {
	value any
	err   error // the last reply has one
}

// read subscribes, and passes on what comes, in a goroutine of its own: reads of go-redis do
// not end with their context. The function end closes the connection and waits for that
// goroutine. There is no buffer between, so a slow handle slows Redis down, which bounds what
// it keeps for a client.
func read(ctx context.Context, pubsub *redis.PubSub, channel string) (replies <-chan reply, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	out, done := make(chan reply), make(chan struct{})
	pass := func(r reply) (more bool) {
		select {
		case out <- r:
			return r.err == nil
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		defer close(done)
		if err := pubsub.Subscribe(ctx, channel); err != nil {
			pass(reply{err: explain(err)})
			return
		}
		for {
			value, err := pubsub.Receive(ctx)
			if !pass(reply{value, explain(err)}) {
				return
			}
		}
	}()
	return out, func() {
		cancel()           // ends a dial
		_ = pubsub.Close() // ends a read; nothing can be done about its error
		<-done
	}
}

// take handles a reply.
func (s *subscription) take(ctx context.Context, value any) {
	switch value := value.(type) {
	case *redis.Subscription:
		// A second confirmation is that of a connection that go-redis has made by itself.
		s.confirmed = true
		if s.before {
			s.sendMissed(ctx)
		}
		s.before = true
	case *redis.Message:
		e, err := notify.Parse([]byte(value.Payload))
		switch {
		case errors.Is(err, notify.ErrIrrelevant):
		case err != nil:
			s.report(fmt.Errorf("a message is given up: %w", err))
		default:
			if err := s.handle(ctx, e); err != nil && ctx.Err() == nil {
				s.report(fmt.Errorf("an event was not taken and is lost, so the event %q follows: %w", notify.Missed, err))
				if s.due == nil {
					s.refused()
				}
			}
		}
	}
}

// sendMissed has the cache look at all that it holds, and tries again later if it refuses.
func (s *subscription) sendMissed(ctx context.Context) {
	err := s.handle(ctx, notify.Event{Kind: notify.Missed})
	if err == nil {
		s.due, s.tries = nil, 0
		return
	}
	if ctx.Err() == nil {
		s.report(fmt.Errorf("the event %q was not taken, and comes again: %w", notify.Missed, err))
		s.refused()
	}
}

// refused has an event of the kind notify.Missed come after a back-off.
func (s *subscription) refused() {
	if s.tries++; s.tries == 1 {
		s.since = time.Now()
	}
	s.due = time.After(s.cfg.Backoff.DelayAfter(s.tries, time.Since(s.since)))
}

// explain says what to do about an error, where that is not plain.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case redis.HasErrorPrefix(err, "NOPERM"):
		return fmt.Errorf("%w; allow the user the channel and the commands SUBSCRIBE and PING", err)
	case redis.HasErrorPrefix(err, "WRONGPASS"), redis.HasErrorPrefix(err, "NOAUTH"):
		return fmt.Errorf("%w; check the credentials of Config.Client", err)
	case strings.HasPrefix(err.Error(), "redis: unsupported"):
		return errors.New("what Redis has sent is no reply to SUBSCRIBE or PING") // the error would quote it
	}
	return err
}
