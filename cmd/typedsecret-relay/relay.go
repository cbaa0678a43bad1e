package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/typedsecret/typedsecret/notify"
)

// A target is where events are published. Its methods are safe for concurrent use.
type target interface {
	// name is redis or nats.
	name() string
	// publish returns nil only if the server has taken the message.
	publish(ctx context.Context, message []byte) error
	// ping asks the server for an answer.
	ping(ctx context.Context) error
	close()
}

// A relay publishes the events that a receiver brings.
type relay struct {
	receiver notify.Receiver
	targets  []target
	timeout  time.Duration // for publishing an event to a target
	health   *health
	metrics  *metrics
	log      *slog.Logger
}

// newRelay waits for no answer of the queue or of a target, so a relay may start before them. Its
// error says which setting is wrong.
func newRelay(ctx context.Context, s settings, log *slog.Logger) (*relay, error) {
	r := &relay{timeout: s.publishTimeout, health: newHealth(s.staleAfter), metrics: newMetrics(), log: log}
	var err error
	if s.redis != "" {
		err = r.add(newRedis(s))
	}
	if s.nats != "" && err == nil {
		err = r.add(newNATS(s, log))
	}
	if err == nil {
		r.receiver, err = r.newReceiver(ctx, s)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	log.Info("settings", "queue", s.queue, "redis", s.redis, "redis_channel", s.redisChannel, "nats", s.nats, "nats_subject", s.natsSubject)
	return r, nil
}

func (r *relay) add(t target, err error) error {
	if err == nil {
		r.targets = append(r.targets, t)
		r.metrics.expect(t.name())
		r.health.expect(t.name())
	}
	return err
}

func (r *relay) close() {
	for _, t := range r.targets {
		t.close()
	}
}

// run relays until ctx ends, and returns after the events under way. Meanwhile it serves /healthz
// and /metrics at the listener.
func (r *relay) run(ctx context.Context, listener net.Listener) {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", r.health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(r.metrics.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	var all sync.WaitGroup
	all.Go(func() { _ = server.Serve(listener) })
	for _, t := range r.targets {
		all.Go(func() { r.watch(ctx, t) })
	}
	r.log.Info("relay started", "address", listener.Addr().String(), "targets", r.names())
	if err := r.receiver.Receive(ctx, r.handle); err != nil {
		r.log.Error("relay can't receive", "error", err.Error()) // a nil handle alone
	}
	r.close()
	_ = server.Close()
	all.Wait()
	r.log.Info("relay stopped")
}

func (r *relay) names() (names []string) {
	for _, t := range r.targets {
		names = append(names, t.name())
	}
	return names
}

// handle publishes an event to each target. If one has not taken it, handle returns an error, so
// that the queue delivers the event again; then it is published to all. The end of ctx does not
// end it: an event that is under way when the relay stops may take its whole timeout.
func (r *relay) handle(ctx context.Context, e notify.Event) error {
	message, err := notify.Format(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
	defer cancel()
	errs := make([]error, len(r.targets))
	var all sync.WaitGroup
	for i, t := range r.targets {
		all.Go(func() {
			if err := t.publish(ctx, message); err != nil {
				errs[i] = fmt.Errorf("target %s: %w", t.name(), err)
			}
			r.metrics.tried(t.name(), errs[i])
			r.health.tried(t.name(), errs[i])
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	about := []any{"kind", string(e.Kind), "name", e.Name, "arn", e.ARN, "stages", e.Stages, "version", e.VersionID}
	if !e.Time.IsZero() {
		lag := max(0, time.Since(e.Time))
		r.metrics.lag.Observe(lag.Seconds())
		about = append(about, "lag_seconds", lag.Seconds())
	}
	r.log.Info("event published", about...)
	return nil
}

// watch pings a target four times within the bound of health, so that /healthz knows that the
// target is down before an event comes. It logs when that changes.
func (r *relay) watch(ctx context.Context, t target) {
	ticker := time.NewTicker(r.health.bound / 4)
	defer ticker.Stop()
	answers := true
	for {
		err := r.ping(ctx, t)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			r.health.answered(t.name())
			r.metrics.answered(t.name())
			if !answers {
				r.log.Info("target answers again", "target", t.name())
			}
		case answers:
			r.log.Warn("target does not answer", "target", t.name(), "error", err.Error())
		}
		answers = err == nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *relay) ping(ctx context.Context, t target) error {
	ctx, cancel := context.WithTimeout(ctx, r.health.bound/8)
	defer cancel()
	return t.ping(ctx)
}
