package main

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/recipes/promsecret"
	"github.com/typedsecret/typedsecret/statuspage"
)

// A telemetry is what an operator sees of the secrets: logs, metrics and the page.
type telemetry struct {
	log     *slog.Logger
	metrics *promsecret.Metrics
	history statuspage.History
}

// newTelemetry lists the database's secret, so that one query shows each process
// that still has an old version.
func newTelemetry(log *slog.Logger, prefix string) *telemetry {
	return &telemetry{log: log, metrics: promsecret.New(prefix + "db")}
}

// observer returns the Observer for the cache's Config.
func (t *telemetry) observer() hook.Observer {
	return hook.Join(hook.Log(t.log), t.metrics, &t.history)
}

// handlers adds the handlers that show the cache and the Set.
func (t *telemetry) handlers(mux *http.ServeMux, c *cache.Cache, set *typedsecret.Set) {
	t.metrics.Report(c)
	t.metrics.ReportSet(set)
	registry := prometheus.NewRegistry()
	registry.MustRegister(t.metrics)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("/debug/secrets", statuspage.New(statuspage.Config{
		Title: "orders", Sets: []*typedsecret.Set{set}, Caches: []*cache.Cache{c}, History: &t.history, Refresh: true,
	}))
}
