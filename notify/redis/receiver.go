// Package redisnotify brings the events of rotations to a process from a channel of Redis
// pub/sub, which has any number of subscribers: each process gets each event.
//
//	receiver, err := redisnotify.New(redisnotify.Config{Client: client, Channel: "rotations"})
//	…
//	err = receiver.Receive(ctx, secrets.HandleEvent) // until ctx ends
//
// AWS does not publish to Redis. A relay does: a program that takes the events from a queue
// and publishes each with PUBLISH, in any form that [notify.Parse] knows.
//
// # What is lost, and when
//
// Redis keeps nothing: what is published while a process is not connected is lost for it. So
// after each reconnect the receiver makes an event of the kind [notify.Missed], after which a
// cache looks at all that it holds. Between the loss and the reconnect no event arrives, and
// the slow refresh of the cache is what finds a rotation.
//
// A process that reads too slowly is disconnected by Redis when more waits for it than
// client-output-buffer-limit allows, by default 32 MB, or 8 MB for a minute. It connects anew,
// and looks at all that it holds.
//
// Redis can't deliver again an event that handle does not take. In its place comes
// [notify.Missed], again and again until handle takes that.
//
// # Delays and limits
//
// A connection that breaks is replaced after a back-off, up to 1 s at first and up to 30 s
// later. The receiver pings a silent connection every 10 s, and gives it up if there is no
// answer within 10 s more. When a connection breaks, go-redis dials once more by itself before
// it returns the error; the receiver closes that second connection.
//
// A message larger than [notify.MaxSize] is given up, but go-redis has to read the whole of it
// first. Allow only the relay to publish on the channel.
//
// # Permissions
//
// The user of Redis needs the channel and two commands:
//
//	ACL SETUSER app on >… resetchannels &rotations +subscribe +ping
//
// Give the client a CredentialsProviderContext, as package redissecret of this project does. So
// each new connection logs in with the password of that moment.
package redisnotify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret/notify"
)

// A Client subscribes to channels. *redis.Client, *redis.ClusterClient and
// redis.UniversalClient do. A *redis.Ring can't be one: give the client of one of its shards.
type Client interface {
	Subscribe(ctx context.Context, channels ...string) *redis.PubSub
}

// A Config says which channel a [Receiver] listens to. Client and Channel must be set.
type Config struct {
	// Client connects and logs in. The Receiver has one connection of its own, beside those
	// of the client's pool.
	Client Client

	// Channel is the name of the channel, and no pattern.
	Channel string

	// OnError is called for each connection that failed, for each message that is given up,
	// and for each event that handle has not taken. Errors hold no part of a message. One
	// goroutine calls it, and handles no event until it returns. Default: the errors are
	// dropped.
	OnError func(err error)
}

// A Receiver takes the events from a channel. It implements [notify.Receiver], and is safe for
// concurrent use.
type Receiver struct {
	cfg       Config
	pingEvery time.Duration
}

// pingEvery is how long a connection is silent before it is pinged, and how long an answer may
// take.
const pingEvery = 10 * time.Second

var _ notify.Receiver = (*Receiver)(nil)

// New returns a Receiver, or an error that says which setting is wrong. It does not connect.
func New(cfg Config) (*Receiver, error) {
	switch {
	case cfg.Client == nil:
		return nil, errors.New("redisnotify: Config.Client is nil; redis.NewClient makes one")
	case cfg.Channel == "":
		return nil, errors.New("redisnotify: Config.Channel is empty; name the channel that the relay publishes to")
	}
	if _, ok := cfg.Client.(*redis.Ring); ok {
		return nil, errors.New("redisnotify: Config.Client is a *redis.Ring; give the client of the shard that the relay publishes to")
	}
	return &Receiver{cfg, pingEvery}, nil
}

// Receive calls handle for each event until ctx ends, one after another and with ctx itself;
// then it returns nil. First it waits for a call of handle and for a login that are under way.
// The timeouts of the client bound the login.
//
// Its only error is that handle is nil.
func (r *Receiver) Receive(ctx context.Context, handle func(ctx context.Context, e notify.Event) error) error {
	if handle == nil {
		return errors.New("redisnotify: the function that takes the events is nil")
	}
	d := &notify.Delivery{Handle: handle, OnError: r.report, Lossy: true}
	d.Run(ctx, func(ctx context.Context) error { return r.listen(ctx, d) })
	return nil
}

// report calls OnError with an error that names the channel.
func (r *Receiver) report(err error) {
	if r.cfg.OnError != nil {
		r.cfg.OnError(fmt.Errorf("redisnotify: channel %q: %w", r.cfg.Channel, err))
	}
}
