package pushed

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret/integration/natstest"
	"github.com/typedsecret/typedsecret/integration/redistest"
	"github.com/typedsecret/typedsecret/notify"
	natsnotify "github.com/typedsecret/typedsecret/notify/nats"
	redisnotify "github.com/typedsecret/typedsecret/notify/redis"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A carrier brings the events of Secrets Manager to processes.
type carrier interface {
	// send takes an event, as EventBridge does. It is called by one goroutine at a time.
	send(ctx context.Context, e secrettest.Event) error

	// receiver returns the Receiver of one more process. It is called before Receive is, for
	// each process in turn.
	receiver(ctx context.Context) (notify.Receiver, error)

	// outages are those that the carrier may have: what is down, and how.
	outages() map[string]outage

	// close ends what receiver and send have begun. It is called after the Receivers have ended.
	close() error
}

// An outage takes a part of a carrier down, and up again.
type outage struct{ down, up func() error }

// carriers make a carrier of each kind, with the servers that it needs.
var carriers = map[string]func(ctx context.Context, s *Servers) (carrier, error){
	"call":           func(context.Context, *Servers) (carrier, error) { return &calls{}, nil },
	"post":           func(context.Context, *Servers) (carrier, error) { return &posts{token: rand.Text()}, nil },
	"nats":           newNATS,
	"redis":          newRedis,
	"elasticmq":      newElasticMQ,
	"eventbridge":    newEventBridge,
	"sns":            newSNS,
	"relay to nats":  newRelayToNATS,
	"relay to redis": newRelayToRedis,
}

// calls hand events over by calls of handle. They show what everything but a carrier costs.
type calls struct {
	mu      sync.Mutex // guards running
	running []func(context.Context, notify.Event) error
}

func (c *calls) send(ctx context.Context, e secrettest.Event) error {
	event, err := notify.Parse(body(e))
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, handle := range c.running {
		if err := handle(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

func (c *calls) receiver(context.Context) (notify.Receiver, error) { return c, nil }
func (c *calls) outages() map[string]outage                        { return nil }
func (c *calls) close() error                                      { return nil }

// Receive implements notify.Receiver.
func (c *calls) Receive(ctx context.Context, handle func(context.Context, notify.Event) error) error {
	c.mu.Lock()
	c.running = append(c.running, handle)
	c.mu.Unlock()
	<-ctx.Done()
	return nil
}

// posts are those of an EventBridge API destination to an endpoint of each process. TLS is left
// out.
type posts struct {
	token     string
	endpoints []*endpoint
}

// An endpoint is the Receiver of one process.
type endpoint struct {
	token    string
	listener net.Listener
}

func (p *posts) send(ctx context.Context, e secrettest.Event) error {
	for _, to := range p.endpoints {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+to.listener.Addr().String(), bytes.NewReader(body(e)))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+p.token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent {
			return fmt.Errorf("the Handler answers %s", resp.Status)
		}
	}
	return nil
}

func (p *posts) receiver(context.Context) (notify.Receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	to := &endpoint{p.token, listener}
	p.endpoints = append(p.endpoints, to)
	return to, nil
}

func (p *posts) outages() map[string]outage { return nil }
func (p *posts) close() error               { return nil }

// Receive implements notify.Receiver.
func (e *endpoint) Receive(ctx context.Context, handle func(context.Context, notify.Event) error) error {
	h, err := notify.NewHandler(notify.HandlerConfig{
		Tokens: func(context.Context) ([]string, error) { return []string{e.token}, nil },
	}, handle)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(e.listener); ctx.Err() == nil {
		return err
	}
	return nil
}

// natsCarrier publishes on a subject of NATS.
type natsCarrier struct {
	server  *natstest.Server
	subject string
}

func newNATS(_ context.Context, s *Servers) (carrier, error) {
	server, err := s.nats()
	if err != nil {
		return nil, err
	}
	return &natsCarrier{server, s.name()}, nil
}

func (c *natsCarrier) send(_ context.Context, e secrettest.Event) error {
	return c.server.Publish(c.subject, body(e))
}

func (c *natsCarrier) receiver(context.Context) (notify.Receiver, error) {
	return natsnotify.New(natsnotify.Config{URL: c.server.URL(), Subject: c.subject})
}

func (c *natsCarrier) outages() map[string]outage {
	return map[string]outage{ServerRestarted: {func() error { c.server.Stop(); return nil }, c.server.Resume}}
}

func (c *natsCarrier) close() error { return nil }

// redisCarrier publishes on a channel of Redis. Each process has a client of its own.
type redisCarrier struct {
	server   *redistest.Server
	password string
	channel  string
	clients  []*redis.Client
}

// redisUser logs in to Redis.
const redisUser = "app"

func newRedis(ctx context.Context, s *Servers) (carrier, error) {
	c := &redisCarrier{channel: s.name(), password: rand.Text()}
	var err error
	if c.server, err = s.redis(); err != nil {
		return nil, err
	}
	if err := c.server.SetUser(ctx, redisUser, c.password); err != nil {
		return nil, err
	}
	c.client(&redis.Options{MaxRetries: -1, DialerRetries: 1}) // for send, which does not wait for Redis
	return c, nil
}

func (c *redisCarrier) client(o *redis.Options) *redis.Client {
	o.Addr, o.Username, o.Password = c.server.Addr(), redisUser, c.password
	client := redis.NewClient(o)
	c.clients = append(c.clients, client)
	return client
}

func (c *redisCarrier) send(ctx context.Context, e secrettest.Event) error {
	return c.clients[0].Publish(ctx, c.channel, body(e)).Err()
}

func (c *redisCarrier) receiver(context.Context) (notify.Receiver, error) {
	return redisnotify.New(redisnotify.Config{Client: c.client(&redis.Options{}), Channel: c.channel})
}

func (c *redisCarrier) outages() map[string]outage {
	return map[string]outage{ServerRestarted: {c.server.Stop, c.server.Resume}}
}

func (c *redisCarrier) close() (err error) {
	for _, client := range c.clients {
		err = client.Close()
	}
	return err
}

// body is what the target of a rule gets.
func body(e secrettest.Event) []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // its fields are strings and a time
	}
	return b
}
