// Package cost measures the cost of reads. A read of a value in memory allocates nothing.
package cost_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A counter counts the calls of the codec.
type counter struct {
	codec.JSON
	calls atomic.Int64
}

func (c *counter) Decode(data []byte, into any) error {
	c.calls.Add(1)
	return c.JSON.Decode(data, into)
}

// TestWarmReadsDoNotAllocate also checks that they do not decode. It tries contexts in all
// states.
func TestWarmReadsDoNotAllocate(t *testing.T) {
	source := handletest.Storing("prod/db", rdsSecret)
	c := handletest.Open(t, source, cache.Config{})
	handletest.SetDefault(t, c)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	decodes := new(counter)
	byDefault := typedsecret.New[fiveFields]("prod/db", typedsecret.WithCodec(decodes))
	byCache := typedsecret.New[fiveFields]("prod/db", typedsecret.WithCache(c), typedsecret.WithCodec(decodes))
	byID := typedsecret.NewByID[fiveFields](typedsecret.WithCodec(decodes))
	server := secrettest.New(t)
	server.Seed(t, "prod/db", rdsSecret)
	byClient := typedsecret.NewByID[fiveFields](typedsecret.WithClient(handletest.ClientByURL(server)), typedsecret.WithCodec(decodes))
	key := typedsecret.New[string]("prod/db")
	injected := typedsecret.Inject(byDefault, func(_ context.Context, v fiveFields, n int) (int, error) { return v.Port + n, nil })

	var given fiveFields
	take := func(_ context.Context, v fiveFields) error { given = v; return nil }

	handletest.Must[fiveFields](t)(byCache.Get(t.Context()))
	for name, row := range map[string]struct {
		read func() (fiveFields, error)
		want float64
	}{
		"Secret.Get":                      {func() (fiveFields, error) { return byDefault.Get(t.Context()) }, 0},
		"Secret.Get, WithCache":           {func() (fiveFields, error) { return byCache.Get(t.Context()) }, 0},
		"Secret.Get, context done":        {func() (fiveFields, error) { return byDefault.Get(done) }, 0},
		"ByID.Get":                        {func() (fiveFields, error) { return byID.Get(t.Context(), "prod/db") }, 0},
		"ByID.Get, WithClient":            {func() (fiveFields, error) { return byClient.Get(t.Context(), "prod/db") }, 0},
		"Inject":                          {func() (v fiveFields, err error) { v.Port, err = injected(t.Context(), 0); return v, err }, 0},
		"Secret.Do":                       {func() (fiveFields, error) { err := byDefault.Do(t.Context(), take); return given, err }, 0},
		"Secret.Get of a string":          {func() (v fiveFields, err error) { v.Username, err = key.Get(t.Context()); v.Port = 5432; return v, err }, 0},
		"Secret.GetWithInfo: Info.Stages": {func() (fiveFields, error) { v, _, err := byDefault.GetWithInfo(t.Context()); return v, err }, 1},
		"ByID.GetWithInfo: Info.Stages":   {func() (fiveFields, error) { v, _, err := byID.GetWithInfo(t.Context(), "prod/db"); return v, err }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			handletest.Must[fiveFields](t)(row.read())
			got := testing.AllocsPerRun(1000, func() {
				if v, err := row.read(); err != nil || v.Port != 5432 {
					t.Fatal(v.Port, err)
				}
			})
			if got != row.want {
				t.Errorf("%v allocations, want %v", got, row.want)
			}
		})
	}
	if n := decodes.calls.Load(); n != 4 { // one call by each of four handles
		t.Errorf("the codec was called %d times, want 4", n)
	}
	if source.Count() != 1 || server.Calls("GetSecretValue") != 1 {
		t.Errorf("%d and %d fetches, want one each", source.Count(), server.Calls("GetSecretValue"))
	}
}
