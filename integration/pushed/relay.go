package pushed

import (
	"context"
	"errors"
	"maps"

	"github.com/typedsecret/typedsecret/integration/relaytest"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A relayed carrier is an EventBridge rule, its queue, a relay, and what the relay publishes to.
type relayed struct {
	bus    *eventBridge
	relay  *relaytest.Relay
	target carrier
}

func newRelayToNATS(ctx context.Context, s *Servers) (carrier, error) {
	target, err := newNATS(ctx, s)
	if err != nil {
		return nil, err
	}
	c := target.(*natsCarrier)
	return newRelayed(ctx, s, target, relaytest.Config{NATS: c.server.URL(), NATSSubject: c.subject})
}

func newRelayToRedis(ctx context.Context, s *Servers) (carrier, error) {
	target, err := newRedis(ctx, s)
	if err != nil {
		return nil, err
	}
	c := target.(*redisCarrier)
	return newRelayed(ctx, s, target, relaytest.Config{
		Redis: "redis://" + c.server.Addr(), RedisChannel: c.channel, RedisUser: redisUser, RedisPassword: c.password,
	})
}

func newRelayed(ctx context.Context, s *Servers, target carrier, cfg relaytest.Config) (carrier, error) {
	bus, err := openEventBridge(ctx, s)
	if err != nil {
		return nil, errors.Join(err, target.close())
	}
	cfg.Endpoint = *bus.cfg.BaseEndpoint
	if cfg.Queue, err = bus.target(ctx); err != nil {
		return nil, errors.Join(err, target.close())
	}
	program, err := s.relay()
	var relay *relaytest.Relay
	if err == nil {
		relay, err = program.Start(cfg)
	}
	if err != nil {
		return nil, errors.Join(err, bus.close(), target.close())
	}
	return &relayed{bus, relay, target}, nil
}

func (c *relayed) send(ctx context.Context, e secrettest.Event) error { return c.bus.send(ctx, e) }

func (c *relayed) receiver(ctx context.Context) (notify.Receiver, error) {
	return c.target.receiver(ctx)
}

func (c *relayed) outages() map[string]outage {
	all := map[string]outage{RelayKilled: {c.relay.Kill, c.relay.Resume}}
	maps.Copy(all, c.target.outages())
	return all
}

func (c *relayed) close() error { return errors.Join(c.relay.Close(), c.bus.close(), c.target.close()) }
