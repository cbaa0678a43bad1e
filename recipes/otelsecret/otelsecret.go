// Package otelsecret gives OpenTelemetry the metrics of a cache of secrets, and a span for each
// fetch:
//
//	telemetry, err := otelsecret.New(otelsecret.WithListed("prod/db"))
//	c, err := cache.New(source, cache.Config{Observer: telemetry})
//	...
//	telemetry.Report(c)
//
// The metrics, whose names begin with typedsecret.:
//
//	fetch.duration                 histogram in s; error.type, if it failed, is secret.Class
//	rotations                      fetches that brought a new version
//	event.lag                      histogram in s; from a rotation that an event announced until
//	                               the cache had it
//	last_event.timestamp           in s; when such an event last came; absent before
//	stale_reads                    ServedStale: one a fetch, not one a read
//	rejections                     credentials that a service refused
//	decode_failures                versions that do not decode
//	sealed_file.failures
//	source.up                      0 while the source is down, as status.Backend has it; by
//	                               typedsecret.backend, if the source tells its backends apart
//	source.last_answer.timestamp   in s; moves only when a secret was fetched
//	secrets                        that were read, by typedsecret.state: fresh, due, stale, refused, absent
//	failing_secrets                secrets whose last fetch failed, by error.type
//	evictions, cached_secrets, requests, queued_fetches, abandoned_requests
//	undecodable_handles            after ReportSet
//
// Attributes name only the secrets that [WithListed] lists, by the ID that the program
// uses. These secrets have more metrics, by typedsecret.secret.id, typedsecret.secret.stage
// and, if it is known, aws.secretsmanager.secret.arn:
//
//	secret.age                     in s; absent if it is unknown
//	secret.fetched.timestamp       in s, by typedsecret.secret.version too; 0 if it is unknown
//	secret.failures                fetches that failed in a row, by error.type; absent for none
//
// The series of a secret ends when the cache drops it, and that of a version when it is
// replaced.
//
// # Spans
//
// A span named typedsecret.fetch lasts from before the source is asked until the fetch has
// ended. The spans of the AWS SDK are its children. It begins a trace of its own, since a fetch
// may outlive the request that began it. It has a link to that request's span, which gets a link
// back. That holds also if other requests wait for the fetch, and if no request waits since the
// fetch is in the background. In a Preload, one call fetches several secrets. Each secret has a
// span, and the SDK's spans are children of the Preload's span.
package otelsecret

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
)

// scope is the name of this instrumentation.
const scope = "github.com/typedsecret/typedsecret/recipes/otelsecret"

// A Telemetry observes one Cache. It is safe for concurrent use. A read of a fresh secret
// costs no more with it: a Telemetry gets events only of fetches, and reads the Cache's
// Status when metrics are collected.
type Telemetry struct {
	cfg          config
	counts       hook.Counts
	tracer       trace.Tracer
	took, lag    metric.Float64Histogram
	instruments  instruments
	registration metric.Registration

	mu    sync.Mutex // guards cache and sets
	cache *cache.Cache
	sets  []*typedsecret.Set
}

var _ hook.FetchObserver = (*Telemetry)(nil)

type config struct {
	meters  metric.MeterProvider
	tracers trace.TracerProvider
	listed  []string
}

// An Option is a setting of [New].
type Option func(*config)

// WithMeterProvider sets the provider of the meter. The default, also for nil, is
// otel.GetMeterProvider.
func WithMeterProvider(p metric.MeterProvider) Option { return func(c *config) { c.meters = p } }

// WithTracerProvider sets the provider of the tracer. The default, also for nil, is
// otel.GetTracerProvider.
func WithTracerProvider(p trace.TracerProvider) Option { return func(c *config) { c.tracers = p } }

// WithListed lists secrets by the IDs that the program uses. These secrets have metrics of
// their own, with their IDs, ARNs and versions as attributes.
func WithListed(ids ...string) Option {
	return func(c *config) { c.listed = slices.Concat(c.listed, ids) }
}

// New returns the Telemetry of a Cache. It returns the error of the meter.
func New(opts ...Option) (*Telemetry, error) {
	t := new(Telemetry)
	for _, o := range opts {
		o(&t.cfg)
	}
	if t.cfg.meters == nil {
		t.cfg.meters = otel.GetMeterProvider()
	}
	if t.cfg.tracers == nil {
		t.cfg.tracers = otel.GetTracerProvider()
	}
	t.tracer = t.cfg.tracers.Tracer(scope)
	meter := t.cfg.meters.Meter(scope)
	var err error
	t.took, err = meter.Float64Histogram("typedsecret.fetch.duration", metric.WithUnit("s"),
		metric.WithDescription("How long fetches of secrets took."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, fmt.Errorf("otelsecret: %w", err)
	}
	t.lag, err = meter.Float64Histogram("typedsecret.event.lag", metric.WithUnit("s"),
		metric.WithDescription("Time from a rotation that an event announced until the cache had the new version."),
		metric.WithExplicitBucketBoundaries(.5, 1, 2, 3, 5, 7.5, 10, 15, 30, 60, 300, 1800))
	if err != nil {
		return nil, fmt.Errorf("otelsecret: %w", err)
	}
	var all []metric.Observable
	if t.instruments, all, err = newInstruments(meter); err != nil {
		return nil, fmt.Errorf("otelsecret: %w", err)
	}
	if t.registration, err = meter.RegisterCallback(t.collect, all...); err != nil {
		return nil, fmt.Errorf("otelsecret: %w", err)
	}
	return t, nil
}

// Report adds the status of c, which has t as its Observer.
func (t *Telemetry) Report(c *cache.Cache) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cache = c
}

// ReportSet adds the number of handles of s whose newest version does not decode. A program with
// several Sets calls it for each.
func (t *Telemetry) ReportSet(s *typedsecret.Set) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s != nil && !slices.Contains(t.sets, s) {
		t.sets = append(t.sets, s)
	}
}

// Close ends the metrics that are read from the cache. The metrics of fetches go on.
func (t *Telemetry) Close() error { return t.registration.Unregister() }

// BeginFetch implements [hook.FetchObserver].
func (t *Telemetry) BeginFetch(ctx context.Context, s hook.Secret) context.Context {
	traced, span := t.begin(ctx, s, time.Now())
	return context.WithValue(traced, spanKey{t}, span)
}

// A spanKey is the key of a fetch's span in its context.
type spanKey struct{ of *Telemetry }

// Observe implements [hook.Observer].
func (t *Telemetry) Observe(ctx context.Context, e hook.Event) {
	t.counts.Observe(ctx, e)
	switch e := e.(type) {
	case hook.Fetched:
		t.fetch(ctx, e.Secret, e.Took, nil)
	case hook.FetchFailed:
		t.fetch(ctx, e.Secret, e.Took, e.Err)
	case hook.Announced:
		t.lag.Record(ctx, e.Lag.Seconds())
	}
}

// begin begins the span of a fetch that began at a moment, and links it to the request's.
func (t *Telemetry) begin(ctx context.Context, s hook.Secret, at time.Time) (context.Context, trace.Span) {
	opts := []trace.SpanStartOption{trace.WithNewRoot(), trace.WithTimestamp(at)}
	if slices.Contains(t.cfg.listed, s.ID) {
		opts = append(opts, trace.WithAttributes(text(secretID, s.ID), text(secretStage, s.Stage)))
	}
	request := trace.SpanFromContext(ctx)
	if request.SpanContext().IsValid() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: request.SpanContext()}))
	}
	ctx, span := t.tracer.Start(ctx, "typedsecret.fetch", opts...)
	if c := span.SpanContext(); c.IsValid() && request.IsRecording() {
		request.AddLink(trace.Link{SpanContext: c})
	}
	return ctx, span
}

// fetch records a fetch that ends now.
func (t *Telemetry) fetch(ctx context.Context, s hook.Secret, took time.Duration, err error) {
	end := time.Now()
	span, ok := ctx.Value(spanKey{t}).(trace.Span)
	if !ok { // the Cache was given another Observer, which calls this one
		_, span = t.begin(ctx, s, end.Add(-took))
	}
	var attrs []attribute.KeyValue
	if err != nil {
		attrs = append(attrs, attribute.String(errorType, secret.Class(err)))
		span.SetStatus(codes.Error, secret.Class(err)) // its text may name the secret
	}
	t.took.Record(ctx, took.Seconds(), metric.WithAttributes(attrs...))
	if slices.Contains(t.cfg.listed, s.ID) && s.VersionID != "" {
		attrs = append(attrs, text(secretVersion, s.VersionID))
	}
	span.SetAttributes(attrs...)
	span.End(trace.WithTimestamp(end))
}
