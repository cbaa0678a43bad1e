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

// listen connects, and hands events over until the connection fails or ctx ends.
//
// go-redis would connect anew by itself and say nothing. So one PubSub is one connection here:
// it is closed at the first error.
func (r *Receiver) listen(ctx context.Context, d *notify.Delivery) error {
	pubsub := r.cfg.Client.Subscribe(ctx) // connects only when it is given a channel
	replies, end := read(ctx, pubsub, r.cfg.Channel)
	defer end()
	tick := time.NewTicker(r.pingEvery)
	defer tick.Stop()
	confirmed, pinged := false, false
	for ctx.Err() == nil {
		select {
		case got := <-replies:
			if got.err != nil {
				return got.err
			}
			switch value := got.value.(type) {
			case *redis.Subscription:
				if confirmed {
					d.Missed(ctx) // go-redis has connected by itself
				}
				confirmed = true
				d.Connected(ctx)
			case *redis.Message:
				if !d.Message(ctx, []byte(value.Payload)) {
					d.Missed(ctx)
				}
			}
			pinged = false
			tick.Reset(r.pingEvery) // the time in handle is no silence
		case <-tick.C:
			switch {
			case !confirmed:
				return fmt.Errorf("no confirmation of the subscription within %v", r.pingEvery)
			case pinged:
				return fmt.Errorf("no answer to a ping within %v", r.pingEvery)
			}
			if err := pubsub.Ping(ctx); err != nil {
				return err
			}
			pinged = true
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

// explain adds what to do about an error, where that is not plain.
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
