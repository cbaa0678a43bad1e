package contender

import (
	"context"
	"time"

	"github.com/viccon/sturdyc"

	"github.com/typedsecret/typedsecret/bench/internal/source"
)

var sturdycRefresh = Contender{
	Name: "sturdyc",
	Setup: "New[Creds] with 10 shards, 24 TTLs, early refreshes from TTL/2, synchronous ones from TTL on, missing records " +
		"stored; GetOrFetch",
	Open: func(_ context.Context, cfg Config) (Store, error) {
		ttl := cfg.ttl()
		// The size is doubled, since each shard has its own bound and shards fill unevenly.
		c := sturdyc.New[source.Creds](2*cfg.maxSize(), 10, staleFor*ttl, 10,
			sturdyc.WithEarlyRefreshes(ttl/2, ttl*9/10, ttl, time.Second),
			sturdyc.WithMissingRecordStorage(),
			sturdyc.WithNoContinuousEvictions(),
			sturdyc.WithLog(&sturdyc.NoopLogger{}))
		return &sturdycStore{c, cfg}, nil
	},
}

type sturdycStore struct {
	client *sturdyc.Client[source.Creds]
	cfg    Config
}

func (s *sturdycStore) Handle(_ context.Context, id string) (Handle, error) {
	return handleOf(s, id), nil
}

func (s *sturdycStore) Get(ctx context.Context, id string) (source.Creds, error) {
	return s.client.GetOrFetch(ctx, id, func(ctx context.Context) (source.Creds, error) {
		return s.cfg.load(ctx, id)
	})
}

func (s *sturdycStore) Loop(ctx context.Context, ids []string) (int, error) {
	sum := 0
	for _, id := range ids {
		v, err := s.Get(ctx, id)
		if err != nil {
			return 0, err
		}
		sum += source.Use(&v)
	}
	return sum, nil
}

func (s *sturdycStore) Refresh(ctx context.Context, id string) error {
	_, err := s.client.Passthrough(ctx, id, func(ctx context.Context) (source.Creds, error) {
		return s.cfg.load(ctx, id)
	})
	return err
}

func (s *sturdycStore) Close() {}
