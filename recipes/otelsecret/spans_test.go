package otelsecret_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/static"
)

func TestAFetchIsLinkedToItsRequest(t *testing.T) {
	w := newWorld(t, cache.Config{}, "prod/db")
	w.Seed(t, "prod/db", password)
	ctx, request := w.tracers.Tracer("test").Start(t.Context(), "GET /")
	v, err := w.cache.Get(ctx, current("prod/db"))
	if err != nil {
		t.Fatal(err)
	}
	request.End()
	fetches := w.ended()
	if len(fetches) != 1 {
		t.Fatalf("%d spans", len(fetches))
	}
	fetch := fetches[0]
	if links := fetch.Links(); len(links) != 1 || !links[0].SpanContext.Equal(request.SpanContext()) {
		t.Errorf("links of the fetch: %+v", links)
	}
	if links := request.(sdktrace.ReadOnlySpan).Links(); len(links) != 1 || !links[0].SpanContext.Equal(fetch.SpanContext()) {
		t.Errorf("links of the request: %+v", links)
	}
	if fetch.Parent().IsValid() || fetch.SpanContext().TraceID() == request.SpanContext().TraceID() {
		t.Error("the fetch is part of the request's trace")
	}
	if s := encode(attribute.NewSet(fetch.Attributes()...)); !strings.Contains(s, "typedsecret.secret.version="+v.VersionID) {
		t.Errorf("attributes: %s", s)
	}
}

// spanned is a source that makes a span of its own, as the AWS SDK does.
type spanned struct {
	secret.Source
	tracer trace.Tracer
	began  func() []sdktrace.ReadWriteSpan
	before []string // the spans that had begun
}

func (s *spanned) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	for _, b := range s.began() {
		s.before = append(s.before, b.Name())
	}
	ctx, span := s.tracer.Start(ctx, "GetSecretValue")
	defer span.End()
	return s.Source.Fetch(ctx, ref)
}

// TestTheSourcesSpanLiesInTheFetchs, which has begun before and ends after it, also if the
// Telemetry is one of several observers.
func TestTheSourcesSpanLiesInTheFetchs(t *testing.T) {
	for _, isJoined := range []bool{false, true} {
		w := newWorld(t, cache.Config{})
		tracer := w.tracers.Tracer("test")
		source := &spanned{Source: static.New(map[string]string{"prod/db": password}), tracer: tracer, began: w.spans.Started}
		cfg := cache.Config{Observer: w.telemetry}
		if isJoined {
			cfg.Observer = hook.Join(new(hook.Counts), w.telemetry)
		}
		c, err := cache.New(source, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, request := tracer.Start(t.Context(), "GET /")
		if _, err := c.Get(ctx, current("prod/db")); err != nil {
			t.Fatal(err)
		}
		request.End()
		if got := strings.Join(source.before, " "); got != "GET / typedsecret.fetch" {
			t.Errorf("before the source was asked: %s", got)
		}
		ended := w.spans.Ended()
		if len(ended) != 3 || ended[0].Name() != "GetSecretValue" || ended[1].Name() != "typedsecret.fetch" {
			t.Fatalf("%v", ended)
		}
		call, fetch := ended[0], ended[1]
		if call.Parent().SpanID() != fetch.SpanContext().SpanID() || fetch.StartTime().After(call.StartTime()) || fetch.EndTime().Before(call.EndTime()) {
			t.Errorf("the source's span does not lie in %v", fetch)
		}
		if links := fetch.Links(); len(links) != 1 || !links[0].SpanContext.Equal(request.SpanContext()) {
			t.Errorf("links: %+v", links)
		}
	}
}

// TestAWrappedTelemetryHasSpansToo: a function that hands on events knows of no BeginFetch.
func TestAWrappedTelemetryHasSpansToo(t *testing.T) {
	w := newWorld(t, cache.Config{})
	w.telemetry.Observe(t.Context(), hook.Fetched{Secret: hook.Secret{ID: "prod/db"}, Took: time.Second})
	if all := w.ended(); len(all) != 1 || all[0].EndTime().Sub(all[0].StartTime()) != time.Second {
		t.Errorf("%v", all)
	}
}

func TestTheSpanIsAsLongAsTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cache.Config{})
		w.Seed(t, "prod/db", password)
		began := time.Now()
		defer w.Fail(t, secrettest.Fault{Latency: 2 * time.Second, Effect: secrettest.AccessDenied()})()
		if _, err := w.cache.Get(t.Context(), current("prod/db")); !errors.Is(err, secret.ErrAccessDenied) {
			t.Fatal(err)
		}
		s := w.ended()[0]
		if !s.StartTime().Equal(began) || s.EndTime().Sub(began) != 2*time.Second {
			t.Errorf("from %v to %v", s.StartTime().Sub(began), s.EndTime().Sub(began))
		}
		if s.Status() != (sdktrace.Status{Code: codes.Error, Description: "access_denied"}) || len(s.Links()) != 0 {
			t.Errorf("%+v, links %+v", s.Status(), s.Links())
		}
		if got := encode(attribute.NewSet(s.Attributes()...)); got != "error.type=access_denied" {
			t.Errorf("attributes: %s", got)
		}
	})
}
