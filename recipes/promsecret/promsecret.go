// Package promsecret gives Prometheus the metrics of a cache of secrets:
//
//	metrics := promsecret.New("prod/db")
//	c, err := cache.New(source, cache.Config{Observer: metrics})
//	...
//	metrics.Report(c)
//	prometheus.MustRegister(metrics)
//
// The metrics, whose names begin with typedsecret_:
//
//	fetch_duration_seconds{error_type}                     histogram; error_type is secret.Class
//	rotations_total                                        fetches that brought a new version
//	event_lag_seconds                                      histogram: from a rotation that an event
//	                                                       announced until the cache had it
//	last_event_timestamp_seconds                           when such an event last came; absent before
//	stale_reads_total                                      ServedStale: one a fetch, not one a read
//	rejections_total                                       credentials that a service refused
//	decode_failures_total                                  versions that do not decode
//	sealed_file_failures_total
//	source_up{backend}                                     0 while the source is down; the backend
//	                                                       is empty if there is but one
//	source_last_answer_timestamp_seconds                   moves only when a secret was fetched
//	secrets{state}                                         that were read, by what a reader gets:
//	                                                       fresh, due, stale, refused, absent
//	failing_secrets{error_type}                            secrets whose last fetch failed
//	evictions_total, cached_secrets, requests, queued_fetches, abandoned_requests
//	undecodable_handles                                    after ReportSet
//
// For source_up, down is what [status.Backend] calls down. Labels name only the secrets that [New]
// lists, by the ID that the program uses. These secrets have more metrics for each stage:
//
//	secret_age_seconds{secret, stage}                      +Inf if it is unknown
//	secret_fetched_timestamp_seconds{secret, arn, stage, version}  0 if it is unknown
//	secret_failures{secret, stage, error_type}             fetches that failed in a row; absent for none
//
// The series of a secret ends when the cache drops it, and that of a version when it is
// replaced. The process that fetched a secret last has the current version. So this query
// shows each process that still has an old one; the ARN distinguishes secrets of the same
// name in several accounts or regions:
//
//	typedsecret_secret_fetched_timestamp_seconds{stage="AWSCURRENT"}
//	  unless on (secret, arn, version)
//	topk by (secret, arn) (1, typedsecret_secret_fetched_timestamp_seconds{stage="AWSCURRENT"})
//
// The folder has alerts for Prometheus (alerts.yml), their tests (alerts_test.yml), and a
// dashboard for Grafana (dashboard.json).
//
// A program with several caches needs a Metrics for each. Register each by
// [prometheus.WrapRegistererWith] with a label of its own.
package promsecret

import (
	"context"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/status"
)

// A Metrics observes one Cache and is a Collector. It is safe for concurrent use. A read of
// a fresh secret costs no more with it: a Metrics gets events only of fetches, and reads
// the Cache's Status when Prometheus collects.
type Metrics struct {
	listed []string
	counts hook.Counts
	took   *prometheus.HistogramVec
	lag    prometheus.Histogram

	mu    sync.Mutex // guards cache and sets
	cache *cache.Cache
	sets  []*typedsecret.Set
}

var (
	_ hook.Observer        = (*Metrics)(nil)
	_ prometheus.Collector = (*Metrics)(nil)
)

// New returns the Metrics of a Cache. The secrets whose IDs are listed have metrics of
// their own; their IDs and versions are labels then.
func New(listed ...string) *Metrics {
	m := &Metrics{
		listed: slices.Clone(listed),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "typedsecret_fetch_duration_seconds",
			Help:    "How long fetches of secrets took. The error_type of one that succeeded is empty.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"error_type"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "typedsecret_event_lag_seconds",
			Help:    "Time from a rotation that an event announced until the cache had the new version.",
			Buckets: []float64{.5, 1, 2, 3, 5, 7.5, 10, 15, 30, 60, 300, 1800},
		}),
	}
	m.took.WithLabelValues("")
	return m
}

// Report adds the status of c, which has m as its Observer.
func (m *Metrics) Report(c *cache.Cache) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cache = c
}

// ReportSet adds the number of handles of s whose newest version does not decode. A program with
// several Sets calls it for each.
func (m *Metrics) ReportSet(s *typedsecret.Set) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s != nil && !slices.Contains(m.sets, s) {
		m.sets = append(m.sets, s)
	}
}

// Observe implements [hook.Observer].
func (m *Metrics) Observe(ctx context.Context, e hook.Event) {
	m.counts.Observe(ctx, e)
	switch e := e.(type) {
	case hook.Fetched:
		m.took.WithLabelValues("").Observe(e.Took.Seconds())
	case hook.FetchFailed:
		m.took.WithLabelValues(secret.Class(e.Err)).Observe(e.Took.Seconds())
	case hook.Announced:
		m.lag.Observe(e.Lag.Seconds())
	}
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	m.took.Describe(ch)
	m.lag.Describe(ch)
	for _, d := range descs {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	c, sets := m.cache, slices.Clone(m.sets)
	m.mu.Unlock()

	m.took.Collect(ch)
	m.lag.Collect(ch)
	m.collectTotals(ch)
	if len(sets) > 0 {
		n := 0
		for _, s := range sets {
			n += undecodableOf(s.Status())
		}
		send(ch, undecodable, prometheus.GaugeValue, float64(n))
	}
	if c == nil {
		return
	}
	if s := c.Status(); !s.Closed {
		m.collectStatus(ch, &s)
	}
}

func undecodableOf(handles []status.Handle) (n int) {
	for _, h := range handles {
		if h.UndecodableVersion != "" || h.DecodeError != "" {
			n++
		}
	}
	return n
}
