package engine_test

import (
	"context"
	"testing"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

func fixed(context.Context, secret.Ref) (secret.Value, error) {
	return secret.Value{Payload: secret.StringPayload(`{"user":"app","password":"pw"}`), VersionID: "v1"}, nil
}

func BenchmarkLookup(b *testing.B) {
	c := open(b, secret.SourceFunc(fixed), engine.Config{})
	snap := snapshot(b, c, "db")
	ctx, r := b.Context(), snap.Ref()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Lookup(ctx, r); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkFresh(b *testing.B) {
	c := open(b, secret.SourceFunc(fixed), engine.Config{})
	snap := snapshot(b, c, "db")
	b.ReportAllocs()
	for b.Loop() {
		_ = snap.Fresh()
	}
}

// Each Get of it fetches and evicts.
func BenchmarkColdGet(b *testing.B) {
	c := open(b, secret.SourceFunc(fixed), engine.Config{MaxSize: 1})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := c.Get(b.Context(), ref([]string{"a", "b"}[i%2])); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRefreshSameVersion(b *testing.B) {
	c := open(b, secret.SourceFunc(fixed), engine.Config{MinRefreshInterval: -1})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Refresh(b.Context(), ref("db")); err != nil {
			b.Fatal(err)
		}
	}
}
