package cost_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

type fiveFields struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Database string `json:"dbname"`
}

const rdsSecret = `{"username":"app","password":"hunter2","host":"db.internal","port":5432,"dbname":"orders"}`

func benchCache(b *testing.B) *cache.Cache {
	source := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{Payload: secret.StringPayload(rdsSecret), VersionID: "1"}, nil
	})
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// BenchmarkWarm shows the cost of a Get that finds its value in memory. Beside it stands
// the lower bound: a bare load of an atomic pointer to the same struct.
func BenchmarkWarm(b *testing.B) {
	ctx := b.Context()
	c := benchCache(b)
	handle := typedsecret.New[fiveFields]("prod/db", typedsecret.WithCache(c))
	byID := typedsecret.NewByID[fiveFields](typedsecret.WithCache(c))
	server := secrettest.New(b)
	server.Seed(b, "prod/db", rdsSecret)
	byClient := typedsecret.NewByID[fiveFields](typedsecret.WithClient(handletest.ClientByURL(server)))
	var floor atomic.Pointer[fiveFields]
	floor.Store(&fiveFields{Username: "app", Password: "hunter2", Host: "db.internal", Port: 5432, Database: "orders"})

	for _, bench := range []struct {
		name string
		get  func() (fiveFields, error)
	}{
		{"floor=atomic.Pointer", func() (fiveFields, error) { return *floor.Load(), nil }},
		{"Secret.Get", func() (fiveFields, error) { return handle.Get(ctx) }},
		{"ByID.Get, WithClient", func() (fiveFields, error) { return byClient.Get(ctx, "prod/db") }},
		{"ByID.Get", func() (fiveFields, error) { return byID.Get(ctx, "prod/db") }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			ports := 0
			for b.Loop() {
				v, err := bench.get()
				if err != nil {
					b.Fatal(err)
				}
				ports += v.Port
			}
			if ports != b.N*5432 {
				b.Fatal("a wrong value")
			}
		})
		b.Run(bench.name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if v, err := bench.get(); err != nil || v.Port != 5432 {
						b.Error("a wrong value")
						return
					}
				}
			})
		})
	}
}

// BenchmarkDo shows the cost of a Do whose function does nothing.
func BenchmarkDo(b *testing.B) {
	ctx := b.Context()
	handle := typedsecret.New[fiveFields]("prod/db", typedsecret.WithCache(benchCache(b)))
	ports := 0
	take := func(_ context.Context, v fiveFields) error {
		ports += v.Port
		return nil
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := handle.Do(ctx, take); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := handle.Do(ctx, func(context.Context, fiveFields) error { return nil }); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		typedsecret.New[fiveFields]("prod/db")
	}
}
