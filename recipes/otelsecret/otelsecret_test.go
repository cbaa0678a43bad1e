package otelsecret_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/recipes/otelsecret"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

const (
	password = `Zq7#Kx!9%Wv&3Jh` // no four bytes of it are in a name, a date or an ID
	rotated  = `Yt4~Gb^8$Nf*2Lc`
)

// A world is a fake Secrets Manager, a cache over it, and what OpenTelemetry gets of it.
type world struct {
	*secrettest.Server
	t         *testing.T
	cache     *cache.Cache
	telemetry *otelsecret.Telemetry
	reader    *metric.ManualReader
	spans     *tracetest.SpanRecorder
	tracers   *sdktrace.TracerProvider
}

func newWorld(t *testing.T, cfg cache.Config, listed ...string) *world {
	t.Helper()
	w := &world{t: t, reader: metric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	w.tracers = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	var err error
	w.telemetry, err = otelsecret.New(otelsecret.WithListed(listed...), otelsecret.WithTracerProvider(w.tracers),
		otelsecret.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(w.reader))))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Observer = w.telemetry
	w.Server, w.cache = secrettest.NewCache(t, cfg)
	w.telemetry.Report(w.cache)
	return w
}

func current(id string) secret.Ref { return secret.Ref{ID: id, Stage: "AWSCURRENT"} }

func (w *world) get(id string) {
	w.t.Helper()
	if _, err := w.cache.Get(w.t.Context(), current(id)); err != nil {
		w.t.Fatal(err)
	}
}

// metrics returns a line for each series, like name{key=value} 1. It may hold no piece of a
// secret.
func (w *world) metrics() string {
	w.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := w.reader.Collect(w.t.Context(), &rm); err != nil {
		w.t.Fatal(err)
	}
	w.search(rm)
	var lines strings.Builder
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Gauge[int64]:
				write(&lines, m.Name, data.DataPoints)
			case metricdata.Gauge[float64]:
				write(&lines, m.Name, data.DataPoints)
			case metricdata.Sum[int64]:
				write(&lines, m.Name, data.DataPoints)
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					fmt.Fprintf(&lines, "%s{%s} %d\n", m.Name, encode(p.Attributes), p.Count)
				}
			default:
				w.t.Errorf("%s is a %T", m.Name, data)
			}
		}
	}
	return lines.String()
}

func write[N int64 | float64](lines *strings.Builder, name string, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		fmt.Fprintf(lines, "%s{%s} %v\n", name, encode(p.Attributes), p.Value)
	}
}

func encode(s attribute.Set) string { return s.Encoded(attribute.DefaultEncoder()) }

// search fails the test if a piece of a secret is in what an exporter would write.
func (w *world) search(output any) {
	w.t.Helper()
	encoded, err := json.Marshal(output)
	if err != nil {
		w.t.Fatal(err)
	}
	all := string(encoded) + fmt.Sprintf("%+v", output)
	for _, s := range []string{password, rotated} {
		for i := range len(s) - 3 {
			if strings.Contains(all, s[i:i+4]) {
				w.t.Errorf("a piece of a secret is in\n%s", all)
			}
		}
	}
}

// ended returns the spans of fetches, in which no piece of a secret may be.
func (w *world) ended() []sdktrace.ReadOnlySpan {
	w.t.Helper()
	var fetches []sdktrace.ReadOnlySpan
	for _, s := range w.spans.Ended() {
		w.search(tracetest.SpanStubFromReadOnlySpan(s))
		if s.Name() == "typedsecret.fetch" {
			fetches = append(fetches, s)
		}
	}
	return fetches
}

// want fails the test if one of lines is not in got.
func want(t *testing.T, got string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+got, "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, got)
		}
	}
}

func TestAnOutageIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cache.Config{NoRefreshAhead: true}, "prod/db")
		w.Seed(t, "prod/db", password)
		w.Seed(t, "prod/hidden", password)
		w.get("prod/db")
		w.get("prod/hidden")
		want(t, w.metrics(),
			`typedsecret.source.up{} 1`, `typedsecret.secrets{typedsecret.state=fresh} 2`, `typedsecret.secrets{typedsecret.state=stale} 0`,
			`typedsecret.fetch.duration{} 2`, `typedsecret.stale_reads{} 0`)

		time.Sleep(2 * time.Hour)
		defer w.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})()
		w.get("prod/db")
		w.get("prod/hidden")
		synctest.Wait()
		got := w.metrics()
		want(t, got,
			`typedsecret.source.up{} 0`, `typedsecret.secrets{typedsecret.state=stale} 2`, `typedsecret.failing_secrets{error.type=unavailable} 2`,
			`typedsecret.fetch.duration{error.type=unavailable} 2`, `typedsecret.stale_reads{} 2`)
		if !strings.Contains(got, "\ntypedsecret.secret.failures{") || !strings.Contains(got, "\ntypedsecret.secret.age{") {
			t.Errorf("the secret that is listed has no series in\n%s", got)
		}
		if strings.Contains(got, "hidden") {
			t.Errorf("a secret that is not listed is named in\n%s", got)
		}
		for _, s := range w.ended() {
			if text := fmt.Sprintf("%+v", tracetest.SpanStubFromReadOnlySpan(s)); strings.Contains(text, "hidden") {
				t.Errorf("a secret that is not listed is named in %s", text)
			}
		}
	})
}

// halves is a source with two backends, of which us can't answer.
type halves struct{}

func (halves) Backend(ref secret.Ref) string { return ref.ID[:2] }

func (h halves) Fetch(_ context.Context, ref secret.Ref) (secret.Value, error) {
	if h.Backend(ref) == "us" {
		return secret.Value{}, secret.ErrUnavailable
	}
	return secret.Value{Payload: secret.StringPayload(password), VersionID: "v1"}, nil
}

// TestEachBackendIsUpOrDown by the verdict of the cache's health: one failure is none.
func TestEachBackendIsUpOrDown(t *testing.T) {
	w := newWorld(t, cache.Config{})
	c, err := cache.New(halves{}, cache.Config{Observer: w.telemetry})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w.telemetry.Report(c)
	for _, id := range []string{"eu/a", "us/a"} {
		_, _ = c.Get(t.Context(), current(id))
	}
	want(t, w.metrics(), `typedsecret.source.up{typedsecret.backend=eu} 1`, `typedsecret.source.up{typedsecret.backend=us} 1`)
	_, _ = c.Get(t.Context(), current("us/b"))
	want(t, w.metrics(), `typedsecret.source.up{typedsecret.backend=eu} 1`, `typedsecret.source.up{typedsecret.backend=us} 0`)
}

func TestWhatIsDroppedLosesItsSeries(t *testing.T) {
	w := newWorld(t, cache.Config{MaxSize: 1}, "prod/db")
	w.Seed(t, "prod/db", password)
	v, err := w.cache.Get(t.Context(), current("prod/db"))
	if err != nil {
		t.Fatal(err)
	}
	first := v.VersionID
	second := w.Rotate(t, "prod/db", rotated)
	if _, err := w.cache.Refresh(t.Context(), current("prod/db")); err != nil {
		t.Fatal(err)
	}
	got := w.metrics()
	if strings.Contains(got, first) || !strings.Contains(got, "typedsecret.secret.version="+second) {
		t.Errorf("not the version %s alone in\n%s", second, got)
	}
	want(t, got, `typedsecret.rotations{} 1`)

	w.Seed(t, "prod/other", password)
	w.get("prod/other")
	got = w.metrics()
	want(t, got, `typedsecret.evictions{} 1`)
	if strings.Contains(got, "prod/db") {
		t.Errorf("a secret that was evicted is in\n%s", got)
	}

	if err := w.telemetry.Close(); err != nil {
		t.Fatal(err)
	}
	if got := w.metrics(); strings.Contains(got, "typedsecret.secrets") || !strings.Contains(got, "typedsecret.fetch.duration") {
		t.Errorf("after Close:\n%s", got)
	}
}

func TestWhatACodecSaysIsCounted(t *testing.T) {
	w := newWorld(t, cache.Config{})
	var set, empty typedsecret.Set
	w.telemetry.ReportSet(&set)
	w.telemetry.ReportSet(&set) // counts once
	w.telemetry.ReportSet(&empty)
	db := typedsecret.New[struct{ Password string }]("prod/db", typedsecret.WithCache(w.cache), typedsecret.WithSet(&set))
	w.Seed(t, "prod/db", rotated)
	if _, err := db.Get(t.Context()); err == nil {
		t.Error("what is no JSON was decoded")
	}
	want(t, w.metrics(), `typedsecret.decode_failures{} 1`, `typedsecret.undecodable_handles{} 1`)
}

func TestAWarmGetAllocatesNothing(t *testing.T) {
	w := newWorld(t, cache.Config{}, "prod/db")
	w.Seed(t, "prod/db", password)
	db := typedsecret.New[string]("prod/db", typedsecret.WithCache(w.cache), typedsecret.WithCodec(codec.Text{}))
	ctx, span := w.tracers.Tracer("test").Start(t.Context(), "GET /")
	defer span.End()
	if _, err := db.Get(ctx); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = db.Get(ctx) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if n := len(w.ended()); n != 1 {
		t.Errorf("%d spans", n)
	}
}

func TestTheGlobalProvidersAreTheDefault(t *testing.T) {
	telemetry, err := otelsecret.New(otelsecret.WithMeterProvider(nil), otelsecret.WithTracerProvider(nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), trace.SpanContext{})
	telemetry.Observe(ctx, hook.FetchFailed{Err: secret.ErrNotFound})
	if err := telemetry.Close(); err != nil {
		t.Error(err)
	}
}

func Example() {
	reader := metric.NewManualReader()
	telemetry, err := otelsecret.New(otelsecret.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	if err != nil {
		panic(err)
	}
	defer telemetry.Close()
	// c, err := cache.New(source, cache.Config{Observer: telemetry})
	// telemetry.Report(c)

	// What a cache with this observer does:
	telemetry.Observe(context.Background(), hook.Rotated{Secret: hook.Secret{ID: "prod/db"}, From: "v1"})
	var all metricdata.ResourceMetrics
	err = reader.Collect(context.Background(), &all)
	for _, m := range all.ScopeMetrics[0].Metrics {
		if m.Name == "typedsecret.rotations" {
			fmt.Println(m.Name, m.Data.(metricdata.Sum[int64]).DataPoints[0].Value, err)
		}
	}
	// Output: typedsecret.rotations 1 <nil>
}
