package otelsecret

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/typedsecret/typedsecret/status"
)

// These are the names of the attributes.
const (
	errorType     = "error.type"
	state         = "typedsecret.state"
	backend       = "typedsecret.backend"
	secretID      = "typedsecret.secret.id"
	secretStage   = "typedsecret.secret.stage"
	secretVersion = "typedsecret.secret.version"
	secretARN     = "aws.secretsmanager.secret.arn"
)

func text(key, value string) attribute.KeyValue {
	return attribute.String(key, strings.ToValidUTF8(value, "\uFFFD"))
}

// instruments are the instruments that collect observes.
type instruments struct {
	rotations, staleReads, rejections, decodeFailures, sealedFailures, evictions metric.Int64ObservableCounter

	sourceUp, secrets, failing, cached, requests, queued, abandoned, undecodable, failures metric.Int64ObservableGauge

	lastAnswer, lastEvent, age, fetched metric.Float64ObservableGauge
}

func newInstruments(m metric.Meter) (in instruments, all []metric.Observable, err error) {
	counter := func(name, unit, help string) metric.Int64ObservableCounter {
		i, e := m.Int64ObservableCounter("typedsecret."+name, metric.WithUnit(unit), metric.WithDescription(help))
		all, err = append(all, i), errors.Join(err, e)
		return i
	}
	gauge := func(name, unit, help string) metric.Int64ObservableGauge {
		i, e := m.Int64ObservableGauge("typedsecret."+name, metric.WithUnit(unit), metric.WithDescription(help))
		all, err = append(all, i), errors.Join(err, e)
		return i
	}
	seconds := func(name, help string) metric.Float64ObservableGauge {
		i, e := m.Float64ObservableGauge("typedsecret."+name, metric.WithUnit("s"), metric.WithDescription(help))
		all, err = append(all, i), errors.Join(err, e)
		return i
	}
	in = instruments{
		rotations:      counter("rotations", "{rotation}", "Fetches that brought another version than the one before."),
		staleReads:     counter("stale_reads", "{read}", "Fetches that failed or took long, for which a read got a value past its TTL."),
		rejections:     counter("rejections", "{rejection}", "Credentials that a service refused."),
		decodeFailures: counter("decode_failures", "{version}", "Versions that a handle could not decode or validate."),
		sealedFailures: counter("sealed_file.failures", "{failure}", "Reads and writes of the sealed file that failed."),
		evictions:      counter("evictions", "{secret}", "Secrets that the cache dropped since it was full."),

		sourceUp:    gauge("source.up", "1", "0 while the source of the secrets, or this backend of it, can't answer, else 1."),
		secrets:     gauge("secrets", "{secret}", "Secrets by what a reader gets."),
		failing:     gauge("failing_secrets", "{secret}", "Secrets whose last fetch failed, by the kind of the error."),
		cached:      gauge("cached_secrets", "{secret}", "Secrets that are kept for reads by ID."),
		requests:    gauge("requests", "{request}", "Requests under way."),
		queued:      gauge("queued_fetches", "{fetch}", "Fetches that wait for their turn."),
		abandoned:   gauge("abandoned_requests", "{request}", "Calls of the source that have not returned in time."),
		undecodable: gauge("undecodable_handles", "{handle}", "Handles whose newest version does not decode."),
		failures:    gauge("secret.failures", "{fetch}", "Fetches of a listed secret that failed in a row, by the kind of the last error."),

		lastAnswer: seconds("source.last_answer.timestamp", "When the source last gave a secret."),
		lastEvent:  seconds("last_event.timestamp", "When an event that announces a change of a secret last came."),
		age:        seconds("secret.age", "How long ago a listed secret was fetched."),
		fetched:    seconds("secret.fetched.timestamp", "When a listed secret was fetched, and which version came."),
	}
	return in, all, err
}

// collect observes all values that are not recorded by events.
func (t *Telemetry) collect(_ context.Context, o metric.Observer) error {
	t.mu.Lock()
	c, sets := t.cache, slices.Clone(t.sets)
	t.mu.Unlock()

	in, n := &t.instruments, t.counts.Totals()
	o.ObserveInt64(in.rotations, int64(n.Rotations))
	o.ObserveInt64(in.staleReads, int64(n.StaleReads))
	o.ObserveInt64(in.rejections, int64(n.Rejections))
	o.ObserveInt64(in.decodeFailures, int64(n.DecodeFailures))
	o.ObserveInt64(in.sealedFailures, int64(n.SealedFileFailures))
	if !n.Answered.IsZero() {
		o.ObserveFloat64(in.lastAnswer, float64(n.Answered.UnixMilli())/1e3)
	}
	if len(sets) > 0 {
		var undecodable int64
		for _, s := range sets {
			undecodable += undecodableOf(s.Status())
		}
		o.ObserveInt64(in.undecodable, undecodable)
	}
	if c == nil {
		return nil
	}
	if s := c.Status(); !s.Closed {
		t.collectStatus(o, &s)
	}
	return nil
}

func undecodableOf(handles []status.Handle) (n int64) {
	for _, h := range handles {
		if h.UndecodableVersion != "" || h.DecodeError != "" {
			n++
		}
	}
	return n
}

func (t *Telemetry) collectStatus(o metric.Observer, s *status.Cache) {
	in := &t.instruments
	for _, b := range s.Backends {
		up, attrs := int64(1), []attribute.KeyValue{}
		if b.Down {
			up = 0
		}
		if b.Name != "" {
			attrs = append(attrs, text(backend, b.Name))
		}
		o.ObserveInt64(in.sourceUp, up, metric.WithAttributes(attrs...))
	}
	if !s.LastEvent.IsZero() {
		o.ObserveFloat64(in.lastEvent, float64(s.LastEvent.UnixMilli())/1e3)
	}
	for name, n := range s.States() {
		o.ObserveInt64(in.secrets, int64(n), metric.WithAttributes(attribute.String(state, string(name))))
	}
	classes := map[string]int64{}
	for i := range s.Secrets {
		if class := s.Secrets[i].Class; class != "" {
			classes[class]++
		}
	}
	for class, n := range classes {
		o.ObserveInt64(in.failing, n, metric.WithAttributes(attribute.String(errorType, class)))
	}
	o.ObserveInt64(in.evictions, int64(s.Evictions))
	o.ObserveInt64(in.cached, int64(s.Size))
	o.ObserveInt64(in.requests, int64(s.Requests))
	o.ObserveInt64(in.queued, int64(s.Queued))
	o.ObserveInt64(in.abandoned, int64(s.Abandoned))
	for i := range s.Secrets {
		// A pinned version never changes.
		if one := &s.Secrets[i]; one.PinnedVersion == "" && slices.Contains(t.cfg.listed, one.ID) {
			t.collectSecret(o, one)
		}
	}
}

func (t *Telemetry) collectSecret(o metric.Observer, s *status.Secret) {
	in := &t.instruments
	attrs := []attribute.KeyValue{text(secretID, s.ID), text(secretStage, s.Stage)}
	if s.ARN != "" {
		attrs = append(attrs, text(secretARN, s.ARN))
	}
	with := func(more ...attribute.KeyValue) metric.ObserveOption {
		return metric.WithAttributes(slices.Concat(attrs, more)...)
	}
	if s.Failures > 0 {
		o.ObserveInt64(in.failures, int64(s.Failures), with(attribute.String(errorType, s.Class)))
	}
	if s.Fetched.IsZero() {
		return
	}
	at := float64(s.Fetched.UnixMilli()) / 1e3
	if s.AgeSeconds < 0 {
		at = 0 // a date in the future would count as the newest of all
	} else {
		o.ObserveFloat64(in.age, s.AgeSeconds, with())
	}
	o.ObserveFloat64(in.fetched, at, with(text(secretVersion, s.Version)))
}
