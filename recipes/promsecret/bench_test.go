package promsecret_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/recipes/promsecret"
	"github.com/typedsecret/typedsecret/secret"
)

// everything is a source that has every secret.
type everything struct{}

func (everything) Fetch(context.Context, secret.Ref) (secret.Value, error) {
	return secret.Value{Payload: secret.StringPayload("hunter2"), VersionID: "v1"}, nil
}

// BenchmarkGet measures a read of a fresh secret, without metrics and with them.
func BenchmarkGet(b *testing.B) {
	for name, m := range map[string]*promsecret.Metrics{"without": nil, "with": promsecret.New("prod/db")} {
		b.Run(name, func(b *testing.B) {
			var cfg cache.Config
			if m != nil {
				cfg.Observer = m
			}
			c := newCache(b, cfg)
			if m != nil {
				m.Report(c)
				prometheus.NewRegistry().MustRegister(m)
			}
			db := typedsecret.New[string]("prod/db", typedsecret.WithCache(c), typedsecret.WithCodec(codec.Text{}))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := db.Get(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCollect measures a scrape of a cache with 10,000 secrets, one of which is
// listed.
func BenchmarkCollect(b *testing.B) {
	m := promsecret.New("prod/7")
	c := newCache(b, cache.Config{Observer: m, MaxSize: 10_000})
	m.Report(c)
	for i := range 10_000 {
		if _, err := c.Get(b.Context(), secret.Ref{ID: fmt.Sprintf("prod/%d", i)}); err != nil {
			b.Fatal(err)
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}

func newCache(b *testing.B, cfg cache.Config) *cache.Cache {
	b.Helper()
	c, err := cache.New(everything{}, cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}
