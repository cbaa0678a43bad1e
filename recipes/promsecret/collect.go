package promsecret

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/typedsecret/typedsecret/status"
)

var descs []*prometheus.Desc

func describe(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc("typedsecret_"+name, help, labels, nil)
	descs = append(descs, d)
	return d
}

var (
	rotations      = describe("rotations_total", "Fetches that brought another version than the one before.")
	staleReads     = describe("stale_reads_total", "Fetches that failed or took long, for which a read got a value past its TTL.")
	rejections     = describe("rejections_total", "Credentials that a service refused.")
	decodeFailures = describe("decode_failures_total", "Versions that a handle could not decode or validate.")
	sealedFailures = describe("sealed_file_failures_total", "Reads and writes of the sealed file that failed.")
	sourceUp       = describe("source_up", "0 while the source of the secrets, or this backend of it, can't answer, else 1.", "backend")
	lastAnswer     = describe("source_last_answer_timestamp_seconds", "When the source last gave a secret.")

	lastEvent   = describe("last_event_timestamp_seconds", "When an event that announces a change of a secret last came.")
	secrets     = describe("secrets", "Secrets by what a reader gets.", "state")
	failing     = describe("failing_secrets", "Secrets whose last fetch failed, by the kind of the error.", "error_type")
	evictions   = describe("evictions_total", "Secrets that the cache dropped since it was full.")
	cached      = describe("cached_secrets", "Secrets that are kept for reads by ID.")
	requests    = describe("requests", "Requests under way.")
	queued      = describe("queued_fetches", "Fetches that wait for their turn.")
	abandoned   = describe("abandoned_requests", "Calls of the source that have not returned in time.")
	undecodable = describe("undecodable_handles", "Handles whose newest version does not decode.")

	age      = describe("secret_age_seconds", "How long ago a listed secret was fetched.", "secret", "stage")
	fetched  = describe("secret_fetched_timestamp_seconds", "When a listed secret was fetched, and which version came.", "secret", "arn", "stage", "version")
	failures = describe("secret_failures", "Fetches of a listed secret that failed in a row, by the kind of the last error.", "secret", "stage", "error_type")
)

func send(ch chan<- prometheus.Metric, d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
	for i, text := range labels {
		labels[i] = strings.ToValidUTF8(text, "\uFFFD")
	}
	ch <- prometheus.MustNewConstMetric(d, kind, value, labels...)
}

func (m *Metrics) collectTotals(ch chan<- prometheus.Metric) {
	t := m.counts.Totals()
	for d, n := range map[*prometheus.Desc]uint64{
		rotations: t.Rotations, staleReads: t.StaleReads, rejections: t.Rejections,
		decodeFailures: t.DecodeFailures, sealedFailures: t.SealedFileFailures,
	} {
		send(ch, d, prometheus.CounterValue, float64(n))
	}
	if !t.Answered.IsZero() {
		send(ch, lastAnswer, prometheus.GaugeValue, float64(t.Answered.UnixMilli())/1e3)
	}
}

func (m *Metrics) collectStatus(ch chan<- prometheus.Metric, s *status.Cache) {
	for _, b := range s.Backends {
		up := 1.0
		if b.Down {
			up = 0
		}
		send(ch, sourceUp, prometheus.GaugeValue, up, b.Name)
	}
	if !s.LastEvent.IsZero() {
		send(ch, lastEvent, prometheus.GaugeValue, float64(s.LastEvent.UnixMilli())/1e3)
	}
	for state, n := range s.States() {
		send(ch, secrets, prometheus.GaugeValue, float64(n), string(state))
	}
	classes := map[string]int{}
	for i := range s.Secrets {
		if class := s.Secrets[i].Class; class != "" {
			classes[class]++
		}
	}
	for class, n := range classes {
		send(ch, failing, prometheus.GaugeValue, float64(n), class)
	}
	send(ch, evictions, prometheus.CounterValue, float64(s.Evictions))
	for d, n := range map[*prometheus.Desc]int{cached: s.Size, requests: s.Requests, queued: s.Queued, abandoned: s.Abandoned} {
		send(ch, d, prometheus.GaugeValue, float64(n))
	}
	for _, one := range m.listedOf(s) {
		collectSecret(ch, one)
	}
}

// listedOf returns the secrets of s that are listed, one for each ID and stage, since two series
// with the same labels would fail the whole collection. A pinned version never changes, and
// has no series.
func (m *Metrics) listedOf(s *status.Cache) []*status.Secret {
	var found []*status.Secret
	for i := range s.Secrets {
		if one := &s.Secrets[i]; one.PinnedVersion == "" && slices.Contains(m.listed, one.ID) {
			found = append(found, one)
		}
	}
	slices.SortStableFunc(found, func(a, b *status.Secret) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Stage, b.Stage), b.Fetched.Compare(a.Fetched))
	})
	return slices.CompactFunc(found, func(a, b *status.Secret) bool { return a.ID == b.ID && a.Stage == b.Stage })
}

func collectSecret(ch chan<- prometheus.Metric, s *status.Secret) {
	if s.Failures > 0 {
		send(ch, failures, prometheus.GaugeValue, float64(s.Failures), s.ID, s.Stage, s.Class)
	}
	if s.Fetched.IsZero() {
		return
	}
	seconds, at := s.AgeSeconds, float64(s.Fetched.UnixMilli())/1e3
	if seconds < 0 { // a date in the future would count as the newest of all
		seconds, at = math.Inf(1), 0
	}
	send(ch, age, prometheus.GaugeValue, seconds, s.ID, s.Stage)
	send(ch, fetched, prometheus.GaugeValue, at, s.ID, s.ARN, s.Stage, s.Version)
}
