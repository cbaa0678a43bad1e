package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are those of a relay. No label is a secret's name.
type metrics struct {
	registry *prometheus.Registry

	received, givenUp, queueFailures prometheus.Counter
	published, publishFailures       *prometheus.CounterVec
	lastAnswer                       *prometheus.GaugeVec
	lag                              prometheus.Histogram
}

const prefix = "typedsecret_relay_"

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help})
	}
	byTarget := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, []string{"target"})
	}
	m := &metrics{
		registry:        prometheus.NewRegistry(),
		received:        counter("messages_received_total", "Messages that the queue has delivered, repetitions included."),
		givenUp:         counter("messages_given_up_total", "Messages that were no event, and were deleted."),
		queueFailures:   counter("queue_failures_total", "Polls of the queue that failed."),
		published:       byTarget("events_published_total", "Events that a target has taken, repetitions included."),
		publishFailures: byTarget("publish_failures_total", "Tries to publish an event that failed."),
		lastAnswer: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "last_answer_timestamp_seconds", Help: "When the queue or a target last answered; 0 if never.",
		}, []string{"part"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "lag_seconds", Help: "Time from the event, which AWS dates to the second, until each target had it.",
			Buckets: []float64{0.5, 1, 2, 5, 10, 30, 60, 300, 1800},
		}),
	}
	m.registry.MustRegister(m.received, m.givenUp, m.queueFailures, m.published, m.publishFailures, m.lastAnswer, m.lag,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// expect begins the series of the queue or a target, so that an alert sees one that never
// succeeds.
func (m *metrics) expect(name string) {
	m.lastAnswer.WithLabelValues(name)
	if name != theQueue {
		m.published.WithLabelValues(name)
		m.publishFailures.WithLabelValues(name)
	}
}

func (m *metrics) answered(name string) { m.lastAnswer.WithLabelValues(name).SetToCurrentTime() }

// tried counts a try to publish.
func (m *metrics) tried(name string, err error) {
	if err != nil {
		m.publishFailures.WithLabelValues(name).Inc()
		return
	}
	m.published.WithLabelValues(name).Inc()
	m.answered(name)
}
